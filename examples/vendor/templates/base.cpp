#include <skerry/base.h>

namespace skerry {

const char *version() { return VERSION; }

std::uint32_t mix(std::string_view text) {
    std::uint32_t state = @N1@u;
    for (unsigned char letter : text) {
        state = (state ^ letter) * 16777619u;
    }
    return state;
}

} // namespace skerry
