#include "packet.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include <cerrno>
#include <cstdio>

#include "features.h"

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

namespace gotcp {
namespace {

int SetInt(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof value) == 0 ? 0 : -errno;
}

// An AF_PACKET socket cannot be asked for segmentation types: UDP super-segments came with Linux 6.2.
bool KernelSegmentsUdp() {
  struct utsname name;
  int major = 0;
  int minor = 0;
  if (uname(&name) != 0 || sscanf(name.release, "%d.%d", &major, &minor) != 2) return false;
  return major > 6 || (major == 6 && minor >= 2);
}

}  // namespace

int AttachFilter(int fd, const uint8_t* filter, size_t bytes) {
  if (bytes == 0) {
    int unused = 0;
    return setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof unused) == 0 || errno == ENOENT ? 0 : -errno;
  }
  const size_t count = bytes / sizeof(struct sock_filter);
  if (bytes % sizeof(struct sock_filter) != 0 || count > BPF_MAXINSNS) return -EINVAL;
  struct sock_fprog program = {};
  program.len = static_cast<unsigned short>(count);
  program.filter = reinterpret_cast<struct sock_filter*>(const_cast<uint8_t*>(filter));
  return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0 ? 0 : -errno;
}

int SetBuffer(int fd, int force_option, int option, int bytes) {
  if (bytes > 0 && SetInt(fd, SOL_SOCKET, force_option, bytes) != 0) SetInt(fd, SOL_SOCKET, option, bytes);
  int size = 0;
  socklen_t length = sizeof size;
  if (getsockopt(fd, SOL_SOCKET, option, &size, &length) != 0) return -errno;
  return size;
}

Fd NewPacketSocket() {
  // Protocol 0 receives nothing until bind, so that the filter is in place before the first frame.
  return Fd(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

int OpenPacket(int fd, const PacketOptions& options, PacketSetup* out) {
  if (options.filter_bytes > 0) {
    const int status = AttachFilter(fd, options.filter, options.filter_bytes);
    if (status != 0) return status;
  }
  if (options.ring_slots == 0) SetBuffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, options.receive_buffer);
  SetBuffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, options.send_buffer);

  uint32_t features = 0;
  if (options.vnet_header && SetInt(fd, SOL_PACKET, PACKET_VNET_HDR, 1) == 0) {
    features = kVnetHeader | kChecksum | kTso4 | kTso6 | kTsoEcn;
    if (KernelSegmentsUdp()) features |= kUso4 | kUso6;
  }
  if (options.ring_slots > 0) {
    const int status = out->ring.Open(fd, options.ring_slots, options.ring_slot_size, (features & kVnetHeader) != 0);
    if (status != 0) return status;
  }
  SetInt(fd, SOL_PACKET, PACKET_AUXDATA, 1);
  // Absent before Linux 4.20; the packet type then tells our own frames.
  if (options.ignore_outgoing) SetInt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
  if (options.timestamps) SetInt(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);

  struct sockaddr_ll address = {};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = options.ifindex;
  if (bind(fd, reinterpret_cast<struct sockaddr*>(&address), sizeof address) != 0) return -errno;

  if (options.promiscuous) {
    // A membership is counted by the kernel and ends with the socket; IFF_PROMISC would outlive a crash.
    struct packet_mreq request = {};
    request.mr_ifindex = options.ifindex;
    request.mr_type = PACKET_MR_PROMISC;
    if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof request) != 0) return -errno;
  }
  out->features = features;
  return 0;
}

}  // namespace gotcp
