#include "port.h"

#include <cerrno>

#include "transport-checksum.h"

namespace gotcp {

bool Port::GatherFrame(napi_env env, uint32_t index, napi_value payloads) {
  int32_t* facts = tx_facts_ + index * kTxFacts;
  iovec* pieces = &tx_pieces_[index * kPieces];
  size_t count = 0;
  if (has_vnet()) {
    VirtioHeader& vnet = tx_vnet_[index];
    vnet = {};
    if (facts[kTxChecksumStart] >= 0) {
      vnet.flags = VirtioHeader::kNeedsChecksum;
      vnet.csum_start = static_cast<uint16_t>(facts[kTxChecksumStart]);
      vnet.csum_offset = static_cast<uint16_t>(facts[kTxChecksumOffset]);
    }
    vnet.gso_type = static_cast<uint8_t>(facts[kTxGsoType]);
    vnet.gso_size = static_cast<uint16_t>(facts[kTxSegmentSize]);
    vnet.hdr_len = static_cast<uint16_t>(facts[kTxHeadersEnd]);
    pieces[count++] = {&vnet, sizeof vnet};
  }
  if (facts[kTxHeaderLength] > 0) {
    const uint64_t end = static_cast<uint64_t>(facts[kTxHeader]) + static_cast<uint64_t>(facts[kTxHeaderLength]);
    if (facts[kTxHeader] < 0 || end > tx_slab_size_) return false;
    pieces[count++] = {const_cast<uint8_t*>(tx_slab_) + facts[kTxHeader], static_cast<size_t>(facts[kTxHeaderLength])};
  }
  for (uint32_t i = 0; i < 2; i++) {
    const int32_t offset = facts[kTxPiece + 2 * i];
    const int32_t length = facts[kTxPieceLength + 2 * i];
    if (length <= 0) continue;
    napi_value element;
    napi_typedarray_type type;
    size_t size = 0;
    void* data = nullptr;
    if (napi_get_element(env, payloads, index * 2 + i, &element) != napi_ok ||
        napi_get_typedarray_info(env, element, &type, &size, &data, nullptr, nullptr) != napi_ok ||
        type != napi_uint8_array || offset < 0 || static_cast<size_t>(offset) + static_cast<size_t>(length) > size) {
      return false;
    }
    pieces[count++] = {static_cast<uint8_t*>(data) + offset, static_cast<size_t>(length)};
  }
  if (!has_vnet() && facts[kTxChecksumStart] >= 0) {
    const size_t start = static_cast<size_t>(facts[kTxChecksumStart]);
    if (!FinishTransportChecksum(pieces, count, start, static_cast<size_t>(facts[kTxChecksumOffset]))) return false;
    // The frame may come again, from a queue that was full.
    facts[kTxChecksumStart] = -1;
  }
  msghdr& message = tx_messages_[index].msg_hdr;
  message = {};
  message.msg_iov = pieces;
  message.msg_iovlen = count;
  if (tx_to_.sll_protocol != 0) {
    message.msg_name = &tx_to_;
    message.msg_namelen = sizeof tx_to_;
  }
  return true;
}

int Port::Send(napi_env env, uint32_t count, napi_value payloads) {
  if (tx_slots_ == 0) return -EBADF;
  if (count > tx_slots_) return -EINVAL;
  for (uint32_t i = 0; i < count; i++) {
    if (!GatherFrame(env, i, payloads)) return -EFAULT;
  }
  tx_state_[kTxLost] = 0;
  tx_state_[kTxErrno] = 0;
  return kind_ == Kind::kPacket ? SendPackets(count, tx_state_) : SendDevice(count, tx_state_);
}

int Port::SendPackets(uint32_t count, int32_t* state) {
  uint32_t done = 0;
  while (done < count) {
    const int sent = sendmmsg(fd_.get(), &tx_messages_[done], count - done, MSG_DONTWAIT);
    if (sent > 0) {
      done += static_cast<uint32_t>(sent);
      continue;
    }
    if (errno == EINTR) continue;
    state[kTxErrno] = errno;
    if (errno == EAGAIN || errno == ENOBUFS) break;
    if (errno == ENETDOWN || errno == ENXIO || errno == ENODEV) return Reason(errno);
    // A frame that the kernel will never take must not stop those behind it.
    state[kTxLost]++;
    done++;
  }
  return static_cast<int>(done);
}

int Port::SendDevice(uint32_t count, int32_t* state) {
  uint32_t done = 0;
  while (done < count) {
    const msghdr& message = tx_messages_[done].msg_hdr;
    if (writev(fd_.get(), message.msg_iov, static_cast<int>(message.msg_iovlen)) >= 0) {
      done++;
      continue;
    }
    if (errno == EINTR) continue;
    state[kTxErrno] = errno;
    if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM) break;
    if (errno == EIO || errno == EBADFD) return Reason(errno);
    state[kTxLost]++;
    done++;
  }
  return static_cast<int>(done);
}

}  // namespace gotcp
