#pragma once
#include <string_view>

namespace skerry::net {
unsigned port_of(std::string_view service);
} // namespace skerry::net
