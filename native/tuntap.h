// TAP and TUN devices.
#ifndef GOTCP_NATIVE_TUNTAP_H_
#define GOTCP_NATIVE_TUNTAP_H_

#include <cstdint>
#include <string>

#include "fd.h"

namespace gotcp {

struct TunTapDevice {
  Fd fd;
  uint32_t features = 0;
  std::string name;  // as the kernel gave it: `tap%d` becomes `tap0`
};

// Opens or creates the device; 0 or -errno.
int OpenTunTap(const std::string& name, bool tap, bool vnet_header, TunTapDevice* out);

}  // namespace gotcp

#endif  // GOTCP_NATIVE_TUNTAP_H_
