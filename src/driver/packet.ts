import type { Cidr } from '../base/address.ts'
import { rangeError, typeError } from '../base/argument-errors.ts'
import { NetError } from '../base/errors.ts'
import { toCidr } from '../stack/address.ts'
import { flag, requireOptions, shown, within } from '../stack/limits.ts'
import { type BpfInstruction, encodeBpf, type HostFilterOptions, hostFilter } from './bpf.ts'
import { findInterface, type InterfaceFacts, listInterfaces } from './interfaces.ts'
import { inNamespace } from './namespace.ts'
import { type NativePort, native } from './native.ts'
import { check } from './os-errors.ts'
import { PortLink, slotsOf } from './port-link.ts'
import type { RingPlan } from './receive-ring.ts'

/** What a hundred fast senders have on their way at once; with a quarter of it, they lost one segment in twenty. */
const RECEIVE_BUFFER = 32 * 1024 * 1024
const SEND_BUFFER = 4 * 1024 * 1024
const MAX_BUFFER = 1 << 30
/** What one connection may have on its way to us, in super-segments that are half full: 9 MiB. */
const RING = 128
/** Room for a whole super-segment with a tag, behind the kernel's header and the virtio-net header. */
const SLOT_SIZE = 68 * 1024
/** The same in single segments, of which few are not full: half as much again as a connection's window is by default. */
const SEGMENT_RING = 6 * 1024 * 1024
/** What the kernel and the Ethernet header take of a slot, and a tag. */
const SLOT_OVERHEAD = 160
/** 585 MiB: what does not find room there comes faster than it is read. */
const MAX_RING = 8192
/** 4095 is reserved (IEEE 802.1Q §9.6). */
const MAX_VLAN = 4094

/** How to open an AF_PACKET link. */
export interface PacketLinkOptions {
  /** The interface's name. It must be up. */
  readonly interface: string
  /**
   * IPv4 addresses to hear, for the default filter; an empty list hears all. By default those of the interface, and once a
   * stack has the link, the stack's.
   */
  readonly addresses?: readonly (string | Cidr)[] | undefined
  /** Replaces the default filter: a program of `bpf.ts`, of tcpdump or of libpcap; `none` hears everything. */
  readonly filter?: readonly BpfInstruction[] | 'none' | undefined
  /** Which VLAN tag the default filter lets through; `none` by default. */
  readonly vlan?: HostFilterOptions['vlan'] | undefined
  /** Hears frames to other MAC addresses too; ends with the link, however the process ends. False by default. */
  readonly promiscuous?: boolean | undefined
  /** Leaves out frames that this machine sends; a capture wants them. True by default. */
  readonly ignoreOutgoing?: boolean | undefined
  /** Asks for virtio-net headers: super-segments and partial checksums. True by default. */
  readonly offload?: boolean | undefined
  /**
   * Joins TCP segments that follow each other into super-segments where the kernel has not, as its own receive offload
   * does (GRO): cheaper to take in, and no more what was on the wire. True by default; a `ring` joins nothing.
   */
  readonly coalesce?: boolean | undefined
  /**
   * Withholds from the kernel what comes untagged for the stack's own addresses, unless the kernel has them too by then: it
   * would look for a way for each packet, and drop it or, where it forwards, tell the sender of a better way. True by
   * default, and done from Linux 6.6 on, with CAP_BPF and CAP_NET_ADMIN, where the link hears those packets and has no
   * `filter` of its own; its `withholds` tells. Captures see them all the same.
   */
  readonly withhold?: boolean | undefined
  /** Has the kernel note when each frame came. False by default. */
  readonly timestamps?: boolean | undefined
  /** Bytes wanted for the kernel's buffers; without CAP_NET_ADMIN, rmem_max and wmem_max limit them. */
  readonly receiveBuffer?: number | undefined
  readonly sendBuffer?: number | undefined
  /**
   * Slots of a receive ring: the kernel writes frames where the stack reads them, without a call and a second copy. By
   * default it is opened when the stack falls behind with one connection, takes the frames of that one, and has 128, or more
   * and smaller ones for segments that come one by one; 0 is none, and any other number one in the place of
   * `receiveBuffer`, for everything, from the first frame on.
   *
   * A slot that was asked for holds one frame, whether a super-segment or a bare acknowledgment, and takes 73 KiB of memory
   * that is never paged out; the kernel makes them in blocks of 7. So many small frames that come while the program computes find no
   * slot, where the receive buffer holds tens of thousands: they are dropped, and `kernelDrops()` counts them.
   */
  readonly ring?: number | undefined
  /** Frames in one batch; 32 by default. */
  readonly slots?: number | undefined
  /** Path of the network namespace to open the link in. */
  readonly netns?: string | undefined
}

