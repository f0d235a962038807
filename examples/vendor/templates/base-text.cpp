#include <skerry/text.h>

namespace skerry::text {

std::string shout(std::string_view text) {
    std::string loud(text);
    for (char &letter : loud) {
        if (letter >= 'a' && letter <= 'z') {
            letter = static_cast<char>(letter - 'a' + 'A');
        }
    }
    return loud;
}

} // namespace skerry::text
