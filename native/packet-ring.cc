#include "packet-ring.h"

#include <sys/mman.h>
#include <sys/socket.h>

#include <cerrno>

#include "virtio.h"

namespace gotcp {
namespace {

// The kernel takes whole powers of two of pages for a block. The largest wastes least; a machine whose free memory lies in
// small pieces may only have smaller ones.
constexpr uint32_t kLargestBlock = 512 * 1024;
constexpr uint32_t kSmallestBlock = 128 * 1024;

int SetPacketOption(int fd, int option, const void* value, socklen_t length) {
  return setsockopt(fd, SOL_PACKET, option, value, length) == 0 ? 0 : -errno;
}

}  // namespace

RingMemory::~RingMemory() { munmap(pages_, size_); }

void RingMemory::Detach() {
  mmap(pages_, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}

int PacketRing::Open(int fd, uint32_t slots, uint32_t slot_size, bool vnet_header) {
  if (slot_size == 0 || slot_size > kSmallestBlock) return -EINVAL;
  const int version = TPACKET_V2;
  int status = SetPacketOption(fd, PACKET_VERSION, &version, sizeof version);
  if (status != 0) return status;
  // The kernel aligns the IP header and then puts the virtio-net header before the frame; this aligns it again.
  const unsigned int reserve = vnet_header ? TPACKET_ALIGNMENT - sizeof(VirtioHeader) : 0;
  status = SetPacketOption(fd, PACKET_RESERVE, &reserve, sizeof reserve);
  if (status != 0) return status;

  struct tpacket_req request = {};
  for (uint32_t block_size = kLargestBlock; block_size >= kSmallestBlock; block_size /= 2) {
    block_slots_ = block_size / slot_size;
    request.tp_block_size = block_size;
    request.tp_block_nr = (slots + block_slots_ - 1) / block_slots_;
    request.tp_frame_size = slot_size;
    request.tp_frame_nr = request.tp_block_nr * block_slots_;
    status = SetPacketOption(fd, PACKET_RX_RING, &request, sizeof request);
    if (status != -ENOMEM) break;
  }
  if (status != 0) return status;
  const size_t size = static_cast<size_t>(request.tp_block_size) * request.tp_block_nr;
  void* pages = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (pages == MAP_FAILED) return -errno;
  memory_ = std::make_shared<RingMemory>(pages, size);
  block_size_ = request.tp_block_size;
  slot_size_ = slot_size;
  slots_ = request.tp_frame_nr;
  return 0;
}

tpacket2_hdr* PacketRing::slot(uint32_t index) const {
  const size_t block = static_cast<size_t>(index / block_slots_) * block_size_;
  return reinterpret_cast<tpacket2_hdr*>(memory_->pages() + block + index % block_slots_ * slot_size_);
}

bool PacketRing::HasMore() const {
  // What the kernel wrote before it gave us the slot is seen after this.
  return memory_ != nullptr && taken_ < slots_ &&
         (__atomic_load_n(&slot(next_)->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER) != 0;
}

tpacket2_hdr* PacketRing::Take() {
  if (!HasMore()) return nullptr;
  tpacket2_hdr* header = slot(next_);
  next_ = next_ + 1 == slots_ ? 0 : next_ + 1;
  taken_++;
  return header;
}

void PacketRing::PutBack(uint32_t count) {
  next_ = next_ >= count ? next_ - count : next_ + slots_ - count;
  taken_ -= count;
}

void PacketRing::Release() {
  for (uint32_t index = next_ >= taken_ ? next_ - taken_ : next_ + slots_ - taken_; taken_ > 0; taken_--) {
    // Whatever was read and written there comes before this.
    __atomic_store_n(&slot(index)->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
    index = index + 1 == slots_ ? 0 : index + 1;
  }
}

bool PacketRing::IsTruncated(const tpacket2_hdr& header) const {
  return header.tp_snaplen < header.tp_len && header.tp_mac + header.tp_snaplen == slot_size_;
}

void PacketRing::Close() {
  if (memory_ == nullptr) return;
  memory_->Detach();
  memory_.reset();
  taken_ = 0;
}

int PacketRing::Remove(int fd) {
  Close();
  const struct tpacket_req none = {};
  return SetPacketOption(fd, PACKET_RX_RING, &none, sizeof none);
}

}  // namespace gotcp
