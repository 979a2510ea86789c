#include "port.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>
#include <ctime>

#include "packet.h"
#include "tuntap.h"

namespace gotcp {
namespace {

// An Ethernet header and one tag end at this place of a slot, so that the IP header is aligned to four bytes.
constexpr uint32_t kIpOffset = 32;
constexpr uint32_t kEthernetHeader = 14;
constexpr uint32_t kTag = 4;
constexpr int kNoVlan = -1;

template <typename T>
T* Data(const Napi::Value& value, size_t* length) {
  Napi::TypedArray array = value.As<Napi::TypedArray>();
  *length = array.ElementLength();
  return reinterpret_cast<T*>(static_cast<uint8_t*>(array.ArrayBuffer().Data()) + array.ByteOffset());
}

}  // namespace

Napi::Function Port::Define(Napi::Env env) {
  const auto raw = [](const char* name, napi_callback method) {
    return napi_property_descriptor{name, nullptr, method, nullptr, nullptr, nullptr, napi_default, nullptr};
  };
  return DefineClass(env, "Port",
                     {
                         InstanceMethod("openPacket", &Port::OpenPacketSocket),
                         InstanceMethod("openTunTap", &Port::OpenTunTapDevice),
                         InstanceMethod("attach", &Port::Attach),
                         InstanceMethod("start", &Port::Start),
                         InstanceMethod("watch", &Port::Watch),
                         InstanceMethod("setRef", &Port::SetRef),
                         InstanceMethod("setFilter", &Port::SetFilter),
                         InstanceMethod("features", &Port::Features),
                         InstanceMethod("bufferSize", &Port::BufferSize),
                         InstanceMethod("drops", &Port::Drops),
                         InstanceMethod("name", &Port::Name),
                         InstanceMethod("descriptor", &Port::Descriptor),
                         InstanceMethod("close", &Port::Close),
                         raw("receive", &Port::ReceiveCall),
                         raw("send", &Port::SendCall),
                     });
}

Napi::Value Port::OpenPacketSocket(const Napi::CallbackInfo& info) {
  PacketOptions options;
  options.ifindex = info[0].As<Napi::Number>().Int32Value();
  const bool ethernet = info[1].As<Napi::Boolean>().Value();
  options.vnet_header = info[2].As<Napi::Boolean>().Value();
  options.ignore_outgoing = info[3].As<Napi::Boolean>().Value();
  options.promiscuous = info[4].As<Napi::Boolean>().Value();
  options.timestamps = info[5].As<Napi::Boolean>().Value();
  options.receive_buffer = info[6].As<Napi::Number>().Int32Value();
  options.send_buffer = info[7].As<Napi::Number>().Int32Value();
  options.filter = Data<uint8_t>(info[8], &options.filter_bytes);

  PacketSocket opened;
  const int status = OpenPacket(options, &opened);
  if (status == 0) {
    kind_ = Kind::kPacket;
    fd_ = std::move(opened.fd);
    features_ = opened.features;
    ifindex_ = options.ifindex;
    frame_offset_ = ethernet ? kIpOffset - kEthernetHeader : kIpOffset;
    tx_to_.sll_family = AF_PACKET;
    tx_to_.sll_ifindex = ifindex_;
    // A medium without headers cannot tell the protocol by itself.
    tx_to_.sll_protocol = ethernet ? 0 : htons(ETH_P_IP);
  }
  return Napi::Number::New(info.Env(), status);
}

Napi::Value Port::OpenTunTapDevice(const Napi::CallbackInfo& info) {
  const bool tap = info[1].As<Napi::Boolean>().Value();
  TunTapDevice opened;
  const int status =
      OpenTunTap(info[0].As<Napi::String>().Utf8Value(), tap, info[2].As<Napi::Boolean>().Value(), &opened);
  if (status == 0) {
    kind_ = tap ? Kind::kTap : Kind::kTun;
    fd_ = std::move(opened.fd);
    features_ = opened.features;
    name_ = std::move(opened.name);
    frame_offset_ = tap ? kIpOffset - kEthernetHeader : kIpOffset;
  }
  return Napi::Number::New(info.Env(), status);
}

Napi::Value Port::Attach(const Napi::CallbackInfo& info) {
  size_t slab = 0;
  size_t length = 0;
  rx_slab_ = Data<uint8_t>(info[0], &slab);
  rx_facts_ = Data<int32_t>(info[1], &length);
  slots_ = static_cast<uint32_t>(length / kRxFacts);
  slot_size_ = slots_ == 0 ? 0 : static_cast<uint32_t>(slab / slots_);
  rx_times_ = Data<double>(info[2], &length);
  const bool times = length >= slots_;
  tx_slab_ = Data<uint8_t>(info[3], &tx_slab_size_);
  tx_facts_ = Data<int32_t>(info[4], &length);
  tx_slots_ = static_cast<uint32_t>(length / kTxFacts);
  tx_state_ = Data<int32_t>(info[5], &length);
  if (slots_ == 0 || slot_size_ <= frame_offset_ || !times || tx_slots_ == 0 || length < kTxStates) {
    slots_ = 0;
    tx_slots_ = 0;
    return Napi::Number::New(info.Env(), -EINVAL);
  }
  for (size_t i = 0; i < 6; i++) memory_.push_back(Napi::Persistent(info[i].As<Napi::Object>()));

  rx_messages_.assign(slots_, mmsghdr{});
  rx_pieces_.assign(slots_ * 2, iovec{});
  rx_vnet_.assign(slots_, VirtioHeader{});
  rx_from_.assign(slots_, sockaddr_ll{});
  rx_control_.assign(slots_, Control{});
  for (uint32_t i = 0; i < slots_; i++) {
    iovec* pieces = &rx_pieces_[i * 2];
    pieces[0] = {&rx_vnet_[i], sizeof(VirtioHeader)};
    pieces[1] = {slot(i), slot_size_ - frame_offset_};
    msghdr& message = rx_messages_[i].msg_hdr;
    message.msg_iov = has_vnet() ? pieces : pieces + 1;
    message.msg_iovlen = has_vnet() ? 2 : 1;
    message.msg_name = &rx_from_[i];
    message.msg_control = rx_control_[i].bytes;
  }
  tx_messages_.assign(tx_slots_, mmsghdr{});
  tx_pieces_.assign(tx_slots_ * kPieces, iovec{});
  tx_vnet_.assign(tx_slots_, VirtioHeader{});
  return Napi::Number::New(info.Env(), 0);
}

Napi::Value Port::Start(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  on_ready_ = Napi::Persistent(info[0].As<Napi::Function>());
  if (napi_async_init(env, nullptr, Napi::String::New(env, "gotcp:port"), &context_) != napi_ok) {
    return Napi::Number::New(env, -ENOMEM);
  }
  int status = poller_.Open(
      env, fd_.get(), this, [](void* port, int events) { static_cast<Port*>(port)->OnReady(events); },
      [](void* port) { static_cast<Port*>(port)->Shut(); });
  if (status == 0) {
    // A watched port is not garbage, whoever has forgotten it.
    Ref();
    status = poller_.Watch(UV_READABLE);
  }
  return Napi::Number::New(env, status);
}

Napi::Value Port::Watch(const Napi::CallbackInfo& info) {
  const bool readable = info[0].As<Napi::Boolean>().Value();
  const bool writable = info[1].As<Napi::Boolean>().Value();
  return Napi::Number::New(info.Env(), poller_.Watch((readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0)));
}

Napi::Value Port::SetRef(const Napi::CallbackInfo& info) {
  poller_.SetRef(info[0].As<Napi::Boolean>().Value());
  return info.Env().Undefined();
}

Napi::Value Port::SetFilter(const Napi::CallbackInfo& info) {
  size_t bytes = 0;
  const uint8_t* filter = Data<uint8_t>(info[0], &bytes);
  return Napi::Number::New(info.Env(), AttachFilter(fd_.get(), filter, bytes));
}

Napi::Value Port::Features(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), features_); }