/**
 * Opens an interface beside the kernel: frames to it reach both. The filter is in force before the first frame.
 * @throws NetError ENODEV, ENETDOWN, EPERM, EINVAL (the filter), ENOBUFS (the ring), ERR_ADDON_MISSING
 * @throws {RangeError} for a number out of its limits, such as a `ring` beyond 8192 slots.
 * @throws {TypeError} for a flag that is neither true nor false, and what else is of another kind.
 */
export function openPacketLink(options: PacketLinkOptions): PortLink {
  requireOptions('open a packet link', options, "{ interface: 'eth0' }")
  if (typeof options.interface !== 'string') {
    throw typeError(`Cannot open interface ${shown(options.interface)}: give its name, such as { interface: 'eth0' }`)
  }
  return inNamespace(options.netns, () => open(options))
}

function open(options: PacketLinkOptions): PortLink {
  const ringSlots = within('ring', options.ring, RING, 0, MAX_RING)
  const slots = slotsOf(options.slots)
  const receiveBuffer = within('receiveBuffer', options.receiveBuffer, RECEIVE_BUFFER, 1, MAX_BUFFER)
  const sendBuffer = within('sendBuffer', options.sendBuffer, SEND_BUFFER, 1, MAX_BUFFER)
  const offload = flag('offload', options.offload, true)
  const skipOutgoing = flag('ignoreOutgoing', options.ignoreOutgoing, true)
  const promiscuous = flag('promiscuous', options.promiscuous, false)
  const timestamps = flag('timestamps', options.timestamps, false)
  const coalesce = flag('coalesce', options.coalesce, true)
  const withhold = flag('withhold', options.withhold, true)
  requireFilter(options)
  const facts = findInterface(options.interface)
  const ethernet = isEthernet(facts)
  if (!ethernet && facts.kind !== 'ip') {
    throw new NetError('EINVAL', `Cannot open "${facts.name}": it carries neither Ethernet frames nor IP packets`)
  }
  if (!facts.up) {
    throw new NetError(
      'ENETDOWN',
      `Cannot open "${facts.name}": the interface is down. Bring it up: sudo ip link set ${facts.name} up`,
      { syscall: 'open' },
    )
  }
  const filter = filterOf(options, facts, facts.addresses)
  const ring = ringOf(options, ringSlots, facts.mtu)
  const port = new (native().Port)()
  check(
    port.openPacket(
      facts.index,
      ethernet,
      offload,
      skipOutgoing,
      promiscuous,
      timestamps,
      receiveBuffer,
      sendBuffer,
      ring !== undefined,
      filter,
    ),
    `open AF_PACKET socket on "${facts.name}"`,
    'open',
    { EINVAL: 'The filter is not a valid BPF program' },
  )
  return new PortLink(port, {
    name: facts.name,
    interface: facts.name,
    medium: ethernet ? 'ethernet' : 'ip',
    mac: facts.mac,
    mtu: facts.mtu,
    skipOutgoing,
    timestamps,
    coalesce,
    filter,
    ring,
    filterFor: isLeftOpen(options, facts) ? (addresses) => filterOf(options, facts, addresses) : undefined,
    withhold: withhold && hearsUntagged(options, facts) ? (given) => withholdFrom(port, options, given) : undefined,
    slots,
  })
}

/** Whether the link hears IPv4 in frames without a tag, which are all that is withheld. */
const hearsUntagged = ({ filter = 'none', vlan }: PacketLinkOptions, facts: InterfaceFacts): boolean =>
  facts.kind === 'ethernet' && filter === 'none' && (vlan === undefined || vlan === 'none' || vlan === 'any')

