import { broadcastOf, type Cidr, IPV4_BROADCAST, type MacAddr } from '../base/address.ts'
import { rangeError } from '../base/argument-errors.ts'
import type { InFrame } from '../link/link.ts'

/**
 * Classic BPF (bpf(4), and `Documentation/networking/filter.rst` of Linux): the kernel runs the program on each
 * frame and keeps as many bytes as it returns.
 */

const LD_W_ABS = 0x20
const LD_H_ABS = 0x28
const LD_B_ABS = 0x30
const LD_LENGTH = 0x80
const ALU_AND = 0x54
const ALU_RSH = 0x74
const JMP_JEQ = 0x15
const JMP_JGE = 0x35
const RET_K = 0x06

/**
 * Offsets from here on are not in the frame: they ask the kernel (SKF_AD_OFF in linux/filter.h), which has the answer at
 * hand, where it calls a function for what is in the frame.
 */
const ANCILLARY = 0xfffff000
const PROTOCOL = ANCILLARY
const PACKET_TYPE = ANCILLARY + 4
const VLAN_TAG = ANCILLARY + 44
const VLAN_TAG_PRESENT = ANCILLARY + 48
const VLAN_ID_MASK = 0x0fff

const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1
const INSTRUCTION = 8
/** A conditional jump reaches this far. */
const MAX_JUMP = 255
/** BPF_MAXINSNS of linux/bpf_common.h. */
const MAX_INSTRUCTIONS = 4096

/** As many bytes as there are. */
export const WHOLE_FRAME = 0xffffffff

/** One instruction, as `tcpdump -dd` prints it. */
export interface BpfInstruction {
  readonly code: number
  readonly jt: number
  readonly jf: number
  readonly k: number
}

/** The bytes that SO_ATTACH_FILTER takes. */
export function encodeBpf(program: readonly BpfInstruction[]): Uint8Array {
  if (program.length > MAX_INSTRUCTIONS) {
    throw rangeError(`Cannot attach a filter of ${program.length} instructions: the kernel takes ${MAX_INSTRUCTIONS}`)
  }
  const bytes = new Uint8Array(program.length * INSTRUCTION)
  const view = new DataView(bytes.buffer)
  program.forEach((each, i) => {
    view.setUint16(i * INSTRUCTION, each.code, LITTLE_ENDIAN)
    view.setUint8(i * INSTRUCTION + 2, each.jt)
    view.setUint8(i * INSTRUCTION + 3, each.jf)
    view.setUint32(i * INSTRUCTION + 4, each.k >>> 0, LITTLE_ENDIAN)
  })
  return bytes
}

/** Takes no frame. */
export const TAKE_NONE = encodeBpf([{ code: RET_K, jt: 0, jf: 0, k: 0 }])

/** Where a jump leads: a named place, or so many instructions on. */
type Target = string | number

interface Pending {
  readonly code: number
  readonly k: number
  readonly whenTrue: Target
  readonly whenFalse: Target
}

/** Writes a program with named places instead of counted jumps; one accumulator, jumps only forward. */
export class BpfAssembler {
  readonly #pending: Pending[] = []
  readonly #labels = new Map<string, number>()

  /** Names the next instruction. */
  label(name: string): this {
    this.#labels.set(name, this.#pending.length)
    return this
  }

  load8(offset: number): this {
    return this.#push(LD_B_ABS, offset)
  }

  load16(offset: number): this {
    return this.#push(LD_H_ABS, offset)
  }

  load32(offset: number): this {
    return this.#push(LD_W_ABS, offset)
  }

  /** The EtherType. */
  loadProtocol(): this {
    return this.load32(PROTOCOL)
  }

  /** Whom the frame is for: PACKET_HOST and the others of packet(7). */
  loadPacketType(): this {
    return this.load32(PACKET_TYPE)
  }

  /** Octets of the frame. */
  loadLength(): this {
    return this.#push(LD_LENGTH, 0)
  }