Napi::Value Port::BufferSize(const Napi::CallbackInfo& info) {
  const bool receive = info[0].As<Napi::Boolean>().Value();
  const int size = receive ? SetBuffer(fd_.get(), SO_RCVBUFFORCE, SO_RCVBUF, 0)
                           : SetBuffer(fd_.get(), SO_SNDBUFFORCE, SO_SNDBUF, 0);
  return Napi::Number::New(info.Env(), size);
}

Napi::Value Port::Drops(const Napi::CallbackInfo& info) {
  struct tpacket_stats stats = {};
  socklen_t length = sizeof stats;
  // Reading sets the kernel's counter to zero.
  if (kind_ == Kind::kPacket && getsockopt(fd_.get(), SOL_PACKET, PACKET_STATISTICS, &stats, &length) == 0) {
    drops_ += stats.tp_drops;
  }
  return Napi::Number::New(info.Env(), drops_);
}

Napi::Value Port::Name(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), name_); }

Napi::Value Port::Descriptor(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), fd_.get()); }

Napi::Value Port::Close(const Napi::CallbackInfo& info) {
  Shut();
  return info.Env().Undefined();
}

void Port::Shut() {
  if (!fd_) return;
  poller_.Close();
  fd_.reset();
  slots_ = 0;
  tx_slots_ = 0;
  if (context_ != nullptr) {
    napi_async_destroy(Env(), context_);
    context_ = nullptr;
    on_ready_.Reset();
    Unref();
  }
  memory_.clear();
}

