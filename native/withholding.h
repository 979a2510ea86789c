// What a packet socket has heard, the kernel goes on to deal with; this ends it for some addresses.
#ifndef GOTCP_NATIVE_WITHHOLDING_H_
#define GOTCP_NATIVE_WITHHOLDING_H_

#include <linux/bpf.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "fd.h"

namespace gotcp {

// A program at an interface's ingress (tcx, Linux 6.6), behind the packet sockets and before the kernel's IP. It ends
// with its owner, however the process ends.
class Withholding {
 public:
  // Ends IPv4 packets to these addresses, in host order, that come in untagged Ethernet frames to this interface, and no
  // others. The interface is looked for in the present network namespace the first time. 0 or -errno, and then nothing is
  // withheld any more.
  int Set(int ifindex, const uint32_t* addresses, size_t count);
  void End();

 private:
  int Put(int ifindex, const std::vector<bpf_insn>& instructions);

  Fd link_;
};

}  // namespace gotcp

#endif  // GOTCP_NATIVE_WITHHOLDING_H_
