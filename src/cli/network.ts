import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Cidr, formatCidr, formatIpv4, formatMac, type Ipv4Addr } from '../base/address.ts'
import { createStack } from '../driver/create-stack.ts'
import { findInterface, listInterfaces, listRoutes } from '../driver/interfaces.ts'
import { openPacketLink } from '../driver/packet.ts'
import type { PortLink } from '../driver/port-link.ts'
import { openTapLink, openTunLink } from '../driver/tuntap.ts'
import type { NetInterface } from '../ip/interface.ts'
import { FaultLink } from '../link/fault.ts'
import type { Link } from '../link/link.ts'
import type { Host } from '../stack/host.ts'
import type { FaultArgs, NetworkArgs } from './args.ts'
import { UsageError } from './exit.ts'
import type { Io } from './io.ts'
import { captureTo } from './network/capture.ts'
import { chooseInterface, type KernelView, planAddresses, planKernelEnd } from './network/choose-interface.ts'
import { traceTo } from './network/trace.ts'
import { LinkWatch } from './network/watch-link.ts'
import type { Output } from './output.ts'

/** How long a lossy path may need for the last acknowledgement, in milliseconds. */
const LINGER = 1000

export interface NetworkOptions {
  /** How often -v was given. */
  readonly verbosity: number
  /** Whom the command wants to reach; it chooses the interface when none is named. */
  readonly toward?: Ipv4Addr | undefined
  /** Has the kernel note when frames come and go, for exact round-trip times. */
  readonly timestamps?: boolean
  /** Takes what is for anybody as ours, and answers pings to anybody or not. */
  readonly anyAddress?: { readonly echo: boolean }
  /** Of a TUN or TAP; its own by default. */
  readonly mtu?: number | undefined
}

/** Our stack on the wire that the command line asks for. */
export interface Network {
  readonly host: Host
  /** The interface's name. */
  readonly interface: string
  /** Our addresses, the first is the usual one. */
  readonly addresses: readonly string[]
  /** Aborted when the wire is lost for good, and the stack closed with it; `failure` then says why. */
  readonly lost: AbortSignal
  readonly failure: Error | undefined
  /** Waits, where a path loses packets, until the last acknowledgements have had their chance to arrive. */
  linger(): Promise<void>
  /** Resets what is still open and lets the process exit. Harmless when repeated. */
  close(): void
}

interface Wire {
  readonly link: PortLink
  readonly addresses: readonly Cidr[]
  readonly shared: boolean
  readonly gateway: Ipv4Addr | undefined
}

/**
 * Puts our stack on a wire.
 * @throws UsageError, NetError ENODEV, ENETDOWN, EPERM, ERR_ADDON_MISSING
 */
export async function openNetwork(args: NetworkArgs, io: Io, options: NetworkOptions): Promise<Network> {
  const { output } = io
  const { faults } = args
  if (args.pcap === '-') divertOutput(output)
  const wire = openWire(args, options)
  const name = wire.link.interface
  const lost = new AbortController()
  let failure: Error | undefined
  const lose = (error: Error): void => {
    failure ??= error
    lost.abort(failure)
    // It may be in the middle of a poll.
    setImmediate(() => host.close())
  }
  const closers: (() => void)[] = []
  const host = createStack()
  try {
    let link: Link = faults === undefined ? wire.link : withFaults(wire.link, faults, output)
    if (args.pcap !== undefined) {
      const capture = captureTo(args.pcap, link, output, lose)
      closers.push(capture.close)
      link = capture.link
    }
    if (options.verbosity >= 2) link = traceTo(link, name, (line) => output.note(line))
    const watch = new LinkWatch(name, output, lose)
    closers.push(() => watch.stop())
    host.stack.onInterfaceError = (_iface, error) => watch.onError(error)
    addInterface(host, link, wire, options)
    warnOfConflicts(host, output.warn.bind(output))
    if (options.verbosity >= 1) (await io.log()).debug(describe(wire))
  } catch (error) {
    close()
    wire.link.close()
    throw error
  }
  function close(): void {
    host.close()
    for (const closer of closers.splice(0)) closer()
  }
  return {
    host,
    interface: name,
    addresses: wire.addresses.map(({ addr }) => formatIpv4(addr)),
    lost: lost.signal,
    get failure() {
      return failure
    },
    async linger() {
      if (faults !== undefined && !lost.signal.aborted) await sleep(LINGER + (2 * faults.delay) / 1000)
    },
    close,
  }
}

