#include "port.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <cerrno>

#include "packet.h"
#include "tuntap.h"

namespace gotcp {
namespace {

constexpr uint32_t kEthernetHeader = 14;

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
                         InstanceMethod("openRing", &Port::OpenRing),
                         InstanceMethod("watch", &Port::Watch),
                         InstanceMethod("setRef", &Port::SetRef),
                         InstanceMethod("setCoalescing", &Port::SetCoalescing),
                         InstanceMethod("setFilter", &Port::SetFilter),
                         InstanceMethod("withhold", &Port::Withhold),
                         InstanceMethod("features", &Port::Features),
                         InstanceMethod("bufferSize", &Port::BufferSize),
                         InstanceMethod("drops", &Port::Drops),
                         InstanceMethod("isUp", &Port::IsUp),
                         InstanceMethod("name", &Port::Name),
                         InstanceMethod("descriptor", &Port::Descriptor),
                         InstanceMethod("close", &Port::Close),
                         raw("receive", &Port::ReceiveCall),
                         raw("release", &Port::ReleaseCall),
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
  options.filter = Data<uint8_t>(info[9], &options.filter_bytes);

  const bool with_ring = info[8].As<Napi::Boolean>().Value();
  PacketSetup opened;
  Fd fd = NewPacketSocket();
  Fd ring_fd = with_ring ? NewPacketSocket() : Fd();
  int status = !fd || (with_ring && !ring_fd) ? -errno : 0;
  if (status == 0) status = OpenPacket(fd.get(), options, &opened);
  if (status == 0) {
    kind_ = Kind::kPacket;
    fd_ = std::move(fd);
    ring_fd_ = std::move(ring_fd);
    features_ = opened.features;
    ignores_outgoing_ = options.ignore_outgoing;
    timestamps_ = options.timestamps;
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

Napi::Value Port::OpenRing(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  PacketOptions options;
  options.ifindex = ifindex_;
  options.vnet_header = has_vnet();
  options.ignore_outgoing = ignores_outgoing_;
  options.ring_slots = info[0].As<Napi::Number>().Uint32Value();
  options.ring_slot_size = info[1].As<Napi::Number>().Uint32Value();
  options.filter = Data<uint8_t>(info[2], &options.filter_bytes);
  if (slots_ == 0 || !ring_fd_ || options.ring_slots == 0) return Napi::Number::New(env, -EINVAL);
  if (ring_.taken() > 0 || ring_.HasMore()) return Napi::Number::New(env, -EBUSY);
  ring_poller_.Watch(0);
  int status = ring_ ? ring_.Remove(ring_fd_.get()) : 0;
  PacketSetup opened;
  if (status == 0) status = OpenPacket(ring_fd_.get(), options, &opened);
  if (status == 0 && !ring_poller_) {
    status = ring_poller_.Open(
        env, ring_fd_.get(), this, [](void* port, int events) { static_cast<Port*>(port)->OnRingReady(events); },
        [](void* port) { static_cast<Port*>(port)->Shut(); });
  }
  if (status == 0) status = ring_poller_.Watch(UV_READABLE);
  if (status != 0) {
    ring_poller_.Close();
    if (opened.ring) opened.ring.Remove(ring_fd_.get());
    // EBUSY would say that there is something to read.
    return Napi::Number::New(env, status == -EBUSY ? -ENOMEM : status);
  }
  // The other poller says whether the event loop goes on.
  ring_poller_.SetRef(false);
  ring_ = opened.ring;
  ring_slots_.reserve(slots_);
  // Views of the memory outlive the port; the last owner unmaps it.
  auto* owner = new std::shared_ptr<RingMemory>(ring_.memory());
  return Napi::ArrayBuffer::New(
      env, (*owner)->pages(), (*owner)->size(),
      [](Napi::Env, void*, std::shared_ptr<RingMemory>* ended) { delete ended; }, owner);
}

Napi::Value Port::Attach(const Napi::CallbackInfo& info) {
  size_t slab = 0;
  size_t length = 0;
  rx_slab_ = Data<uint8_t>(info[0], &slab);
  rx_facts_ = Data<int32_t>(info[1], &length);
  slots_ = static_cast<uint32_t>(length / kRxFacts / 2);
  slot_size_ = slots_ == 0 ? 0 : static_cast<uint32_t>(slab / slots_ / 2);
  rx_times_ = Data<double>(info[2], &length);
  const bool times = length >= slots_ * 2;
  tx_slab_ = Data<uint8_t>(info[3], &tx_slab_size_);
  tx_facts_ = Data<int32_t>(info[4], &length);
  tx_slots_ = static_cast<uint32_t>(length / kTxFacts);
  state_ = Data<int32_t>(info[5], &length);
  if (slots_ == 0 || slot_size_ <= frame_offset_ || !times || tx_slots_ == 0 || length < kPortStates) {
    slots_ = 0;
    tx_slots_ = 0;
    return Napi::Number::New(info.Env(), -EINVAL);
  }
  for (size_t i = 0; i < 6; i++) memory_.push_back(Napi::Persistent(info[i].As<Napi::Object>()));

  PrepareMessages();
  tx_messages_.assign(tx_slots_, mmsghdr{});
  tx_pieces_.assign(tx_slots_ * kPieces, iovec{});
  tx_vnet_.assign(tx_slots_, VirtioHeader{});
  if (!has_vnet()) {
    cut_messages_.assign(kCutAtOnce, mmsghdr{});
    cut_pieces_.assign(kCutAtOnce * Segmenter::kMaxPieces, iovec{});
    cut_headers_.assign(kCutAtOnce * Segmenter::kMaxHeaders, 0);
  }
  return Napi::Number::New(info.Env(), 0);
}

void Port::PrepareMessages() {
  batch_ = slots_;
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
  ring_poller_.Watch(readable ? UV_READABLE : 0);
  return Napi::Number::New(info.Env(), poller_.Watch((readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0)));
}

Napi::Value Port::SetRef(const Napi::CallbackInfo& info) {
  poller_.SetRef(info[0].As<Napi::Boolean>().Value());
  return info.Env().Undefined();
}

Napi::Value Port::SetCoalescing(const Napi::CallbackInfo& info) {
  coalesces_ = info[0].As<Napi::Boolean>().Value();
  return info.Env().Undefined();
}

Napi::Value Port::SetFilter(const Napi::CallbackInfo& info) {
  size_t bytes = 0;
  const uint8_t* filter = Data<uint8_t>(info[0], &bytes);
  const bool of_ring = info[1].As<Napi::Boolean>().Value();
  // What no longer comes by the ring comes by messages, and later than what lies there.
  if (of_ring) first_slots_ = ring_.HasMore() ? ring_.slots() : 0;
  return Napi::Number::New(info.Env(), AttachFilter(of_ring ? ring_fd_.get() : fd_.get(), filter, bytes));
}

Napi::Value Port::Withhold(const Napi::CallbackInfo& info) {
  size_t count = 0;
  const uint32_t* addresses = Data<uint32_t>(info[0], &count);
  int status = 0;
  if (count == 0) {
    withholding_.End();
  } else {
    status = !fd_ || kind_ != Kind::kPacket ? -EBADF : withholding_.Set(ifindex_, addresses, count);
  }
  return Napi::Number::New(info.Env(), status);
}

Napi::Value Port::Features(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), features_); }

Napi::Value Port::BufferSize(const Napi::CallbackInfo& info) {
  const bool receive = info[0].As<Napi::Boolean>().Value();
  const int size = receive ? SetBuffer(fd_.get(), SO_RCVBUFFORCE, SO_RCVBUF, 0)
                           : SetBuffer(fd_.get(), SO_SNDBUFFORCE, SO_SNDBUF, 0);
  return Napi::Number::New(info.Env(), size);
}

Napi::Value Port::Drops(const Napi::CallbackInfo& info) {
  for (const int fd : {fd_.get(), ring_fd_.get()}) {
    struct tpacket_stats stats = {};
    socklen_t length = sizeof stats;
    // Reading sets the kernel's counter to zero.
    if (kind_ != Kind::kPacket || getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &length) != 0) continue;
    drops_ += stats.tp_drops;
    if (fd == ring_fd_.get() && stats.tp_drops > 0) state_[kRxLosing] = 1;
  }
  return Napi::Number::New(info.Env(), drops_);
}

