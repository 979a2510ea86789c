#include "coalescer.h"

#include <netinet/in.h>

#include <cstring>

#include "bytes.h"
#include "checksum.h"
#include "transport-checksum.h"

namespace gotcp {
namespace {

constexpr size_t kIpHeader = 20;
constexpr size_t kTcpHeader = 20;
constexpr size_t kMaxPacket = 65535;
constexpr size_t kAddresses = 12;
// Both addresses and, where the IPv4 header has no options, both ports.
constexpr size_t kEnds = 12;
constexpr size_t kIpChecksum = 10;
constexpr size_t kTcpFlags = kIpHeader + 13;
constexpr size_t kTcpChecksum = kIpHeader + 16;
// Version 4, a header of five words; don't fragment, and nothing of a fragment (RFC 791).
constexpr uint8_t kPlainIp = 0x45;
constexpr uint16_t kDontFragment = 0x4000;
constexpr uint16_t kNoFragment = 0xbfff;
constexpr uint8_t kPush = 0x08;
constexpr uint8_t kAck = 0x10;
constexpr uint8_t kEcnEcho = 0x40;

// Whether the ports of a TCP segment are where they usually are.
bool HasEnds(const Packet& packet) {
  const uint8_t* ip = packet.bytes;
  return packet.length >= kIpHeader + kTcpHeader && ip[0] == kPlainIp && ip[9] == IPPROTO_TCP;
}

// The length of the headers of a segment that may be joined: it has data, and says nothing but where it belongs. 0 for any
// other.
size_t HeadersOf(const Packet& packet) {
  const uint8_t* ip = packet.bytes;
  const size_t headers = kIpHeader + static_cast<size_t>(ip[kIpHeader + 12] >> 4) * 4;
  const uint8_t flags = ip[kTcpFlags];
  const bool is_plain = (flags & ~(kPush | kEcnEcho)) == kAck && (Get16(ip + 6) & kNoFragment) == 0 &&
                        (Get16(ip + 6) & kDontFragment) != 0 && Get16(ip + 2) == packet.length &&
                        headers >= kIpHeader + kTcpHeader && headers < packet.length;
  return is_plain && AddSum(0, ip, kIpHeader) == 0xffff ? headers : 0;
}

}  // namespace

bool Coalescer::Take(uint32_t index, const Packet& packet, Joined* joined) {
  if (!HasEnds(packet)) {
    Break();
    return false;
  }
  const size_t headers = HeadersOf(packet);
  Head* head = HeadOf(packet.bytes);
  if (headers > 0 && Continues(*head, packet, headers)) {
    Append(head, packet, headers);
    *joined = {head->index, head->packet.length, head->segment_size};
    return true;
  }
  const size_t payload = packet.length - headers;
  *head = {index, packet, 0, static_cast<uint16_t>(headers), static_cast<uint16_t>(payload), headers > 0};
  if (headers > 0) {
    head->next_seq = static_cast<uint32_t>(Get32(packet.bytes + kIpHeader + 4) + payload);
    head->is_open = (packet.bytes[kTcpFlags] & kPush) == 0;
  }
  return false;
}

// The head of a packet's connection, or the place for one.
Coalescer::Head* Coalescer::HeadOf(const uint8_t* packet) {
  for (size_t i = 0; i < heads_; i++) {
    if (memcmp(heads_of_[i].packet.bytes + kAddresses, packet + kAddresses, kEnds) == 0) return &heads_of_[i];
  }
  Head* place = heads_ < kHeads ? &heads_of_[heads_++] : &heads_of_[next_out_++ % kHeads];
  place->is_open = false;
  return place;
}

// Whether a segment says what the head would have said with its data behind its own: the rules of Linux's
// dev_gro_receive, inet_gro_receive and tcp_gro_receive, but for a FIN and for packets without DF, which stay by themselves.
bool Coalescer::Continues(const Head& head, const Packet& packet, size_t headers) {
  if (!head.is_open || headers != head.headers) return false;
  const uint8_t* a = head.packet.bytes;
  const uint8_t* b = packet.bytes;
  const size_t payload = packet.length - headers;
  const size_t whole = head.packet.length + payload;
  if (payload > head.segment_size || whole > kMaxPacket || whole > head.packet.room) return false;
  const size_t link = packet.link_header;
  if (packet.type != head.packet.type || memcmp(a - link, b - link, link) != 0) return false;
  const uint8_t* tcp_a = a + kIpHeader;
  const uint8_t* tcp_b = b + kIpHeader;
  // Traffic class with its ECN bits, time to live; acknowledgment, flags, window; options, the time stamps among them.
  return a[1] == b[1] && a[8] == b[8] && Get32(tcp_b + 4) == head.next_seq && memcmp(tcp_a + 8, tcp_b + 8, 5) == 0 &&
         ((tcp_a[13] ^ tcp_b[13]) & ~kPush) == 0 && memcmp(tcp_a + 14, tcp_b + 14, 2) == 0 &&
         memcmp(tcp_a + kTcpHeader, tcp_b + kTcpHeader, headers - kIpHeader - kTcpHeader) == 0;
}

void Coalescer::Append(Head* head, const Packet& packet, size_t headers) {
  uint8_t* ip = head->packet.bytes;
  const size_t payload = packet.length - headers;
  const uint8_t push = packet.bytes[kTcpFlags] & kPush;
  memcpy(ip + head->packet.length, packet.bytes + headers, payload);
  head->packet.length += payload;
  head->next_seq += static_cast<uint32_t>(payload);
  // A shorter one, or one that is to be told at once, ends the run.
  head->is_open = payload == head->segment_size && push == 0;
  ip[kTcpFlags] |= push;
  Put16(ip + 2, static_cast<uint16_t>(head->packet.length));
  Put16(ip + kIpChecksum, 0);
  Put16(ip + kIpChecksum, static_cast<uint16_t>(~AddSum(0, ip, kIpHeader)));
  Put16(ip + kTcpChecksum, static_cast<uint16_t>(PseudoSum(ip, head->packet.length - kIpHeader)));
}

}  // namespace gotcp
