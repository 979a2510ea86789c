#include "port.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "bytes.h"
#include "transport-checksum.h"

namespace gotcp {
namespace {

constexpr uint32_t kEthernetHeader = 14;
constexpr uint32_t kTag = 4;
constexpr int kNoVlan = -1;

double Microseconds(int64_t seconds, int64_t nanoseconds) {
  return static_cast<double>(seconds) * 1e6 + static_cast<double>(nanoseconds) / 1e3;
}

}  // namespace

// What the kernel says of one frame of a packet socket, by a message or in a slot.
struct Port::Arrival {
  bool by_ring;
  bool in_ring;  // it still lies there
  uint32_t start;  // in the ring or in the slab
  uint32_t length;
  uint32_t wire_length;
  double time;  // microseconds; 0 where the kernel does not tell
  bool truncated;
  uint32_t status;  // TP_STATUS_*
  uint16_t vlan_tci;
  uint16_t vlan_tpid;
  uint8_t packet_type;
  VirtioHeader vnet;
};

int Port::Receive() {
  if (slots_ == 0) return -EBADF;
  // Facts of frames that are still being read stay as they are.
  if (ring_.taken() > 0) return 0;
  const int count = kind_ == Kind::kPacket ? ReceivePackets() : ReceiveDevice();
  return count > 1 && coalesces_ ? static_cast<int>(Coalesce(static_cast<uint32_t>(count))) : count;
}

uint32_t Port::Coalesce(uint32_t count) {
  const size_t at = ip_at();
  uint32_t kept = 0;
  coalescer_.Break();
  for (uint32_t i = 0; i < count; i++) {
    int32_t* facts = rx_facts_ + i * kRxFacts;
    const uint32_t start = static_cast<uint32_t>(facts[kRxStart]);
    const uint32_t length = static_cast<uint32_t>(facts[kRxEnd]) - start;
    const bool is_message = (facts[kRxFlags] & kRxInRing) == 0;
    const bool is_ipv4 = is_message && length > at && (at == 0 || Get16(rx_slab_ + start + at - 2) == ETH_P_IP);
    const bool is_whole = facts[kRxGsoType] == 0 && facts[kRxVlan] == kNoVlan &&
                          facts[kRxWireLength] == static_cast<int32_t>(length);
    Joined joined;
    if (!is_ipv4 || !is_whole || (facts[kRxFlags] & (kRxPartial | kRxVerified)) == 0) {
      coalescer_.Break();
    } else if (const size_t room = slot_size_ - start % slot_size_ - at;
               coalescer_.Take(kept, {rx_slab_ + start + at, length - at, room, at, facts[kRxPacketType]}, &joined)) {
      int32_t* whole = rx_facts_ + joined.index * kRxFacts;
      whole[kRxWireLength] = static_cast<int32_t>(at + joined.length);
      whole[kRxEnd] = whole[kRxStart] + whole[kRxWireLength];
      whole[kRxFlags] = kRxPartial | kRxJoined | (whole[kRxFlags] & kRxByRing);
      whole[kRxSegmentSize] = joined.segment_size;
      whole[kRxGsoType] = VirtioHeader::kTcpV4;
      continue;
    }
    if (kept < i) {
      memcpy(rx_facts_ + kept * kRxFacts, facts, kRxFacts * sizeof *facts);
      rx_times_[kept] = rx_times_[i];
    }
    kept++;
  }
  return kept;
}

int32_t Port::Verified(const uint8_t* frame, uint32_t length) const {
  const size_t ip = ip_at();
  if (length < ip || (ip > 0 && (frame[ip - 2] != ETH_P_IP >> 8 || frame[ip - 1] != (ETH_P_IP & 0xff)))) return 0;
  return IsTransportIntact(frame + ip, length - ip) ? kRxVerified : 0;
}

// A connection's frames stay in their order when they take the other way. What has begun to come by the ring is newer than
// its messages, of which there may be a window; slots wait no longer. What has ceased to is older, and goes first.
int Port::ReceivePackets() {
  const bool has_all_slots = TakeSlots();
  if (ring_slots_.empty()) first_slots_ = 0;
  const bool is_ring_first = first_slots_ > 0;
  first_slots_ -= std::min(first_slots_, ring_slots_.size());
  const uint32_t most = batch_;
  const int messages = is_ring_first ? 0 : ReceiveMessages(most);
  if (messages < 0) {
    ring_.PutBack(ring_.taken());
    return messages;
  }
  uint32_t count = 0;
  while (count < static_cast<uint32_t>(messages)) {
    Note(count, FromMessage(count));
    count++;
  }
  const bool has_all_messages = count < most;
  state_[kRxMore] = !has_all_slots || !has_all_messages || is_ring_first;
  const bool has_waited = postponed_ == kMostPostponed;
  postponed_ = has_all_messages || ring_slots_.empty() || has_waited ? 0 : postponed_ + 1;
  if (postponed_ > 0) {
    ring_.PutBack(ring_.taken());
    return messages;
  }
  // Single segments are to be joined, for which they have no room where they lie.
  const bool moves = coalesces_ && ring_.slot_size() < slot_size_;
  uint32_t moved = slots_;
  for (const tpacket2_hdr* slot : ring_slots_) {
    const Arrival arrival = FromSlot(*slot);
    Note(count++, moves ? Moved(arrival, moved++) : arrival);
  }
  if (moves) ring_.Release();
  return static_cast<int>(count);
}

Port::Arrival Port::Moved(const Arrival& arrival, uint32_t index) {
  Arrival moved = arrival;
  moved.in_ring = false;
  moved.start = index * slot_size_ + frame_offset_;
  memcpy(rx_slab_ + moved.start, ring_.memory()->pages() + arrival.start, arrival.length);
  return moved;
}

bool Port::TakeSlots() {
  ring_slots_.clear();
  size_t bytes = 0;
  while (ring_slots_.size() < slots_ && bytes < kBatchBytes) {
    const tpacket2_hdr* header = ring_.Take();
    if (header == nullptr) return true;
    bytes += header->tp_snaplen;
    ring_slots_.push_back(header);
  }
  return false;
}

int Port::ReceiveMessages(uint32_t most) {
  for (uint32_t i = 0; i < most; i++) {
    rx_messages_[i].msg_hdr.msg_namelen = sizeof(sockaddr_ll);
    rx_messages_[i].msg_hdr.msg_controllen = kControl;
  }
  int count;
  do {
    count = recvmmsg(fd_.get(), rx_messages_.data(), most, MSG_DONTWAIT, nullptr);
  } while (count < 0 && errno == EINTR);
  if (count < 0) return errno == EAGAIN ? 0 : Reason(errno);
  size_t bytes = 0;
  for (int i = 0; i < count; i++) bytes += rx_messages_[i].msg_len;
  // The next frames are as large as these, or nearly always.
  const size_t fitting = bytes == 0 ? slots_ : kBatchBytes * static_cast<size_t>(count) / bytes;
  batch_ = static_cast<uint32_t>(std::clamp<size_t>(fitting, 1, slots_));
  return count;
}

Port::Arrival Port::FromMessage(uint32_t index) {
  msghdr& message = rx_messages_[index].msg_hdr;
  Arrival arrival = {};
  arrival.start = index * slot_size_ + frame_offset_;
  arrival.length = rx_messages_[index].msg_len;
  arrival.truncated = (message.msg_flags & MSG_TRUNC) != 0;
  arrival.packet_type = rx_from_[index].sll_pkttype;
  if (has_vnet()) {
    arrival.vnet = rx_vnet_[index];
    arrival.length = arrival.length < sizeof(VirtioHeader) ? 0 : arrival.length - sizeof(VirtioHeader);
  }
  arrival.wire_length = arrival.length;
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA) {
      tpacket_auxdata aux;
      memcpy(&aux, CMSG_DATA(c), sizeof aux);
      arrival.wire_length = aux.tp_len;
      arrival.status = aux.tp_status;
      arrival.vlan_tci = aux.tp_vlan_tci;
      arrival.vlan_tpid = aux.tp_vlan_tpid;
    } else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
      timespec at;
      memcpy(&at, CMSG_DATA(c), sizeof at);
      arrival.time = Microseconds(at.tv_sec, at.tv_nsec);
    }
  }
  return arrival;
}

