#include "port.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

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
  if (!has_vnet() && facts[kTxChecksumStart] >= 0 && facts[kTxGsoType] == 0) {
    const size_t start = static_cast<size_t>(facts[kTxChecksumStart]);
    if (!FinishTransportChecksum(pieces, count, start, static_cast<size_t>(facts[kTxChecksumOffset]))) return false;
    // The frame may come again, from a queue that was full.
    facts[kTxChecksumStart] = -1;
  }
  msghdr& message = tx_messages_[index].msg_hdr;
  message = {};
  message.msg_iov = pieces;
  message.msg_iovlen = count;
  Address(&message);
  return true;
}

void Port::Address(msghdr* message) {
  if (tx_to_.sll_protocol == 0) return;
  message->msg_name = &tx_to_;
  message->msg_namelen = sizeof tx_to_;
}

int Port::Send(napi_env env, uint32_t count, napi_value payloads) {
  if (tx_slots_ == 0) return -EBADF;
  if (count > tx_slots_) return -EINVAL;
  for (uint32_t i = 0; i < count; i++) {
    if (!GatherFrame(env, i, payloads)) return -EFAULT;
  }
  state_[kTxLost] = 0;
  state_[kTxErrno] = 0;
  return has_vnet() ? Transmit(tx_messages_.data(), count) : SendCutting(count);
}

int Port::SendCutting(uint32_t count) {
  uint32_t done = 0;
  while (done < count) {
    uint32_t end = done;
    while (end < count && tx_facts_[end * kTxFacts + kTxGsoType] == 0) end++;
    const int sent = end > done ? Transmit(&tx_messages_[done], end - done) : SendSegments(done);
    if (sent < 0) return sent;
    done += static_cast<uint32_t>(sent);
    if (sent == 0 || done < end) break;
  }
  return static_cast<int>(done);
}

int Port::SendSegments(uint32_t index) {
  const int32_t* facts = tx_facts_ + index * kTxFacts;
  const msghdr& whole = tx_messages_[index].msg_hdr;
  const bool is_known = facts[kTxChecksumStart] >= 0 &&
                        segmenter_.Begin({whole.msg_iov, whole.msg_iovlen, ip_at() > 0,
                                          static_cast<size_t>(facts[kTxChecksumStart]),
                                          static_cast<size_t>(facts[kTxHeadersEnd]),
                                          static_cast<size_t>(facts[kTxSegmentSize])});
  if (!is_known) {
    state_[kTxLost]++;
    return 1;
  }
  const int32_t lost = state_[kTxLost];
  const size_t count = segmenter_.count();
  for (size_t from = 0; from < count; from += kCutAtOnce) {
    const size_t some = std::min(kCutAtOnce, count - from);
    for (size_t i = 0; i < some; i++) {
      iovec* pieces = &cut_pieces_[i * Segmenter::kMaxPieces];
      msghdr& message = cut_messages_[i].msg_hdr;
      message = {};
      message.msg_iov = pieces;
      message.msg_iovlen = segmenter_.Cut(from + i, &cut_headers_[i * Segmenter::kMaxHeaders], pieces);
      Address(&message);
    }
    const int sent = Transmit(cut_messages_.data(), static_cast<uint32_t>(some));
    // A frame is lost once, whatever number of its segments is.
    state_[kTxLost] = std::min(state_[kTxLost], lost + 1);
    if (sent < 0) return sent;
    if (static_cast<size_t>(sent) < some) {
      KeepRest(index, from + static_cast<size_t>(sent));
      return 0;
    }
  }
  return 1;
}

void Port::KeepRest(uint32_t index, size_t segments) {
  int32_t* facts = tx_facts_ + index * kTxFacts;
  const msghdr& whole = tx_messages_[index].msg_hdr;
  segmenter_.Advance(segments);
  const int32_t headers = facts[kTxHeadersEnd];
  int32_t gone = static_cast<int32_t>(segments) * facts[kTxSegmentSize];
  // The first piece, which begins with the headers, lies in the slab or where a full device's backlog does.
  int32_t* first = facts + (facts[kTxHeaderLength] > 0 ? kTxHeader : kTxPiece);
  if (first[1] > headers) {
    // It has payload behind them: they move up to what is left of it.
    const int32_t part = std::min(gone, first[1] - headers);
    uint8_t* bytes = static_cast<uint8_t*>(whole.msg_iov[0].iov_base);
    memmove(bytes + part, bytes, static_cast<size_t>(headers));
    first[0] += part;
    first[1] -= part;
    gone -= part;
  }
  for (int32_t* piece = first + 2; gone > 0 && piece <= facts + kTxPiece2; piece += 2) {
    const int32_t part = std::min(gone, piece[1]);
    piece[0] += part;
    piece[1] -= part;
    gone -= part;
  }
}

int Port::Transmit(mmsghdr* messages, uint32_t count) {
  return kind_ == Kind::kPacket ? TransmitPackets(messages, count) : TransmitDevice(messages, count);
}

int Port::TransmitPackets(mmsghdr* messages, uint32_t count) {
  uint32_t done = 0;
  while (done < count) {
    const int sent = sendmmsg(fd_.get(), messages + done, count - done, MSG_DONTWAIT);
    if (sent > 0) {
      done += static_cast<uint32_t>(sent);
      continue;
    }
    if (errno == EINTR) continue;
    state_[kTxErrno] = errno;
    if (errno == EAGAIN || errno == ENOBUFS) break;
    if (errno == ENETDOWN || errno == ENXIO || errno == ENODEV) return Reason(errno);
    // A frame that the kernel will never take must not stop those behind it.
    state_[kTxLost]++;
    done++;
  }
  return static_cast<int>(done);
}

int Port::TransmitDevice(mmsghdr* messages, uint32_t count) {
  uint32_t done = 0;
  while (done < count) {
    const msghdr& message = messages[done].msg_hdr;
    if (writev(fd_.get(), message.msg_iov, static_cast<int>(message.msg_iovlen)) >= 0) {
      done++;
      continue;
    }
    if (errno == EINTR) continue;
    state_[kTxErrno] = errno;
    if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM) break;
    if (errno == EIO || errno == EBADFD) return Reason(errno);
    state_[kTxLost]++;
    done++;
  }
  return static_cast<int>(done);
}

}  // namespace gotcp
