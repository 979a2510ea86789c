// What a packet socket has heard, the kernel goes on to deal with; this ends it for some addresses.
#ifndef GOTCP_NATIVE_WITHHOLDING_H_
#define GOTCP_NATIVE_WITHHOLDING_H_

#include <cstddef>
#include <cstdint>

#include "fd.h"

namespace gotcp {

// A program at an interface's ingress (tcx, Linux 6.6), behind the packet sockets and before the kernel's IP. It ends
// with its owner, however the process ends.
class Withholding {
 public:
  // Of untagged Ethernet frames to this interface, the IPv4 packets to these addresses, in host order, and no others; the
  // interface is looked for in the present network namespace the first time. 0 or -errno: then all is as before.
  int Set(int ifindex, const uint32_t* addresses, size_t count);
  void End();

 private:
  Fd link_;
};

}  // namespace gotcp

#endif  // GOTCP_NATIVE_WITHHOLDING_H_