Port::Arrival Port::FromSlot(const tpacket2_hdr& header) {
  const uint8_t* slot = reinterpret_cast<const uint8_t*>(&header);
  const sockaddr_ll* from = reinterpret_cast<const sockaddr_ll*>(slot + TPACKET_ALIGN(sizeof header));
  if ((header.tp_status & TP_STATUS_LOSING) != 0) state_[kRxLosing] = 1;
  Arrival arrival = {};
  arrival.by_ring = true;
  arrival.in_ring = true;
  arrival.start = static_cast<uint32_t>(slot - ring_.memory()->pages()) + header.tp_mac;
  arrival.length = header.tp_snaplen;
  arrival.wire_length = header.tp_len;
  arrival.time = Microseconds(header.tp_sec, header.tp_nsec);
  arrival.truncated = ring_.IsTruncated(header);
  arrival.status = header.tp_status;
  arrival.vlan_tci = header.tp_vlan_tci;
  arrival.vlan_tpid = header.tp_vlan_tpid;
  arrival.packet_type = from->sll_pkttype;
  if (has_vnet()) memcpy(&arrival.vnet, slot + header.tp_mac - sizeof(VirtioHeader), sizeof(VirtioHeader));
  return arrival;
}

void Port::Note(uint32_t index, const Arrival& arrival) {
  uint8_t* memory = arrival.in_ring ? ring_.memory()->pages() : rx_slab_;
  uint32_t start = arrival.start;
  uint32_t length = arrival.length;
  uint32_t wire_length = arrival.wire_length;
  uint32_t flags = arrival.truncated ? kRxTruncated : 0;
  int32_t vlan = kNoVlan;
  if ((arrival.vnet.flags & VirtioHeader::kNeedsChecksum) != 0 || (arrival.status & TP_STATUS_CSUMNOTREADY) != 0) {
    flags |= kRxPartial;
  }
  if ((arrival.vnet.flags & VirtioHeader::kDataValid) != 0 || (arrival.status & TP_STATUS_CSUM_VALID) != 0) {
    flags |= kRxVerified;
  }
  if ((arrival.status & TP_STATUS_VLAN_VALID) != 0 && length >= kEthernetHeader) {
    // The kernel took the tag out of the frame; the room before the frame takes it back.
    const bool has_tpid = (arrival.status & TP_STATUS_VLAN_TPID_VALID) != 0;
    const uint16_t tpid = htons(has_tpid ? arrival.vlan_tpid : ETH_P_8021Q);
    const uint16_t tci = htons(arrival.vlan_tci);
    uint8_t* frame = memory + start;
    memmove(frame - kTag, frame, 12);
    memcpy(frame + 8, &tpid, 2);
    memcpy(frame + 10, &tci, 2);
    start -= kTag;
    length += kTag;
    wire_length += kTag;
    vlan = arrival.vlan_tci;
  }
  if (flags == 0 && wire_length == length) flags = static_cast<uint32_t>(Verified(memory + start, length));
  if (arrival.by_ring) flags |= kRxByRing;
  if (arrival.in_ring) flags |= kRxInRing;
  int32_t* facts = rx_facts_ + index * kRxFacts;
  facts[kRxStart] = static_cast<int32_t>(start);
  facts[kRxEnd] = static_cast<int32_t>(start + length);
  facts[kRxFlags] = static_cast<int32_t>(flags);
  facts[kRxSegmentSize] = arrival.vnet.gso_size;
  facts[kRxGsoType] = arrival.vnet.gso_type;
  facts[kRxPacketType] = arrival.packet_type;
  facts[kRxVlan] = vlan;
  facts[kRxWireLength] = static_cast<int32_t>(wire_length);
  if (timestamps_) rx_times_[index] = arrival.time;
}

