#pragma once
// What all of the project's programs share. C++ has a namespace, C the functions at the end.
#ifdef __cplusplus
#include <cstdint>
#include <string_view>

namespace skerry {
const char *version();
std::uint32_t mix(std::string_view text);
} // namespace skerry
#endif

static inline unsigned skerry_spread(unsigned value) { return (value ^ (value >> 7)) * @N1@u; }
