// The virtio-net header before each frame (Virtual I/O Device 1.1, §5.1.6), in host byte order.
// The kernel's own header for it is not C++ everywhere: it names a member `class`.
#ifndef GOTCP_NATIVE_VIRTIO_H_
#define GOTCP_NATIVE_VIRTIO_H_

#include <cstdint>

namespace gotcp {

struct VirtioHeader {
  static constexpr uint8_t kNeedsChecksum = 1;
  static constexpr uint8_t kDataValid = 2;
  static constexpr uint8_t kTcpV4 = 1;

  uint8_t flags;
  uint8_t gso_type;
  uint16_t hdr_len;
  uint16_t gso_size;
  uint16_t csum_start;
  uint16_t csum_offset;
};
static_assert(sizeof(VirtioHeader) == 10, "the kernel reads ten bytes");

}  // namespace gotcp

#endif  // GOTCP_NATIVE_VIRTIO_H_
