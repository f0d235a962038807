#pragma once
#include <string>
#include <string_view>

namespace skerry::text {
std::string shout(std::string_view text);
} // namespace skerry::text