napi_value Port::ReceiveCall(napi_env env, napi_callback_info info) {
  napi_value self;
  void* data = nullptr;
  napi_value result = nullptr;
  size_t none = 0;
  napi_get_cb_info(env, info, &none, nullptr, &self, nullptr);
  const int count = napi_unwrap(env, self, &data) == napi_ok ? static_cast<Port*>(data)->Receive() : -EINVAL;
  napi_create_int32(env, count, &result);
  return result;
}

napi_value Port::SendCall(napi_env env, napi_callback_info info) {
  size_t argc = 2;
  napi_value argv[2];
  napi_value self;
  void* data = nullptr;
  uint32_t count = 0;
  napi_value result = nullptr;
  napi_get_cb_info(env, info, &argc, argv, &self, nullptr);
  int done = -EINVAL;
  if (napi_unwrap(env, self, &data) == napi_ok && napi_get_value_uint32(env, argv[0], &count) == napi_ok) {
    done = static_cast<Port*>(data)->Send(env, count, argv[1]);
  }
  napi_create_int32(env, done, &result);
  return result;
}

int Port::Receive() {
  if (slots_ == 0) return -EBADF;
  return kind_ == Kind::kPacket ? ReceivePackets() : ReceiveDevice();
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
    facts[kRxFlags] = header == 0                                      ? 0
                      : (vnet.flags & VirtioHeader::kNeedsChecksum) != 0 ? kRxPartial
                      : (vnet.flags & VirtioHeader::kDataValid) != 0 ? kRxVerified
                                                                        : 0;
    facts[kRxSegmentSize] = header == 0 ? 0 : vnet.gso_size;
    facts[kRxGsoType] = header == 0 ? 0 : vnet.gso_type;
    facts[kRxPacketType] = PACKET_HOST;
    facts[kRxVlan] = kNoVlan;
    facts[kRxWireLength] = static_cast<int32_t>(length);
    count++;
  }
  return static_cast<int>(count);
}

bool Port::GatherFrame(napi_env env, uint32_t index, napi_value payloads) {
  const int32_t* facts = tx_facts_ + index * kTxFacts;
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

int Port::Reason(int error) const {
  if (kind_ != Kind::kPacket) {
    // A device answers EIO while it is down, EBADFD and EFAULT when it was deleted.
    return error == EIO ? -ENETDOWN : error == EBADFD || error == EFAULT ? -ENODEV : -error;
  }
  if (error != ENETDOWN && error != ENXIO) return -error;
  struct ifreq request = {};
  request.ifr_ifindex = ifindex_;
  return ioctl(fd_.get(), SIOCGIFNAME, &request) == 0 ? -ENETDOWN : -ENODEV;
}

void Port::OnReady(int events) {
  if (events >= 0) {
    if ((events & UV_WRITABLE) != 0) Report(0);
    if ((events & UV_READABLE) == 0 || !fd_) return;
    const int count = Receive();
    if (count != 0) Report(count);
    return;
  }
  // An error condition: reading tells which, and clears one that passes.
  int count = Receive();
  if (count == 0) count = Reason(ENETDOWN);
  if (count == -ENETDOWN || count > 0) poller_.Watch(UV_READABLE);
  Report(count);
}

void Port::Report(int count) {
  napi_env env = Env();
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  napi_value global;
  napi_value callback = on_ready_.Value();
  napi_value argument;
  napi_get_global(env, &global);
  napi_create_int32(env, count, &argument);
  if (napi_make_callback(env, context_, global, callback, 1, &argument, nullptr) == napi_pending_exception) {
    napi_value error;
    napi_get_and_clear_last_exception(env, &error);
    napi_fatal_exception(env, error);
  }
  napi_close_handle_scope(env, scope);
}

}  // namespace gotcp
