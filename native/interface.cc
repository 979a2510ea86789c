#include "interface.h"

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "fd.h"

namespace gotcp {
namespace {

// netlinkDump(type, family): the messages of one rtnetlink dump, as the kernel wrote them; or -errno.
Napi::Value NetlinkDump(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Fd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!fd) return Napi::Number::New(env, -errno);
  struct {
    nlmsghdr header;
    rtgenmsg body;
  } request = {};
  request.header.nlmsg_len = NLMSG_LENGTH(sizeof(rtgenmsg));
  request.header.nlmsg_type = static_cast<uint16_t>(info[0].As<Napi::Number>().Uint32Value());
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.body.rtgen_family = static_cast<unsigned char>(info[1].As<Napi::Number>().Uint32Value());
  if (send(fd.get(), &request, request.header.nlmsg_len, 0) < 0) return Napi::Number::New(env, -errno);

  std::vector<uint8_t> messages;
  std::vector<uint8_t> part(64 * 1024);
  for (bool done = false; !done;) {
    const ssize_t bytes = recv(fd.get(), part.data(), part.size(), 0);
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes <= 0) return Napi::Number::New(env, bytes < 0 ? -errno : -EIO);
    messages.insert(messages.end(), part.begin(), part.begin() + bytes);
    int left = static_cast<int>(bytes);
    for (nlmsghdr* message = reinterpret_cast<nlmsghdr*>(part.data()); NLMSG_OK(message, static_cast<unsigned>(left));
         message = NLMSG_NEXT(message, left)) {
      if (message->nlmsg_type == NLMSG_ERROR) {
        return Napi::Number::New(env, static_cast<nlmsgerr*>(NLMSG_DATA(message))->error);
      }
      if (message->nlmsg_type == NLMSG_DONE) done = true;
    }
  }
  return Napi::Buffer<uint8_t>::Copy(env, messages.data(), messages.size());
}

// One ioctl on an interface by name; 0 or -errno.
int Request(const Napi::Value& name, unsigned long command, ifreq* request) {
  const std::string text = name.As<Napi::String>().Utf8Value();
  if (text.size() >= IFNAMSIZ) return -ENODEV;
  memcpy(request->ifr_name, text.c_str(), text.size() + 1);
  Fd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) return -errno;
  return ioctl(fd.get(), command, request) == 0 ? 0 : -errno;
}

// setUp(name, up)
Napi::Value SetUp(const Napi::CallbackInfo& info) {
  ifreq request = {};
  int status = Request(info[0], SIOCGIFFLAGS, &request);
  if (status == 0) {
    if (info[1].As<Napi::Boolean>().Value()) {
      request.ifr_flags |= IFF_UP;
    } else {
      request.ifr_flags &= ~IFF_UP;
    }
    status = Request(info[0], SIOCSIFFLAGS, &request);
  }
  return Napi::Number::New(info.Env(), status);
}

// setMtu(name, bytes)
Napi::Value SetMtu(const Napi::CallbackInfo& info) {
  ifreq request = {};
  request.ifr_mtu = info[1].As<Napi::Number>().Int32Value();
  return Napi::Number::New(info.Env(), Request(info[0], SIOCSIFMTU, &request));
}

// setMac(name, six bytes)
Napi::Value SetMac(const Napi::CallbackInfo& info) {
  ifreq request = {};
  request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
  memcpy(request.ifr_hwaddr.sa_data, info[1].As<Napi::Uint8Array>().Data(), 6);
  return Napi::Number::New(info.Env(), Request(info[0], SIOCSIFHWADDR, &request));
}

void SetIpv4(ifreq* request, uint32_t address) {
  sockaddr_in in = {};
  in.sin_family = AF_INET;
  in.sin_addr.s_addr = htonl(address);
  memcpy(&request->ifr_addr, &in, sizeof in);
}

// setAddress(name, address, netmask), both as numbers in host order
Napi::Value SetAddress(const Napi::CallbackInfo& info) {
  ifreq request = {};
  SetIpv4(&request, info[1].As<Napi::Number>().Uint32Value());
  int status = Request(info[0], SIOCSIFADDR, &request);
  if (status == 0) {
    request = {};
    SetIpv4(&request, info[2].As<Napi::Number>().Uint32Value());
    status = Request(info[0], SIOCSIFNETMASK, &request);
  }
  return Napi::Number::New(info.Env(), status);
}

// enterNamespace(fd): moves the calling thread; what it opens from now on belongs there.
Napi::Value EnterNamespace(const Napi::CallbackInfo& info) {
  const int status = setns(info[0].As<Napi::Number>().Int32Value(), CLONE_NEWNET) == 0 ? 0 : -errno;
  return Napi::Number::New(info.Env(), status);
}

}  // namespace

void DefineInterface(Napi::Env env, Napi::Object exports) {
  exports.Set("netlinkDump", Napi::Function::New<NetlinkDump>(env));
  exports.Set("setUp", Napi::Function::New<SetUp>(env));
  exports.Set("setMtu", Napi::Function::New<SetMtu>(env));
  exports.Set("setMac", Napi::Function::New<SetMac>(env));
  exports.Set("setAddress", Napi::Function::New<SetAddress>(env));
  exports.Set("enterNamespace", Napi::Function::New<EnterNamespace>(env));
}

}  // namespace gotcp
