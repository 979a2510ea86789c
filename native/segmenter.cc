#include "segmenter.h"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "bytes.h"
#include "checksum.h"
#include "transport-checksum.h"

namespace gotcp {
namespace {

constexpr size_t kIpHeader = 20;
constexpr size_t kTcpHeader = 20;
constexpr size_t kTcpChecksum = 16;
constexpr size_t kEtherType = 12;
constexpr size_t kTag = 4;
constexpr uint8_t kFin = 0x01;
constexpr uint8_t kPush = 0x08;
constexpr uint8_t kCwr = 0x80;

// Where the IP header begins, behind Ethernet and at most two tags.
size_t IpAt(const uint8_t* frame, size_t length) {
  size_t at = kEtherType;
  for (int tags = 0; tags < 2 && at + kTag + 2 <= length; tags++) {
    const uint16_t type = Get16(frame + at);
    if (type != 0x8100 && type != 0x88a8) break;
    at += kTag;
  }
  return at + 2;
}

void CountOn(uint8_t* ip, uint8_t* tcp, size_t segments, size_t bytes) {
  Put16(ip + 4, static_cast<uint16_t>(Get16(ip + 4) + segments));
  Put32(tcp + 4, static_cast<uint32_t>(Get32(tcp + 4) + bytes));
  if (segments > 0) tcp[13] &= static_cast<uint8_t>(~kCwr);
}

}  // namespace

bool Segmenter::Begin(const SuperSegment& whole) {
  whole_ = whole;
  const size_t transport = whole.transport;
  if (whole.count == 0 || whole.segment_size == 0) return false;
  if (transport > kMaxHeaders || whole.headers > kMaxHeaders) return false;
  if (whole.headers > whole.pieces[0].iov_len || whole.headers < transport + kTcpHeader) return false;
  ip_ = whole.ethernet ? IpAt(headers(), whole.headers) : 0;
  if (transport < ip_ + kIpHeader) return false;
  const uint8_t* ip = headers() + ip_;
  const uint8_t* tcp = headers() + transport;
  if (ip[0] >> 4 != 4 || static_cast<size_t>(ip[0] & 0x0f) * 4 != transport - ip_ || ip[9] != IPPROTO_TCP) return false;
  if (static_cast<size_t>(tcp[12] >> 4) * 4 != whole.headers - transport) return false;
  size_t length = 0;
  for (size_t i = 0; i < whole.count; i++) length += whole.pieces[i].iov_len;
  payload_ = length - whole.headers;
  return payload_ > 0;
}

size_t Segmenter::Cut(size_t index, uint8_t* header, iovec* pieces) const {
  const size_t from = index * whole_.segment_size;
  const size_t to = std::min(from + whole_.segment_size, payload_);
  const size_t transport = whole_.headers - whole_.transport + to - from;
  memcpy(header, headers(), whole_.headers);
  uint8_t* ip = header + ip_;
  uint8_t* tcp = header + whole_.transport;
  CountOn(ip, tcp, index, from);
  if (to < payload_) tcp[13] &= static_cast<uint8_t>(~(kFin | kPush));
  Put16(ip + 2, static_cast<uint16_t>(whole_.transport - ip_ + transport));
  Put16(ip + 10, 0);
  Put16(ip + 10, static_cast<uint16_t>(~AddSum(0, ip, whole_.transport - ip_)));
  Put16(tcp + kTcpChecksum, static_cast<uint16_t>(PseudoSum(ip, transport)));

  size_t count = 0;
  pieces[count++] = {header, whole_.headers};
  size_t at = 0;
  for (size_t i = 0; i < whole_.count; i++) {
    const size_t skip = i == 0 ? whole_.headers : 0;
    const size_t length = whole_.pieces[i].iov_len - skip;
    const size_t first = std::max(from, at);
    const size_t last = std::min(to, at + length);
    uint8_t* bytes = static_cast<uint8_t*>(whole_.pieces[i].iov_base) + skip;
    if (first < last) pieces[count++] = {bytes + (first - at), last - first};
    at += length;
  }
  FinishTransportChecksum(pieces, count, whole_.transport, kTcpChecksum);
  return count;
}

void Segmenter::Advance(size_t count) {
  CountOn(headers() + ip_, headers() + whole_.transport, count, count * whole_.segment_size);
}

}  // namespace gotcp
