#include "transport-checksum.h"

#include <netinet/in.h>

#include "bytes.h"
#include "checksum.h"

namespace gotcp {
namespace {

constexpr size_t kIpHeader = 20;
constexpr size_t kUdpHeader = 8;
constexpr size_t kAddresses = 12;
// More fragments, or an offset (RFC 791).
constexpr uint16_t kFragment = 0x3fff;

uint32_t Swapped(uint32_t word) { return (word & 0xff) << 8 | word >> 8; }

}  // namespace

uint32_t PseudoSum(const uint8_t* ip, size_t length) { return AddSum(ip[9] + length, ip + kAddresses, 8); }

bool IsTransportIntact(const uint8_t* packet, size_t length) {
  if (length < kIpHeader || packet[0] >> 4 != 4) return false;
  const size_t header = static_cast<size_t>(packet[0] & 0x0f) * 4;
  const size_t total = Get16(packet + 2);
  if (header < kIpHeader || total < header || total > length || (Get16(packet + 6) & kFragment) != 0) return false;
  const uint8_t protocol = packet[9];
  if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP) return false;
  const size_t transport = total - header;
  // A datagram may be shorter than its packet, and its checksum covers no more than it (RFC 768).
  if (protocol == IPPROTO_UDP && (transport < kUdpHeader || Get16(packet + header + 4) != transport)) return false;
  return AddSum(PseudoSum(packet, transport), packet + header, transport) == 0xffff;
}

bool FinishTransportChecksum(const iovec* pieces, size_t count, size_t start, size_t offset) {
  if (count == 0 || start + offset + 2 > pieces[0].iov_len) return false;
  uint32_t sum = 0;
  size_t summed = 0;
  for (size_t i = 0; i < count; i++) {
    const size_t skip = i == 0 ? start : 0;
    const size_t length = pieces[i].iov_len - skip;
    const uint32_t part = AddSum(0, static_cast<const uint8_t*>(pieces[i].iov_base) + skip, length);
    // RFC 1071 §2.B: after an odd number of bytes the sum of the rest counts with its bytes swapped.
    sum += summed % 2 == 0 ? part : Swapped(part);
    summed += length;
  }
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  uint8_t* field = static_cast<uint8_t*>(pieces[0].iov_base) + start + offset;
  const uint32_t result = sum == 0xffff ? 0xffff : ~sum & 0xffff;
  Put16(field, static_cast<uint16_t>(result));
  return true;
}

}  // namespace gotcp
