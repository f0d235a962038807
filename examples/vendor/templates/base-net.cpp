#include <skerry/base.h>
#include <skerry/net.h>

namespace skerry::net {

unsigned port_of(std::string_view service) { return 1024u + mix(service) % 64512u; }

} // namespace skerry::net
