// Checksums of TCP and UDP in whole frames: what a card without checksum offload leaves to the processor.
#ifndef GOTCP_NATIVE_TRANSPORT_CHECKSUM_H_
#define GOTCP_NATIVE_TRANSPORT_CHECKSUM_H_

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>

namespace gotcp {

// The sum of the pseudo-header of a transport packet of `length` bytes behind an IPv4 header (RFC 9293 §3.1).
uint32_t PseudoSum(const uint8_t* ip, size_t length);

// Whether `length` bytes at `packet` begin with an unfragmented IPv4 packet of TCP or UDP whose checksum is right.
// False says nothing: whoever takes the packet looks for himself. The IPv4 header's own checksum is not looked at.
bool IsTransportIntact(const uint8_t* packet, size_t length);

// Finishes the checksum of a frame in pieces. Its field, `offset` behind `start` and in the first piece, holds the sum
// of the pseudo-header. A result of 0 is written as 0xffff (RFC 768). False when the field lies elsewhere.
bool FinishTransportChecksum(const iovec* pieces, size_t count, size_t start, size_t offset);

}  // namespace gotcp

#endif  // GOTCP_NATIVE_TRANSPORT_CHECKSUM_H_