int Port::ReceiveDevice() {
  uint32_t count = 0;
  size_t total = 0;
  state_[kRxMore] = 1;
  while (count < slots_ && total < kBatchBytes) {
    const msghdr& message = rx_messages_[count].msg_hdr;
    const ssize_t bytes = readv(fd_.get(), message.msg_iov, static_cast<int>(message.msg_iovlen));
    if (bytes < 0) {
      if (errno == EINTR) continue;
      // Frames before the error go up first; the error is met again at the next call.
      state_[kRxMore] = errno != EAGAIN;
      if (errno == EAGAIN || count > 0) break;
      return Reason(errno);
    }
    total += static_cast<size_t>(bytes);
    const size_t header = has_vnet() ? sizeof(VirtioHeader) : 0;
    if (static_cast<size_t>(bytes) <= header) continue;
    const uint32_t length = static_cast<uint32_t>(bytes - header);
    const uint32_t start = count * slot_size_ + frame_offset_;
    int32_t* facts = rx_facts_ + count * kRxFacts;
    const VirtioHeader& vnet = rx_vnet_[count];
    facts[kRxStart] = static_cast<int32_t>(start);
    facts[kRxEnd] = static_cast<int32_t>(start + length);
    facts[kRxFlags] = header != 0 && (vnet.flags & VirtioHeader::kNeedsChecksum) != 0 ? kRxPartial
                      : header != 0 && (vnet.flags & VirtioHeader::kDataValid) != 0  ? kRxVerified
                                                                                     : Verified(rx_slab_ + start, length);
    facts[kRxSegmentSize] = header == 0 ? 0 : vnet.gso_size;
    facts[kRxGsoType] = header == 0 ? 0 : vnet.gso_type;
    facts[kRxPacketType] = PACKET_HOST;
    facts[kRxVlan] = kNoVlan;
    facts[kRxWireLength] = static_cast<int32_t>(length);
    count++;
  }
  return static_cast<int>(count);
}

}  // namespace gotcp
