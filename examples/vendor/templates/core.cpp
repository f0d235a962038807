#include <skerry/base.h>
#include <skerrycore/module.h>

extern "C" int skerry_accepts(const skerry_module *module) {
    return module && module->api == SKERRYCORE_API && skerry::mix(module->name) != 0;
}
