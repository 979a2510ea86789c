// AF_PACKET sockets.
#ifndef GOTCP_NATIVE_PACKET_H_
#define GOTCP_NATIVE_PACKET_H_

#include <cstddef>
#include <cstdint>

#include "fd.h"
#include "packet-ring.h"

namespace gotcp {

struct PacketOptions {
  int ifindex = 0;
  bool vnet_header = true;
  bool ignore_outgoing = true;
  bool promiscuous = false;
  bool timestamps = false;
  int receive_buffer = 0;
  int send_buffer = 0;
  // Slots of a receive ring, which takes the place of the receive buffer; 0 for none.
  uint32_t ring_slots = 0;
  uint32_t ring_slot_size = 0;
  // struct sock_filter instructions in host order; null for no filter.
  const uint8_t* filter = nullptr;
  size_t filter_bytes = 0;
};

struct PacketSetup {
  PacketRing ring;
  uint32_t features = 0;
};

// A socket that hears nothing yet, in the present network namespace; whoever has it needs no right more. Empty with errno.
Fd NewPacketSocket();

// Sets one up and binds it; 0 or -errno, and then it hears nothing. No frame that the filter refuses is ever queued.
int OpenPacket(int fd, const PacketOptions& options, PacketSetup* out);

// Replaces the filter of any socket, at once; no bytes detach it. 0 or -errno.
int AttachFilter(int fd, const uint8_t* filter, size_t bytes);

// The size in force: the forced one with CAP_NET_ADMIN, else what rmem_max or wmem_max allows.
int SetBuffer(int fd, int force_option, int option, int bytes);

}  // namespace gotcp

#endif  // GOTCP_NATIVE_PACKET_H_