/** Keeps from the kernel what comes for these addresses, those that the link hears and the kernel has not; whether it could. */
function withholdFrom(port: NativePort, options: PacketLinkOptions, addresses: readonly Cidr[]): boolean {
  const heard = options.addresses?.length ? new Set(options.addresses.map((each) => toCidr(each).addr)) : undefined
  try {
    return inNamespace(options.netns, () => {
      const kernels = new Set(listInterfaces().flatMap((each) => each.addresses.map(({ addr }) => addr)))
      const ours = addresses.map(({ addr }) => addr).filter((addr) => !kernels.has(addr) && heard?.has(addr) !== false)
      return port.withhold(Uint32Array.from(ours)) === 0 && ours.length > 0
    })
  } catch {
    // Whose the addresses are cannot be told where the namespace has lost its name.
    port.withhold(new Uint32Array(0))
    return false
  }
}

/**
 * A ring of so many slots as the options ask for, or allow: a capture has its frames in their order, whichever connection
 * they are of.
 */
function ringOf(options: PacketLinkOptions, slots: number, mtu: number): RingPlan | undefined {
  const { ring, filter, promiscuous, ignoreOutgoing } = options
  const isCapture = filter !== undefined || promiscuous === true || ignoreOutgoing === false
  if (slots === 0 || (ring === undefined && isCapture)) return undefined
  const slotSize = Math.min(SLOT_SIZE, 2 ** Math.ceil(Math.log2(mtu + SLOT_OVERHEAD)))
  const segments = { slots: Math.ceil(SEGMENT_RING / mtu), slotSize }
  return { shapes: { superSegments: { slots, slotSize: SLOT_SIZE }, segments }, forAll: ring !== undefined }
}

/** What says which frames to hear is usable, also where another option makes it count for nothing. */
function requireFilter({ filter = 'none', vlan = 'none', addresses = [] }: PacketLinkOptions): void {
  if (filter !== 'none' && !(Array.isArray(filter) && filter.every(isInstruction))) {
    throw typeError(`Cannot use filter ${shown(filter)}: it must be an array of instructions, or none`)
  }
  if (vlan !== 'none' && vlan !== 'any' && !(Number.isInteger(vlan) && vlan >= 0 && vlan <= MAX_VLAN)) {
    const refusal = typeof vlan === 'number' ? rangeError : typeError
    throw refusal(`Cannot use vlan ${shown(vlan)}: it must be none, any, or a whole number from 0 to ${MAX_VLAN}`)
  }
  if (!Array.isArray(addresses)) {
    throw typeError(`Cannot use addresses ${shown(addresses)}: it must be an array, such as ["10.0.0.9/24"]`)
  }
  addresses.forEach(toCidr)
}

const isInstruction = (each: BpfInstruction | null | undefined): boolean =>
  [each?.code, each?.jt, each?.jf, each?.k].every((field) => typeof field === 'number')

/** Whether nothing says which addresses to hear, so that the stack above will. */
const isLeftOpen = ({ filter, addresses }: PacketLinkOptions, facts: InterfaceFacts): boolean =>
  filter === undefined && addresses === undefined && isEthernet(facts)

/** The filter that the options ask for, and `addresses` where they leave open whose. */
function filterOf(options: PacketLinkOptions, facts: InterfaceFacts, addresses: readonly Cidr[]): Uint8Array {
  if (options.filter === 'none') return new Uint8Array(0)
  if (options.filter !== undefined) return encodeBpf(options.filter)
  if (!isEthernet(facts)) return new Uint8Array(0)
  const host: HostFilterOptions = {
    addresses: options.addresses?.map(toCidr) ?? addresses,
    vlan: options.vlan ?? 'none',
  }
  // In promiscuous mode the frames of a second MAC address are wanted, which the interface does not know.
  return encodeBpf(hostFilter(options.promiscuous === true ? host : { ...host, mac: facts.mac }))
}

const isEthernet = ({ kind }: InterfaceFacts): boolean => kind === 'ethernet' || kind === 'loopback'