/** Leaves stdout to the capture. */
function divertOutput(output: Output): void {
  if (output.json) throw new UsageError('--json and --pcap - both want stdout: name a file')
  output.divert()
}

/** A link that makes the trouble asked for, and can make the same again. */
export function withFaults(link: Link, { rate, seed, ...shares }: FaultArgs, output: Output): Link {
  const chosen = seed ?? randomInt(2 ** 32)
  if (seed === undefined) output.note(`trouble on purpose; --seed ${chosen} repeats it`)
  return new FaultLink(link, { ...shares, seed: chosen, ...(rate === undefined ? {} : { rate }) })
}

function openWire({ link, address, gateway, faults }: NetworkArgs, options: NetworkOptions): Wire {
  const view: KernelView = { interfaces: listInterfaces(), routes: listRoutes() }
  if (link.kind === 'packet') {
    const facts = link.name === undefined ? chooseInterface(view, options.toward) : findInterface(link.name)
    const plan = planAddresses(view, facts, address)
    const { addresses } = plan
    // What is held back on purpose must count as time on the way.
    const timestamps = options.timestamps === true && faults === undefined
    return { ...plan, gateway, link: openPacketLink({ interface: facts.name, addresses, timestamps }) }
  }
  // `networkArgs` has seen to it that there is an address.
  const own = address as Cidr
  const kernel = planKernelEnd(view, link.name, own, gateway)
  const open = link.kind === 'tap' ? openTapLink : openTunLink
  const { mtu } = options
  const port = open({ name: link.name, kernelAddress: kernel.isNew ? kernel.address : undefined, mtu })
  return { link: port, addresses: [own], shared: false, gateway: kernel.address.addr }
}

function addInterface(host: Host, link: Link, wire: Wire, { anyAddress }: NetworkOptions): NetInterface {
  const { addresses, shared, gateway } = wire
  const way = gateway === undefined ? {} : { gateway }
  const any = anyAddress === undefined ? {} : { anyAddress: true, anyEcho: anyAddress.echo }
  const iface = host.stack.addInterface(link, { name: wire.link.interface, addresses, shared, ...way, ...any })
  if (!shared || gateway !== undefined) return iface
  // Who shares the kernel's address goes the kernel's ways.
  for (const route of listRoutes()) {
    if (route.interface === wire.link.interface) host.stack.ip.routes.add({ ...route, iface })
  }
  return iface
}

function warnOfConflicts(host: Host, warn: (line: string) => void): void {
  const told = new Set<string>()
  host.stack.onConflict = (_iface, { ip, theirs }) => {
    const line = `another machine, ${formatMac(theirs)}, uses our address ${formatIpv4(ip)}`
    if (!told.has(line)) warn(`${line}; one of the two must change`)
    told.add(line)
  }
}

function describe({ link, addresses, shared, gateway }: Wire): string {
  const ours = addresses.map(formatCidr).join(', ')
  const how = shared ? `sharing ${ours} with the kernel` : `${ours} is our own`
  const way = gateway === undefined ? '' : `, gateway ${formatIpv4(gateway)}`
  const offload = link.offload.segmentation ? 'segmentation and checksums by the kernel' : 'no offload'
  return `${link.name}: ${how}${way}; MTU ${link.mtu}, ${offload}`
}

/** The reason to give when a command ended because its wire did. */
export function throwIfLost(network: Network): void {
  if (network.failure !== undefined) throw network.failure
}
