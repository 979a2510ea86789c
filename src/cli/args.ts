import type { Cidr, Ipv4Addr } from '../base/address.ts'
import { formatCidr, formatIpv4, inNetwork } from '../base/address.ts'
import type { Micros } from '../base/types.ts'
import { type Flags, type Values, value } from './command.ts'
import { UsageError } from './exit.ts'
import { CIDR, DURATION, FILE, INTERFACE, IPV4, integer, PROBABILITY, RATE } from './kind.ts'

const NETWORK = 'Network'
const FAULTS = 'Trouble on purpose'

/** The flags of every command that puts frames on a wire. */
export const NETWORK_FLAGS = {
  interface: value(INTERFACE, {
    short: 'i',
    summary: "share this interface and its address with the kernel (default: the default route's)",
    group: NETWORK,
  }),
  ip: value(CIDR, { summary: 'use an address of our own instead of the interface address', group: NETWORK }),
  gateway: value(IPV4, {
    summary: "the router to other networks; needs --ip, for without it the kernel's routes are used",
    group: NETWORK,
  }),
  tap: value(INTERFACE, { summary: 'use the TAP interface of that name, with --ip', group: NETWORK }),
  tun: value(INTERFACE, { summary: 'use the TUN interface of that name, with --ip', group: NETWORK }),
  pcap: value(FILE, { summary: 'write every frame to FILE as pcap; - is stdout', group: NETWORK }),
  loss: value(PROBABILITY, { summary: 'drop this share of the frames, both ways', group: FAULTS }),
  delay: value(DURATION, { summary: 'hold every frame back this long', group: FAULTS }),
  reorder: value(PROBABILITY, { summary: 'let this share of the frames be overtaken', group: FAULTS }),
  duplicate: value(PROBABILITY, { summary: 'send this share of the frames twice', group: FAULTS }),
  corrupt: value(PROBABILITY, { summary: 'turn a bit in this share of the frames', group: FAULTS }),
  rate: value(RATE, { summary: 'carry no more than this many bits per second', group: FAULTS }),
  seed: value(integer('N', 0, 0xffffffff), {
    summary: 'repeat the same faults (default: random, printed)',
    group: FAULTS,
  }),
} satisfies Flags

/** Trouble that the fault wrapper makes; shares are 0…1. */
export interface FaultArgs {
  readonly loss: number
  readonly delay: Micros
  readonly reorder: number
  readonly duplicate: number
  readonly corrupt: number
  /** Bits per second; undefined is no limit. */
  readonly rate: number | undefined
  readonly seed: number | undefined
}

/** Which wire to use and how, after all checks. */
export interface NetworkArgs {
  /** `packet` without a name: the interface of the default route. */
  readonly link:
    | { readonly kind: 'packet'; readonly name: string | undefined }
    | { readonly kind: 'tap'; readonly name: string }
    | { readonly kind: 'tun'; readonly name: string }
  /** Our own address; undefined shares the interface's. */
  readonly address: Cidr | undefined
  readonly gateway: Ipv4Addr | undefined
  /** A file for the capture, `-` for stdout. */
  readonly pcap: string | undefined
  /** Undefined when no trouble was asked for. */
  readonly faults: FaultArgs | undefined
}

/** Checks the shared flags against each other. @throws UsageError in the words of the flags. */
export function networkArgs(flags: Values<typeof NETWORK_FLAGS>): NetworkArgs {
  const { interface: name, ip, gateway, tap, tun } = flags
  const wires = [name && '-i', tap && '--tap', tun && '--tun'].filter(Boolean)
  if (wires.length > 1) throw new UsageError(`${wires.join(' and ')} exclude each other: choose one wire`)
  const device = tap ?? tun
  if (device !== undefined && ip === undefined) {
    throw new UsageError(`${wires[0]} needs an address of its own`, `try: ${wires[0]} ${device} --ip 10.0.0.2/24`)
  }
  if (gateway !== undefined && ip === undefined)
    throw new UsageError('--gateway needs --ip', "without --ip the kernel's routes are used")
  if (gateway !== undefined && ip !== undefined && !inNetwork(gateway, ip)) {
    throw new UsageError(`the gateway ${formatIpv4(gateway)} is not on the network of ${formatCidr(ip)}`)
  }
  return {
    link:
      tap !== undefined
        ? { kind: 'tap', name: tap }
        : tun !== undefined
          ? { kind: 'tun', name: tun }
          : { kind: 'packet', name },
    address: ip,
    gateway,
    pcap: flags.pcap,
    faults: faultArgs(flags),
  }
}

function faultArgs(flags: Values<typeof NETWORK_FLAGS>): FaultArgs | undefined {
  const { loss, delay, reorder, duplicate, corrupt, rate, seed } = flags
  if ([loss, delay, reorder, duplicate, corrupt, rate].every((fault) => fault === undefined)) return undefined
  return {
    loss: loss ?? 0,
    delay: delay ?? (0 as Micros),
    reorder: reorder ?? 0,
    duplicate: duplicate ?? 0,
    corrupt: corrupt ?? 0,
    rate,
    seed,
  }
}
