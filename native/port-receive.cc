#include "port.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>

#include <cerrno>
#include <cstring>
#include <ctime>

#include "transport-checksum.h"

namespace gotcp {
namespace {

constexpr uint32_t kEthernetHeader = 14;
constexpr uint32_t kTag = 4;
constexpr int kNoVlan = -1;

}  // namespace

int Port::Receive() {
  if (slots_ == 0) return -EBADF;
  return kind_ == Kind::kPacket ? ReceivePackets() : ReceiveDevice();
}

int32_t Port::Verified(uint32_t start, uint32_t length) const {
  const uint8_t* frame = rx_slab_ + start;
  const size_t ip = ip_at();
  if (length < ip || (ip > 0 && (frame[ip - 2] != ETH_P_IP >> 8 || frame[ip - 1] != (ETH_P_IP & 0xff)))) return 0;
  return IsTransportIntact(frame + ip, length - ip) ? kRxVerified : 0;
}

int Port::ReceivePackets() {
  for (uint32_t i = 0; i < slots_; i++) {
    rx_messages_[i].msg_hdr.msg_namelen = sizeof(sockaddr_ll);
    rx_messages_[i].msg_hdr.msg_controllen = kControl;
  }
  int count;
  do {
    count = recvmmsg(fd_.get(), rx_messages_.data(), slots_, MSG_DONTWAIT, nullptr);
  } while (count < 0 && errno == EINTR);
  if (count < 0) return errno == EAGAIN ? 0 : Reason(errno);

  for (int i = 0; i < count; i++) {
    msghdr& message = rx_messages_[i].msg_hdr;
    uint32_t length = rx_messages_[i].msg_len;
    int32_t* facts = rx_facts_ + i * kRxFacts;
    uint32_t start = static_cast<uint32_t>(i) * slot_size_ + frame_offset_;
    uint32_t flags = (message.msg_flags & MSG_TRUNC) != 0 ? kRxTruncated : 0;
    facts[kRxSegmentSize] = 0;
    facts[kRxGsoType] = 0;
    facts[kRxVlan] = kNoVlan;
    facts[kRxPacketType] = rx_from_[i].sll_pkttype;
    if (has_vnet()) {
      length = length < sizeof(VirtioHeader) ? 0 : length - sizeof(VirtioHeader);
      const VirtioHeader& vnet = rx_vnet_[i];
      if (vnet.flags & VirtioHeader::kNeedsChecksum) flags |= kRxPartial;
      if (vnet.flags & VirtioHeader::kDataValid) flags |= kRxVerified;
      facts[kRxSegmentSize] = vnet.gso_size;
      facts[kRxGsoType] = vnet.gso_type;
    }
    uint32_t wire_length = length;
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
      if (c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA) {
        tpacket_auxdata aux;
        memcpy(&aux, CMSG_DATA(c), sizeof aux);
        wire_length = aux.tp_len;
        if (aux.tp_status & TP_STATUS_CSUMNOTREADY) flags |= kRxPartial;
        if (aux.tp_status & TP_STATUS_CSUM_VALID) flags |= kRxVerified;
        if ((aux.tp_status & TP_STATUS_VLAN_VALID) != 0 && length >= kEthernetHeader) {
          // The kernel took the tag out of the frame; the room before the frame takes it back.
          const uint16_t tpid = htons((aux.tp_status & TP_STATUS_VLAN_TPID_VALID) ? aux.tp_vlan_tpid : ETH_P_8021Q);
          const uint16_t tci = htons(aux.tp_vlan_tci);
          uint8_t* frame = rx_slab_ + start;
          memmove(frame - kTag, frame, 12);
          memcpy(frame + 8, &tpid, 2);
          memcpy(frame + 10, &tci, 2);
          start -= kTag;
          length += kTag;
          wire_length += kTag;
          facts[kRxVlan] = aux.tp_vlan_tci;
        }
      } else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
        timespec at;
        memcpy(&at, CMSG_DATA(c), sizeof at);
        rx_times_[i] = static_cast<double>(at.tv_sec) * 1e6 + static_cast<double>(at.tv_nsec) / 1e3;
      }
    }
    if (flags == 0 && wire_length == length) flags = Verified(start, length);
    facts[kRxStart] = static_cast<int32_t>(start);
    facts[kRxEnd] = static_cast<int32_t>(start + length);
    facts[kRxFlags] = static_cast<int32_t>(flags);
    facts[kRxWireLength] = static_cast<int32_t>(wire_length);
  }
  return count;
}

int Port::ReceiveDevice() {
  uint32_t count = 0;
  while (count < slots_) {
    const msghdr& message = rx_messages_[count].msg_hdr;
    const ssize_t bytes = readv(fd_.get(), message.msg_iov, static_cast<int>(message.msg_iovlen));
    if (bytes < 0) {
      if (errno == EINTR) continue;
      // Frames before the error go up first; the error is met again at the next call.
      if (errno == EAGAIN || count > 0) break;
      return Reason(errno);
    }
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
                                                                                     : Verified(start, length);
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
