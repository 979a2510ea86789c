// The receive ring of an AF_PACKET socket (Linux, Documentation/networking/packet_mmap.rst, TPACKET_V2).
#ifndef GOTCP_NATIVE_PACKET_RING_H_
#define GOTCP_NATIVE_PACKET_RING_H_

#include <linux/if_packet.h>

#include <cstddef>
#include <cstdint>
#include <memory>

namespace gotcp {

// The ring's pages. They can be read for as long as anybody has them, whatever became of the socket.
class RingMemory {
 public:
  RingMemory(void* pages, size_t size) : pages_(static_cast<uint8_t*>(pages)), size_(size) {}
  RingMemory(const RingMemory&) = delete;
  RingMemory& operator=(const RingMemory&) = delete;
  ~RingMemory();

  uint8_t* pages() const { return pages_; }
  size_t size() const { return size_; }
  // Gives the kernel its pages back, and with them the socket, which they kept open; zeros lie there from then on.
  void Detach();

 private:
  uint8_t* pages_;
  size_t size_;
};

// Slots that the kernel fills in turn. A slot is ours from Take to Release; frames that find none free are dropped.
class PacketRing {
 public:
  // Puts a ring of at least `slots` in the place of the socket's queue, before bind. 0 or -errno.
  int Open(int fd, uint32_t slots, uint32_t slot_size, bool vnet_header);
  // Whether there is a frame that was not taken yet.
  bool HasMore() const;
  // Takes the next frame's slot; null when there is none. The frame begins tp_mac bytes from there.
  tpacket2_hdr* Take();
  // The last slots that were taken are to be taken again.
  void PutBack(uint32_t count);
  // Gives the kernel every slot that was taken.
  void Release();
  // As many slots are ours at the moment, of so many.
  uint32_t taken() const { return taken_; }
  uint32_t slots() const { return slots_; }
  uint32_t slot_size() const { return slot_size_; }

  explicit operator bool() const { return memory_ != nullptr; }
  const std::shared_ptr<RingMemory>& memory() const { return memory_; }
  // Whether a frame was larger than its slot; a filter may have cut it, too.
  bool IsTruncated(const tpacket2_hdr& header) const;
  // Our pages go back to the kernel.
  void Close();
  // Gives the socket its queue back as well. 0 or -errno: then it still has the ring.
  int Remove(int fd);

 private:
  tpacket2_hdr* slot(uint32_t index) const;

  std::shared_ptr<RingMemory> memory_;
  uint32_t block_size_ = 0;
  uint32_t block_slots_ = 0;
  uint32_t slot_size_ = 0;
  uint32_t slots_ = 0;
  // The slot that the kernel fills next, as far as we have read.
  uint32_t next_ = 0;
  uint32_t taken_ = 0;
};

}  // namespace gotcp

#endif  // GOTCP_NATIVE_PACKET_RING_H_