Napi::Value Port::IsUp(const Napi::CallbackInfo& info) {
  // A device that is down gives nothing; a socket gives what came before.
  if (kind_ != Kind::kPacket) return Napi::Boolean::New(info.Env(), true);
  struct ifreq request = {};
  request.ifr_ifindex = ifindex_;
  const bool is_up = ioctl(fd_.get(), SIOCGIFNAME, &request) == 0 && ioctl(fd_.get(), SIOCGIFFLAGS, &request) == 0 &&
                     (request.ifr_flags & IFF_UP) != 0;
  return Napi::Boolean::New(info.Env(), is_up);
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
  CloseRing();
  withholding_.End();
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

void Port::CloseRing() {
  ring_poller_.Close();
  ring_fd_.reset();
  // Frames that are being read stay until they are given back.
  if (ring_.taken() == 0) ring_.Close();
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

napi_value Port::ReleaseCall(napi_env env, napi_callback_info info) {
  napi_value self;
  void* data = nullptr;
  size_t none = 0;
  napi_get_cb_info(env, info, &none, nullptr, &self, nullptr);
  if (napi_unwrap(env, self, &data) == napi_ok) {
    Port* port = static_cast<Port*>(data);
    port->ring_.Release();
    if (!port->fd_) port->ring_.Close();
  }
  return nullptr;
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
    ReceiveAndReport();
    return;
  }
  // An error condition: reading tells which, and clears one that passes.
  int count = Receive();
  if (count == 0) count = Reason(ENETDOWN);
  if (count == -ENETDOWN || count > 0) poller_.Watch(UV_READABLE);
  Report(count);
}

void Port::OnRingReady(int events) {
  if (events >= 0) {
    ReceiveAndReport();
    return;
  }
  // The other socket meets the same error, and tells. This one works again when the interface does.
  int error = 0;
  socklen_t length = sizeof error;
  if (getsockopt(ring_fd_.get(), SOL_SOCKET, SO_ERROR, &error, &length) == 0) ring_poller_.Watch(UV_READABLE);
}

void Port::ReceiveAndReport() {
  const int count = Receive();
  if (count != 0) Report(count);
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
