#include "socket.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>

namespace gotcp {
namespace {

// holdPort(tcp, address, port, reuse): a kernel socket that owns the port and hears nothing; its descriptor, or -errno.
//
// The filter is in place before bind, so not one segment is answered. A SYN finds a listener and is dropped by its
// filter; without the listener the kernel would answer it with a reset.
Napi::Value HoldPort(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const bool tcp = info[0].As<Napi::Boolean>().Value();
  Fd fd(socket(AF_INET, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return Napi::Number::New(env, -errno);

  sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
  sock_fprog program = {1, &drop};
  if (setsockopt(fd.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0) {
    return Napi::Number::New(env, -errno);
  }
  if (info[3].As<Napi::Boolean>().Value()) {
    const int on = 1;
    setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  }
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(info[1].As<Napi::Number>().Uint32Value());
  address.sin_port = htons(static_cast<uint16_t>(info[2].As<Napi::Number>().Uint32Value()));
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      (tcp && listen(fd.get(), 1) != 0)) {
    return Napi::Number::New(env, -errno);
  }
  const int key = fd.get();
  env.GetInstanceData<Holds>()->by_fd.emplace(key, std::move(fd));
  return Napi::Number::New(env, key);
}

// releasePort(descriptor)
Napi::Value ReleasePort(const Napi::CallbackInfo& info) {
  info.Env().GetInstanceData<Holds>()->by_fd.erase(info[0].As<Napi::Number>().Int32Value());
  return info.Env().Undefined();
}

// openStream(ipv6): a TCP socket that is neither bound nor connected; its descriptor, which is the caller's, or -errno.
Napi::Value OpenStream(const Napi::CallbackInfo& info) {
  const int family = info[0].As<Napi::Boolean>().Value() ? AF_INET6 : AF_INET;
  const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  return Napi::Number::New(info.Env(), fd >= 0 ? fd : -errno);
}

// getOption(descriptor, level, name, target): the length written, or -errno
Napi::Value GetOption(const Napi::CallbackInfo& info) {
  Napi::Uint8Array target = info[3].As<Napi::Uint8Array>();
  socklen_t length = static_cast<socklen_t>(target.ByteLength());
  const int status = getsockopt(info[0].As<Napi::Number>().Int32Value(), info[1].As<Napi::Number>().Int32Value(),
                                info[2].As<Napi::Number>().Int32Value(), target.Data(), &length);
  return Napi::Number::New(info.Env(), status == 0 ? static_cast<int>(length) : -errno);
}

// setOption(descriptor, level, name, value): 0 or -errno
Napi::Value SetOption(const Napi::CallbackInfo& info) {
  Napi::Uint8Array value = info[3].As<Napi::Uint8Array>();
  const int status = setsockopt(info[0].As<Napi::Number>().Int32Value(), info[1].As<Napi::Number>().Int32Value(),
                                info[2].As<Napi::Number>().Int32Value(), value.Data(),
                                static_cast<socklen_t>(value.ByteLength()));
  return Napi::Number::New(info.Env(), status == 0 ? 0 : -errno);
}

// sendDatagram(path, bytes): one datagram to a Unix socket, which a leading @ names in the abstract namespace; 0 or -errno
Napi::Value SendDatagram(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const std::string path = info[0].As<Napi::String>().Utf8Value();
  Napi::Uint8Array bytes = info[1].As<Napi::Uint8Array>();
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) return Napi::Number::New(env, -EINVAL);
  std::memcpy(address.sun_path, path.data(), path.size());
  if (path[0] == '@') address.sun_path[0] = 0;
  const socklen_t length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  Fd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return Napi::Number::New(env, -errno);
  const ssize_t sent = sendto(fd.get(), bytes.Data(), bytes.ByteLength(), MSG_NOSIGNAL,
                              reinterpret_cast<sockaddr*>(&address), length);
  return Napi::Number::New(env, sent < 0 ? -errno : 0);
}

}  // namespace

void DefineSocket(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new Holds());
  exports.Set("holdPort", Napi::Function::New<HoldPort>(env));
  exports.Set("releasePort", Napi::Function::New<ReleasePort>(env));
  exports.Set("openStream", Napi::Function::New<OpenStream>(env));
  exports.Set("sendDatagram", Napi::Function::New<SendDatagram>(env));
  exports.Set("getOption", Napi::Function::New<GetOption>(env));
  exports.Set("setOption", Napi::Function::New<SetOption>(env));
}

}  // namespace gotcp