  /** 1 when the kernel took an 802.1Q tag out of the frame. */
  loadVlanPresent(): this {
    return this.load32(VLAN_TAG_PRESENT)
  }

  /** The tag control information that was taken out. */
  loadVlanTag(): this {
    return this.load32(VLAN_TAG)
  }

  and(mask: number): this {
    return this.#push(ALU_AND, mask)
  }

  shiftRight(bits: number): this {
    return this.#push(ALU_RSH, bits)
  }

  /** Goes on with the next instruction where a place is not named. */
  ifEqual(value: number, whenTrue: string | undefined, whenFalse?: string): this {
    this.#pending.push({ code: JMP_JEQ, k: value, whenTrue: whenTrue ?? 0, whenFalse: whenFalse ?? 0 })
    return this
  }

  /** Goes on with the next instruction where the accumulator is not less than `value`. */
  ifLess(value: number, whenTrue: string): this {
    this.#pending.push({ code: JMP_JGE, k: value, whenTrue: 0, whenFalse: whenTrue })
    return this
  }

  /** Keeps the whole frame at once when the accumulator is `value`. */
  acceptIf(value: number): this {
    this.#pending.push({ code: JMP_JEQ, k: value, whenTrue: 0, whenFalse: 1 })
    return this.accept()
  }

  /** Drops the frame at once unless the accumulator is `value`. */
  demand(value: number): this {
    this.#pending.push({ code: JMP_JEQ, k: value, whenTrue: 1, whenFalse: 0 })
    return this.accept(0)
  }

  /** Keeps that many bytes of the frame; 0 drops it. */
  accept(bytes: number = WHOLE_FRAME): this {
    return this.#push(RET_K, bytes)
  }

  /** @throws RangeError when a place is unknown, behind, or out of a jump's reach */
  assemble(): BpfInstruction[] {
    return this.#pending.map(({ code, k, whenTrue, whenFalse }, at) => ({
      code,
      jt: this.#distance(at, whenTrue),
      jf: this.#distance(at, whenFalse),
      k,
    }))
  }

  #push(code: number, k: number): this {
    this.#pending.push({ code, k, whenTrue: 0, whenFalse: 0 })
    return this
  }

  #distance(at: number, target: Target): number {
    if (typeof target === 'number') return target
    const place = this.#labels.get(target)
    const distance = place === undefined ? -1 : place - at - 1
    if (distance < 0 || distance > MAX_JUMP) {
      throw rangeError(`Cannot jump from instruction ${at} to "${target}": it is unknown, behind or too far`)
    }
    return distance
  }
}

/** A TCP connection as its frames name it on their way in. */
export interface InFlow {
  readonly source: number
  readonly destination: number
  /** The source port above the destination port, as one number of 32 bits. */
  readonly ports: number
}

/** The connection of a frame; undefined where it is of none, or of several by its look. */
export function flowOf({ view, start }: InFrame, medium: 'ethernet' | 'ip'): InFlow | undefined {
  const ip = start + ipAt(medium)
  if (medium === 'ethernet' && view.getUint16(start + ETHERTYPE_OFFSET) !== ETHERTYPE_IPV4) return undefined
  if (view.getUint8(ip) !== VERSION_AND_LENGTH || view.getUint8(ip + 9) !== TCP) return undefined
  if ((view.getUint16(ip + 6) & FRAGMENT) !== 0) return undefined
  return { source: view.getUint32(ip + 12), destination: view.getUint32(ip + 16), ports: view.getUint32(ip + 20) }
}

const ipAt = (medium: 'ethernet' | 'ip'): number => (medium === 'ethernet' ? 14 : 0)

const ETHERTYPE_IPV4 = 0x0800
const ETHERTYPE_ARP = 0x0806
const ETHERTYPE_OFFSET = 12
const VERSION_AND_LENGTH = 0x45
const TCP = 6
/** What makes a packet one of several fragments (RFC 791 §3.1): the flag that more follow, and the offset. */
const FRAGMENT = 0x3fff

