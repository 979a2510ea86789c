// A port moves frames between a descriptor and memory that JavaScript gave it: an AF_PACKET socket, a TAP or a TUN.
#ifndef GOTCP_NATIVE_PORT_H_
#define GOTCP_NATIVE_PORT_H_

#include <linux/if_packet.h>
#include <napi.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cstdint>
#include <string>
#include <vector>

#include "coalescer.h"
#include "fd.h"
#include "packet-ring.h"
#include "poller.h"
#include "segmenter.h"
#include "virtio.h"
#include "withholding.h"

namespace gotcp {

// One received frame is kRxFacts numbers in an Int32Array. src/driver/native.ts names the same places.
enum RxFact { kRxStart, kRxEnd, kRxFlags, kRxSegmentSize, kRxGsoType, kRxPacketType, kRxVlan, kRxWireLength, kRxFacts };
// kRxInRing: the frame lies in the ring, not in the slab. kRxJoined: it came in several. kRxByRing: it came by the ring.
enum RxFlag { kRxPartial = 1, kRxVerified = 2, kRxTruncated = 4, kRxInRing = 8, kRxJoined = 16, kRxByRing = 32 };

// One frame to send is kTxFacts numbers: a header in the slab, then up to two pieces of payload.
enum TxFact {
  kTxHeader,
  kTxHeaderLength,
  kTxPiece,
  kTxPieceLength,
  kTxPiece2,
  kTxPiece2Length,
  kTxGsoType,
  kTxSegmentSize,
  kTxChecksumStart,  // -1: nothing to finish
  kTxChecksumOffset,
  kTxHeadersEnd,  // where the payload begins, whichever piece that lies in
  kTxFacts,
};

// What the last Send met, whether more may have come than the last Receive handed on, and whether the ring is known to have
// dropped frames, in an Int32Array.
enum PortState { kTxLost, kTxErrno, kRxMore, kRxLosing, kPortStates };

class Port : public Napi::ObjectWrap<Port> {
 public:
  static Napi::Function Define(Napi::Env env);
  explicit Port(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Port>(info) {}
  ~Port() override { Shut(); }

 private:
  enum class Kind { kPacket, kTap, kTun };
  static constexpr int kPieces = 4;  // virtio-net header, headers, two pieces of payload
  static constexpr size_t kControl = 128;
  // What a batch is to hold, about: so much is still in the cache when it is read.
  static constexpr size_t kBatchBytes = 256 * 1024;
  // So many full batches of messages may come before what lies in the ring: of large frames, 4 MiB.
  static constexpr uint32_t kMostPostponed = 16;
  // Segments that go down in one call.
  static constexpr size_t kCutAtOnce = 64;
  // Where the IP header lies in a slot: on a word boundary, with room for an Ethernet header and a tag before it.
  static constexpr uint32_t kIpOffset = 32;

  // Once, before start; numbers that fail are -errno.
  Napi::Value OpenPacketSocket(const Napi::CallbackInfo& info);
  Napi::Value OpenTunTapDevice(const Napi::CallbackInfo& info);
  Napi::Value Attach(const Napi::CallbackInfo& info);
  Napi::Value Start(const Napi::CallbackInfo& info);
  // At any time after start: what the second socket hears comes by a ring, in the place of the one it had. Its memory, or
  // -errno: EBUSY while there is something to read in that one, else there is none.
  Napi::Value OpenRing(const Napi::CallbackInfo& info);

  Napi::Value Watch(const Napi::CallbackInfo& info);
  Napi::Value SetRef(const Napi::CallbackInfo& info);
  Napi::Value SetCoalescing(const Napi::CallbackInfo& info);
  Napi::Value SetFilter(const Napi::CallbackInfo& info);
  Napi::Value Withhold(const Napi::CallbackInfo& info);
  Napi::Value Features(const Napi::CallbackInfo& info);
  Napi::Value BufferSize(const Napi::CallbackInfo& info);
  Napi::Value Drops(const Napi::CallbackInfo& info);
  Napi::Value IsUp(const Napi::CallbackInfo& info);
  Napi::Value Name(const Napi::CallbackInfo& info);
  Napi::Value Descriptor(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);

  // The calls of every turn go through node_api.h directly.
  static napi_value ReceiveCall(napi_env env, napi_callback_info info);
  static napi_value ReleaseCall(napi_env env, napi_callback_info info);
  static napi_value SendCall(napi_env env, napi_callback_info info);

  // What a receive by messages needs, beside the slab.
  void PrepareMessages();
  // The number of frames filled in, 0 for none now, or -errno. Each says in the state whether more may be there.
  int Receive();
  int ReceivePackets();
  int ReceiveMessages(uint32_t most);
  // Whether these are all.
  bool TakeSlots();
  int ReceiveDevice();
  struct Arrival;
  Arrival FromMessage(uint32_t index);
  Arrival FromSlot(const tpacket2_hdr& header);
  // What lies in the ring, in that slot of the slab instead.
  Arrival Moved(const Arrival& arrival, uint32_t index);
  void Note(uint32_t index, const Arrival& arrival);
  // Joins segments that follow each other among the first `count` frames; how many frames are left.
  uint32_t Coalesce(uint32_t count);
  // kRxVerified for a frame whose transport checksum nobody has looked at yet and is right, else 0.
  int32_t Verified(const uint8_t* frame, uint32_t length) const;
  // The number of frames dealt with, sent or given up, or -errno when the port is down or gone.
  int Send(napi_env env, uint32_t count, napi_value payloads);
  // The number of messages sent or given up, or -errno when the port is down or gone.
  int Transmit(mmsghdr* messages, uint32_t count);
  int TransmitPackets(mmsghdr* messages, uint32_t count);
  int TransmitDevice(mmsghdr* messages, uint32_t count);
  bool GatherFrame(napi_env env, uint32_t index, napi_value payloads);
  // Without virtio-net headers: frames that are to be cut, and those between them.
  int SendCutting(uint32_t count);
  // 1 when the frame is dealt with, 0 when the device is full and has the rest left, or -errno.
  int SendSegments(uint32_t index);
  void KeepRest(uint32_t index, size_t segments);
  void Address(msghdr* message);
  // Tells an interface that is gone from one that is down.
  int Reason(int error) const;

  void OnReady(int events);
  void OnRingReady(int events);
  void ReceiveAndReport();
  void Report(int count);
  void CloseRing();
  void Shut();

  bool has_vnet() const { return (features_ & 1) != 0; }
  size_t ip_at() const { return kIpOffset - frame_offset_; }
  uint8_t* slot(uint32_t index) const { return rx_slab_ + index * slot_size_ + frame_offset_; }

  Kind kind_ = Kind::kPacket;
  Fd fd_;
  Poller poller_;
  Fd ring_fd_;
  PacketRing ring_;
  Poller ring_poller_;
  std::vector<const tpacket2_hdr*> ring_slots_;
  uint32_t postponed_ = 0;
  // So many slots at most come before messages.
  size_t first_slots_ = 0;
  Withholding withholding_;
  uint32_t features_ = 0;
  int ifindex_ = 0;
  std::string name_;
  double drops_ = 0;

  uint8_t* rx_slab_ = nullptr;
  uint32_t slot_size_ = 0;
  uint32_t slots_ = 0;  // for messages; as many follow for frames of a ring
  uint32_t batch_ = 0;  // messages to ask for
  uint32_t frame_offset_ = 0;
  int32_t* rx_facts_ = nullptr;
  double* rx_times_ = nullptr;
  bool ignores_outgoing_ = true;
  bool timestamps_ = false;
  bool coalesces_ = false;
  Coalescer coalescer_;
  std::vector<mmsghdr> rx_messages_;
  std::vector<iovec> rx_pieces_;
  std::vector<VirtioHeader> rx_vnet_;
  std::vector<sockaddr_ll> rx_from_;
  struct alignas(8) Control {
    uint8_t bytes[kControl];
  };
  std::vector<Control> rx_control_;

  const uint8_t* tx_slab_ = nullptr;
  size_t tx_slab_size_ = 0;
  int32_t* tx_facts_ = nullptr;
  int32_t* state_ = nullptr;
  uint32_t tx_slots_ = 0;
  std::vector<mmsghdr> tx_messages_;
  std::vector<iovec> tx_pieces_;
  std::vector<VirtioHeader> tx_vnet_;
  sockaddr_ll tx_to_ = {};
  Segmenter segmenter_;
  std::vector<mmsghdr> cut_messages_;
  std::vector<iovec> cut_pieces_;
  std::vector<uint8_t> cut_headers_;

  std::vector<Napi::ObjectReference> memory_;
  Napi::FunctionReference on_ready_;
  napi_async_context context_ = nullptr;
};

}  // namespace gotcp

#endif  // GOTCP_NATIVE_PORT_H_
