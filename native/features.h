// What a port obtained from the kernel; the bits cross to JavaScript.
#ifndef GOTCP_NATIVE_FEATURES_H_
#define GOTCP_NATIVE_FEATURES_H_

#include <cstdint>

namespace gotcp {

enum Feature : uint32_t {
  kVnetHeader = 1,   // frames carry a virtio-net header
  kChecksum = 2,     // partial checksums are finished below us
  kTso4 = 4,         // TCP over IPv4 is segmented below us
  kTso6 = 8,
  kTsoEcn = 16,      // super-segments may carry CWR
  kUso4 = 32,        // UDP is segmented below us
  kUso6 = 64,
};

}  // namespace gotcp

#endif  // GOTCP_NATIVE_FEATURES_H_
