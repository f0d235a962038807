#include <cstring>
#include <iostream>
#include <skerry/base.h>
#include <skerry/net.h>
#include <skerrycore/module.h>

static unsigned echo(unsigned question) { return question + @N1@u; }

int main(int count, char **words) {
    if (count > 1 && std::strcmp(words[1], "--version") == 0) {
        std::cout << "skerryd " << VERSION << " (base " << skerry::version() << ")\n";
        return 0;
    }
    const skerry_module own = {SKERRYCORE_API, "own", echo};
    std::cout << "modules in " << MODULES << ", port " << skerry::net::port_of("skerryd") << ", accepts itself: "
              << skerry_accepts(&own) << '\n';
    return 0;
}