/**
 * The encoded `filter`, of which no bytes take everything, for the frames of this connection alone or for all but these.
 * Whatever else has the connection's source and ports in their places counts as its own: to look closer would cost each of
 * its frames a call or two more, and nothing is lost where it goes the same way.
 */
export function filterOfFlow(
  filter: Uint8Array,
  which: 'only' | 'without',
  { source, ports }: InFlow,
  medium: 'ethernet' | 'ip',
): Uint8Array {
  const bpf = new BpfAssembler()
  const ip = ipAt(medium)
  // A load from behind the end would drop the frame.
  bpf.loadLength().ifLess(ip + 24, 'other')
  if (medium === 'ethernet') bpf.loadProtocol().ifEqual(ETHERTYPE_IPV4, undefined, 'other')
  bpf.load32(ip + 20).ifEqual(ports, undefined, 'other')
  bpf.load32(ip + 12).ifEqual(source, 'flow', 'other')
  // Behind the last label stands the filter.
  if (which === 'only') bpf.label('other').accept(0).label('flow')
  else bpf.label('flow').accept(0).label('other')
  const rest = filter.length > 0 ? filter : encodeBpf(new BpfAssembler().accept().assemble())
  return Buffer.concat([encodeBpf(bpf.assemble()), rest])
}

/** What a host wants to hear on an Ethernet segment. */
export interface HostFilterOptions {
  /** Unicast frames must bear this address or the interface's own; absent, any. */
  readonly mac?: MacAddr
  /** IPv4 destinations besides broadcast and multicast; empty or absent, any. */
  readonly addresses?: readonly Cidr[]
  /**
   * Which 802.1Q tag a frame must have had. `none` (the default) also takes priority tags, whose id is 0; frames
   * of another VLAN are not for this interface, though the kernel shows them to it with the tag taken out.
   */
  readonly vlan?: 'none' | 'any' | number
}

const IPV4_DESTINATION = 14 + 16
/** To another station, as far as the kernel knows (packet(7)). */
const PACKET_OTHERHOST = 3

/**
 * The program of a host: ARP, and IPv4 to `addresses`, their broadcasts, 255.255.255.255 and multicast, in frames
 * to `mac` or the interface, broadcast and multicast. All else is dropped before it costs a copy.
 */
export function hostFilter(options: HostFilterOptions = {}): BpfInstruction[] {
  const bpf = new BpfAssembler()
  const vlan = options.vlan ?? 'none'
  if (vlan === 'none') {
    bpf.loadVlanPresent().ifEqual(0, 'untagged').loadVlanTag().and(VLAN_ID_MASK).demand(0).label('untagged')
  } else if (vlan !== 'any') {
    bpf.loadVlanPresent().demand(1).loadVlanTag().and(VLAN_ID_MASK).demand(vlan)
  }
  if (options.mac !== undefined) {
    // What the kernel knows spares most frames two loads. The interface may have another address by now.
    bpf.loadPacketType().ifEqual(PACKET_OTHERHOST, undefined, 'heard')
    bpf.load32(0).demand(Math.floor(options.mac / 0x10000))
    bpf.load16(4).demand(options.mac % 0x10000)
    bpf.label('heard')
  }
  bpf.loadProtocol().acceptIf(ETHERTYPE_ARP).demand(ETHERTYPE_IPV4)
  const addresses = options.addresses ?? []
  if (addresses.length > 0) {
    const wanted = new Set<number>([IPV4_BROADCAST])
    for (const cidr of addresses) {
      wanted.add(cidr.addr)
      const broadcast = broadcastOf(cidr)
      if (broadcast !== undefined) wanted.add(broadcast)
    }
    bpf.load32(IPV4_DESTINATION)
    for (const addr of wanted) bpf.acceptIf(addr)
    // 224.0.0.0/4 (RFC 5771).
    bpf.shiftRight(28).demand(0xe)
  }
  bpf.accept()
  return bpf.assemble()
}
