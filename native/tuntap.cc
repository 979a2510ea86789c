#include "tuntap.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>

#include "features.h"

#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

namespace gotcp {
namespace {

// Each step needs the ones before it; the first that the kernel refuses ends the climb.
uint32_t ProbeOffload(int fd) {
  const struct {
    unsigned flags;
    uint32_t features;
  } steps[] = {
      {TUN_F_CSUM | TUN_F_TSO4, kChecksum | kTso4},
      {TUN_F_TSO6, kTso6},
      {TUN_F_TSO_ECN, kTsoEcn},
      {TUN_F_USO4 | TUN_F_USO6, kUso4 | kUso6},
  };
  unsigned flags = 0;
  uint32_t features = 0;
  for (const auto& step : steps) {
    if (ioctl(fd, TUNSETOFFLOAD, flags | step.flags) != 0) break;
    flags |= step.flags;
    features |= step.features;
  }
  return features;
}

}  // namespace

int OpenTunTap(const std::string& name, bool tap, bool vnet_header, TunTapDevice* out) {
  if (name.size() >= IFNAMSIZ) return -EINVAL;
  Fd fd(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return -errno;

  unsigned available = 0;
  if (ioctl(fd.get(), TUNGETFEATURES, &available) != 0) available = 0;
  const bool vnet = vnet_header && (available & IFF_VNET_HDR) != 0;

  struct ifreq request = {};
  memcpy(request.ifr_name, name.c_str(), name.size());
  request.ifr_flags = static_cast<short>((tap ? IFF_TAP : IFF_TUN) | IFF_NO_PI | (vnet ? IFF_VNET_HDR : 0));
  if (ioctl(fd.get(), TUNSETIFF, &request) != 0) return -errno;

  out->features = vnet ? kVnetHeader | ProbeOffload(fd.get()) : 0;
  out->name = request.ifr_name;
  out->fd = std::move(fd);
  return 0;
}

}  // namespace gotcp
