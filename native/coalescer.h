// Joins TCP segments that follow each other into super-segments, as Linux's GRO does, where the kernel does not.
#ifndef GOTCP_NATIVE_COALESCER_H_
#define GOTCP_NATIVE_COALESCER_H_

#include <cstddef>
#include <cstdint>

namespace gotcp {

// An IPv4 packet: its bytes, how many there is room for where it lies, how many of a link's header lie before them, and
// whom the kernel says it is for (PACKET_HOST and so on).
struct Packet {
  uint8_t* bytes;
  size_t length;
  size_t room;
  size_t link_header;
  int32_t type;
};

// A packet that others were joined to: which one, its length now, and the payload of each segment but the last.
struct Joined {
  uint32_t index;
  size_t length;
  uint16_t segment_size;
};

// Looks at the packets of a batch in turn. The first segment of a run takes in the payload of those behind it; its TCP
// checksum then is the sum of the pseudo-header and wants to be finished. Nothing of a connection overtakes anything else
// of it.
class Coalescer {
 public:
  // Takes the packet that would be number `index` of those handed on, whose transport checksum is right. Whether another
  // took it in: then `joined` says which.
  bool Take(uint32_t index, const Packet& packet, Joined* joined);
  // What comes next is joined to nothing before it: the batch is over, or something lies between that is no such packet.
  void Break() { heads_ = 0; }

 private:
  static constexpr size_t kHeads = 8;

  // The first segment of a run, or whatever came last of a connection: what `is_open` tells.
  struct Head {
    uint32_t index;
    Packet packet;
    uint32_t next_seq;
    uint16_t headers;
    uint16_t segment_size;
    bool is_open;
  };

  Head* HeadOf(const uint8_t* packet);
  static bool Continues(const Head& head, const Packet& packet, size_t headers);
  static void Append(Head* head, const Packet& packet, size_t headers);

  Head heads_of_[kHeads] = {};
  size_t heads_ = 0;
  // The head that makes room next when there are too many.
  size_t next_out_ = 0;
};

}  // namespace gotcp

#endif  // GOTCP_NATIVE_COALESCER_H_
