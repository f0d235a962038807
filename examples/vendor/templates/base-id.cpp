#include <iostream>
#include <skerry/base.h>
#include <skerry/net.h>
#include <skerry/text.h>

int main(int count, char **words) {
    for (int place = 1; place < count; ++place) {
        std::cout << words[place] << ' ' << skerry::net::port_of(words[place]) << ' '
                  << skerry::text::shout(words[place]) << '\n';
    }
    return 0;
}
