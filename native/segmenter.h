// Cuts TCP super-segments as a network card does (TCP segmentation offload), for links whose kernel does not.
#ifndef GOTCP_NATIVE_SEGMENTER_H_
#define GOTCP_NATIVE_SEGMENTER_H_

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>

namespace gotcp {

// A super-segment in pieces, as it was handed down: the first piece begins with all the headers.
struct SuperSegment {
  const iovec* pieces;
  size_t count;
  bool ethernet;
  // Where the TCP header begins, and where the payload does.
  size_t transport;
  size_t headers;
  // Payload of each segment but the last.
  size_t segment_size;
};

class Segmenter {
 public:
  static constexpr size_t kMaxHeaders = 160;
  // Headers, and the payload out of two pieces or of the rest of the first and two more.
  static constexpr size_t kMaxPieces = 4;

  // Takes a super-segment; false when it is not TCP over IPv4 with headers that fit each other.
  bool Begin(const SuperSegment& whole);

  size_t count() const { return (payload_ + whole_.segment_size - 1) / whole_.segment_size; }

  // Describes segment `index` in `pieces`, its headers in memory for kMaxHeaders bytes; returns how many pieces it has.
  // Each has the headers of the whole with its own lengths and checksums, identification and sequence number counted on,
  // FIN and PSH on the last only (they mean "after all of this"), CWR on the first only (RFC 3168 §6.1.2).
  size_t Cut(size_t index, uint8_t* headers, iovec* pieces) const;

  // Makes the headers of the whole, where they lie, those of what is left after the first `count` segments.
  void Advance(size_t count);

 private:
  uint8_t* headers() const { return static_cast<uint8_t*>(whole_.pieces[0].iov_base); }

  SuperSegment whole_ = {};
  size_t ip_ = 0;
  size_t payload_ = 0;
};

}  // namespace gotcp

#endif  // GOTCP_NATIVE_SEGMENTER_H_
