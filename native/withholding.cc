#include "withholding.h"

#include <arpa/inet.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstring>
#include <vector>

namespace gotcp {
namespace {

// Of linux/bpf.h since Linux 6.6.
constexpr uint32_t kTcxIngress = 46;
constexpr int32_t kNext = -1;
constexpr int32_t kDrop = 2;

constexpr int32_t kDestination = ETH_HLEN + 16;
// A jump has 16 bits.
constexpr size_t kMostAddresses = 4096;

// Zeros in every member: `= {}` promises them in the first one.
bpf_attr NoAttributes() {
  bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  return attributes;
}

int Bpf(int command, bpf_attr* attributes) {
  const long status = syscall(SYS_bpf, command, attributes, sizeof *attributes);
  return status < 0 ? -errno : static_cast<int>(status);
}

bpf_insn Instruction(int code, int dst, int src, int offset, int32_t value) {
  bpf_insn instruction = {};
  instruction.code = static_cast<uint8_t>(code);
  instruction.dst_reg = static_cast<uint8_t>(dst) & 0xf;
  instruction.src_reg = static_cast<uint8_t>(src) & 0xf;
  instruction.off = static_cast<int16_t>(offset);
  instruction.imm = value;
  return instruction;
}

std::vector<bpf_insn> Program(const uint32_t* addresses, size_t count) {
  const int others = static_cast<int>(count) + 1;
  const auto load = [](size_t field) {
    return Instruction(BPF_LDX | BPF_MEM | BPF_W, BPF_REG_2, BPF_REG_6, static_cast<int>(field), 0);
  };
  const auto unless = [](int32_t value, int over) {
    return Instruction(BPF_JMP | BPF_JNE | BPF_K, BPF_REG_2, 0, over, value);
  };
  const auto set = [](int32_t value) { return Instruction(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, value); };
  const bpf_insn exit = Instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);

  std::vector<bpf_insn> program = {
      // A load from the packet wants the context there.
      Instruction(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_6, BPF_REG_1, 0, 0),
      // And one from behind its end would end the program.
      load(offsetof(__sk_buff, len)),
      Instruction(BPF_JMP | BPF_JLT | BPF_K, BPF_REG_2, 0, others + 6, kDestination + 4),
      load(offsetof(__sk_buff, pkt_type)),
      unless(PACKET_HOST, others + 4),
      load(offsetof(__sk_buff, protocol)),
      unless(htons(ETH_P_IP), others + 2),
      load(offsetof(__sk_buff, vlan_present)),
      unless(0, others),
      Instruction(BPF_LD | BPF_ABS | BPF_W, 0, 0, 0, kDestination),
  };
  for (size_t i = 0; i < count; i++) {
    const int over = static_cast<int>(count - i) + 1;
    program.push_back(
        Instruction(BPF_JMP32 | BPF_JEQ | BPF_K, BPF_REG_0, 0, over, static_cast<int32_t>(addresses[i])));
  }
  program.insert(program.end(), {set(kNext), exit, set(kDrop), exit});
  return program;
}

// The descriptor of the program, or -errno.
int Load(const std::vector<bpf_insn>& program) {
  bpf_attr load = NoAttributes();
  load.prog_type = BPF_PROG_TYPE_SCHED_CLS;
  load.expected_attach_type = static_cast<decltype(load.expected_attach_type)>(kTcxIngress);
  load.insns = reinterpret_cast<uintptr_t>(program.data());
  load.insn_cnt = static_cast<uint32_t>(program.size());
  load.license = reinterpret_cast<uintptr_t>("MIT");
  strncpy(load.prog_name, "gotcp_withhold", sizeof load.prog_name - 1);
  return Bpf(BPF_PROG_LOAD, &load);
}

}  // namespace

int Withholding::Set(int ifindex, const uint32_t* addresses, size_t count) {
  const int status = count > kMostAddresses ? -E2BIG : Put(ifindex, Program(addresses, count));
  if (status != 0) End();
  return status;
}

int Withholding::Put(int ifindex, const std::vector<bpf_insn>& instructions) {
  const int loaded = Load(instructions);
  if (loaded < 0) return loaded;
  const Fd program(loaded);
  bpf_attr attach = NoAttributes();
  if (link_) {
    attach.link_update.link_fd = static_cast<uint32_t>(link_.get());
    attach.link_update.new_prog_fd = static_cast<uint32_t>(program.get());
    return Bpf(BPF_LINK_UPDATE, &attach);
  }
  attach.link_create.prog_fd = static_cast<uint32_t>(program.get());
  attach.link_create.target_ifindex = static_cast<uint32_t>(ifindex);
  attach.link_create.attach_type = kTcxIngress;
  const int link = Bpf(BPF_LINK_CREATE, &attach);
  if (link < 0) return link;
  link_.reset(link);
  return 0;
}

void Withholding::End() { link_.reset(); }

}  // namespace gotcp
