// The Internet checksum (RFC 1071) over long runs.
#ifndef GOTCP_NATIVE_CHECKSUM_H_
#define GOTCP_NATIVE_CHECKSUM_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace gotcp {

// Adds `length` bytes as big-endian 16-bit words to `sum` and folds; an odd last byte is padded with zero.
inline uint32_t AddSum(uint64_t sum, const uint8_t* bytes, size_t length) {
  // In native byte order the sum only comes out with its two bytes swapped (RFC 1071 §2.B).
  uint64_t native = 0;
  uint64_t high = 0;
  size_t at = 0;
  for (; at + 16 <= length; at += 16) {
    uint64_t words[2];
    memcpy(words, bytes + at, sizeof words);
    native += (words[0] & 0xffffffff) + (words[1] & 0xffffffff);
    high += (words[0] >> 32) + (words[1] >> 32);
  }
  native += high;
  for (; at + 4 <= length; at += 4) {
    uint32_t word;
    memcpy(&word, bytes + at, 4);
    native += word;
  }
  uint16_t rest[2] = {0, 0};
  // An empty array may lie nowhere.
  if (at < length) memcpy(rest, bytes + at, length - at);
  native += rest[0];
  native += rest[1];
  while (native >> 16 != 0) native = (native & 0xffff) + (native >> 16);
  const uint16_t one = 1;
  const bool little_endian = *reinterpret_cast<const uint8_t*>(&one) == 1;
  sum += little_endian ? ((native & 0xff) << 8 | native >> 8) : native;
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint32_t>(sum);
}

}  // namespace gotcp

#endif  // GOTCP_NATIVE_CHECKSUM_H_
