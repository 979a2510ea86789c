import type { AddressConflict } from '../arp/address-claims.ts'
import type { PacketCopy } from '../arp/packet-copy.ts'
import {
  type Cidr,
  formatIpv4,
  formatMac,
  IPV4_ANY,
  IPV4_LOOPBACK,
  type IpAddr,
  type Ipv4Addr,
  type MacAddr,
} from '../base/address.ts'
import { ByteRing } from '../base/byte-ring.ts'
import { Counters } from '../base/counters.ts'
import { NetError } from '../base/errors.ts'
import type { Probe } from '../base/probe.ts'
import type { Rng } from '../base/rng.ts'
import { Thrown } from '../base/thrown.ts'
import { earliest, type Micros, NEVER, type Pollable } from '../base/types.ts'
import { Icmp } from '../icmp/icmp.ts'
import { Forwarder } from '../ip/forward.ts'
import { Igmp } from '../ip/igmp.ts'
import { IpInput } from '../ip/input.ts'
import { type InterfaceHost, type InterfaceOptions, NetInterface } from '../ip/interface.ts'
import { LoopbackLink } from '../ip/loopback.ts'
import { IpOutput } from '../ip/output.ts'
import type { Transport } from '../ip/transport.ts'
import type { InFrame, Link } from '../link/link.ts'
import { SoftwareOffload } from '../link/software-offload.ts'
import { Udp } from '../udp/udp.ts'
import { type PortOptions, Ports } from './ports.ts'

const DEFAULT_ROUTE: Cidr = { addr: IPV4_ANY, prefix: 0 }
const LOOPBACK_NET: Cidr = { addr: IPV4_LOOPBACK, prefix: 8 }

export interface StackOptions {
  /** Where sequence numbers, ports and identifiers come from; secret on a real network. */
  readonly rng: Rng
  /** For people: the `node` of its events. */
  readonly hostname?: string
  /** Receives an event for whatever happens; nothing is recorded without it. */
  readonly probe?: Probe
  /** Passes on packets for others, as a router does. Default false. */
  readonly forwarding?: boolean
  /** The range of ephemeral ports. */
  readonly ports?: PortOptions
}

export interface StackInterfaceOptions extends InterfaceOptions {
  /** The router for everything that is on no link of ours. */
  readonly gateway?: Ipv4Addr
  /** Of the routes this interface brings. Default 0. */
  readonly metric?: number
}

/** Something that is polled with the stack. */
export interface Task extends Pollable {
  /** The frames that the poll made are on the wire. */
  flushed?(): void
}

interface Port {
  readonly iface: NetInterface
  readonly onFrame: (frame: InFrame) => void
}

/**
 * A host: interfaces, routes, and the protocols above them. It performs no I/O and has no clock:
 * whoever drives it calls `poll(now)` when a frame came, when `pollAt()` says so, and after `onWork`.
 */
export class Stack implements Pollable {
  readonly hostname: string
  readonly rng: Rng
  readonly probe: Probe | undefined
  /** Refused packets by reason. */
  readonly counters = new Counters()
  readonly ip: IpOutput
  readonly ipInput: IpInput
  readonly icmp: Icmp
  readonly igmp: Igmp
  readonly udp: Udp
  readonly ports: Ports
  /** Called when the stack has something to do before its next deadline; it only takes a note, and polls later. */
  onWork: (() => void) | undefined
  /** Called by the event loop when a descriptor has frames; a driver may poll at once. Default: as `onWork`. */
  onWake: (() => void) | undefined
  /** What ends with the stack: sockets, pings, listeners put themselves in and take themselves out. */
  readonly dependants = new Set<() => void>()
  /** Called when another machine uses an address of ours. */
  onConflict: ((iface: NetInterface, conflict: AddressConflict) => void) | undefined
  /**
   * Called when an interface goes down (ENETDOWN; connections wait for it to come back) and when it is gone (any other
   * code; it is then removed, and connections that can go no other way end with this error).
   */
  onInterfaceError: ((iface: NetInterface, error: NetError) => void) | undefined
  readonly #ports: Port[] = []
  readonly #tasks: Task[] = []
  readonly #transports: Transport[] = []
  /** Interfaces whose links have failed for good, until the next poll. */
  readonly #gone: { readonly iface: NetInterface; readonly error: NetError }[] = []
  readonly #host: InterfaceHost
  readonly #thrown = new Thrown()
  #now = 0 as Micros
  #isReceiving = false
  #isClosed = false

  constructor(options: StackOptions) {
    this.rng = options.rng
    this.hostname = options.hostname ?? 'gotcp'
    this.probe = options.probe
    this.ip = new IpOutput(options.rng)
    this.ip.onDrop = (reason, count, now) => this.drop(reason, now, count)
    this.ports = new Ports(options.rng, () => this.#sharedAddresses(), options.ports)
    this.#host = {
      onIp: (iface, frame, at, broadcast, now) => this.ipInput.input(iface, frame, at, broadcast, now),
      onUnresolved: (iface, packets, now) => this.#onUnresolved(iface, packets, now),
      onConflict: (iface, conflict, now) => this.#onConflict(iface, conflict, now),
      onDrop: (reason, count, now) => this.drop(reason, now, count),
    }
    const loopback = { addresses: [LOOPBACK_NET], loopback: true }
    const lo = this.#attach(new NetInterface(new LoopbackLink(), loopback, this.#host))
    this.ipInput = new IpInput(this.ip, lo, this.#host.onDrop)
    this.icmp = new Icmp(this.ipInput, this.ip, options.rng)
    this.igmp = new Igmp(this.ip, options.rng)
    this.udp = new Udp(this.ip, this.icmp, () => this.work())
    this.ipInput.errors = this.icmp
    if (options.forwarding === true) this.ipInput.forwarder = new Forwarder(this.ip, this.icmp)
    for (const transport of [this.icmp, this.igmp, this.udp]) this.register(transport)
  }

  /** The time of the latest poll. */
  get now(): Micros {
    return this.#now
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** The loopback interface first, then in the order they were added. */
  get interfaces(): readonly NetInterface[] {
    return this.ip.interfaces
  }

  /**
   * Puts a link into service; the stack closes it. Brings the routes to its networks and, with a gateway,
   * the default route.
   */
  addInterface(link: Link, options: StackInterfaceOptions): NetInterface {
    const whole = link.offload.checksum && link.offload.segmentation
    const mac = options.mac ?? (link.mac || this.#randomMac())
    const iface = new NetInterface(whole ? link : new SoftwareOffload(link), { ...options, mac }, this.#host)
    this.#attach(iface)
    const metric = options.metric ?? 0
    for (const destination of iface.addresses) {
      this.ip.routes.add({ destination, gateway: undefined, iface, metric })
    }
    if (options.gateway !== undefined) {
      this.ip.routes.add({ destination: DEFAULT_ROUTE, gateway: options.gateway, iface, metric })
    }
    link.onWake = link.descriptor === undefined ? () => this.onWork?.() : () => (this.onWake ?? this.onWork)?.()
    link.onError = (error) => this.#onLinkError(iface, error)
    this.work()
    return iface
  }

  /**
   * Takes an interface out of service and closes its link. Connections that can go no other way end with `why`,
   * by default ENODEV.
   */
  removeInterface(iface: NetInterface, why: NetError = removed(iface)): void {
    const index = this.#ports.findIndex((port) => port.iface === iface)
    if (index < 0) return
    this.#ports.splice(index, 1)
    this.ip.removeInterface(iface)
    iface.link.close()
    for (const transport of this.#transports) transport.interfaceGone?.(why)
    this.work()
  }

  /** Marks an interface as up or down; what was sent by it finds other ways, or none. */
  setInterfaceUp(iface: NetInterface, isUp: boolean): void {
    iface.setUp(isUp, this.#now)
    this.ip.changed()
    this.work()
  }

  /** Adds a protocol above IP. */
  register(transport: Transport): void {
    this.ipInput.register(transport)
    this.#transports.push(transport)
    this.addTask(transport)
  }

  /** Polls `task` with the stack: a ping, a transport. */
  addTask(task: Task): void {
    this.#tasks.push(task)
    this.work()
  }

  removeTask(task: Task): void {
    const index = this.#tasks.indexOf(task)
    if (index >= 0) this.#tasks.splice(index, 1)
  }

  /** Asks the driver for a poll: something was changed. While links are read, the rest of that poll sees to it. */
  work(): void {
    if (!this.#isReceiving) this.onWork?.()
  }

  /** Counts a refused packet and tells the probe. */
  drop(reason: string, now: Micros, count = 1): void {
    this.counters.count(reason, count)
    this.probe?.({ t_us: now, node: this.hostname, ev: 'drop', why: reason, count })
  }

  poll(now: Micros): void {
    if (this.#isClosed) return
    this.#now = now
    this.#removeGone()
    this.#isReceiving = true
    try {
      for (const { iface, onFrame } of this.#ports) {
        iface.link.receive(now, onFrame)
        iface.poll(now)
      }
    } finally {
      this.#isReceiving = false
    }
    this.ipInput.poll(now)
    this.ip.poll(now)
    this.#runTasks(now)
    this.#thrown.release(() => this.work())
  }

  pollAt(): Micros {
    if (this.#isClosed) return NEVER
    if (this.#gone.length > 0) return this.#now
    let at = this.ipInput.pollAt()
    for (const { iface } of this.#ports) at = earliest(at, iface.pollAt())
    for (const task of this.#tasks) at = earliest(at, task.pollAt())
    return at
  }

  /** Ends whatever depends on the stack, sends what that leaves to be sent, closes the links and gives back ports. */
  close(): void {
    if (this.#isClosed) return
    for (const end of [...this.dependants]) end()
    this.#runTasks(this.#now)
    this.#isClosed = true
    for (const { iface } of this.#ports) iface.link.close()
    this.ports.close()
    this.onWork?.()
  }

  #runTasks(now: Micros): void {
    // A task may end itself, or others, while it is polled.
    for (let i = 0; i < this.#tasks.length; i++) this.#tasks[i]!.poll(now)
    for (const { iface } of this.#ports) iface.link.flush(now)
    this.ip.arena.reset()
    ByteRing.recycle()
    for (let i = 0; i < this.#tasks.length; i++) this.#tasks[i]!.flushed?.()
  }

  #attach(iface: NetInterface): NetInterface {
    const onFrame = (frame: InFrame): void => {
      try {
        const reason = iface.input(frame, this.#now)
        if (reason !== undefined) this.drop(reason, this.#now)
      } catch (error) {
        // Somebody who heard of the frame: those behind it are not to suffer.
        this.#thrown.add(error)
      }
    }
    this.#ports.push({ iface, onFrame })
    this.ip.addInterface(iface)
    return iface
  }

  #sharedAddresses(): readonly IpAddr[] {
    return this.interfaces.filter(({ shared }) => shared).flatMap(({ addresses }) => addresses.map(({ addr }) => addr))
  }

  /** A link fails in the middle of a poll or outside of it: what follows waits for the next. */
  #onLinkError(iface: NetInterface, error: NetError): void {
    if (error.code !== 'ENETDOWN') {
      this.#gone.push({ iface, error })
      this.work()
    }
    this.probe?.({ t_us: this.#now, node: this.hostname, ev: 'link', iface: iface.name, code: error.code })
    this.onInterfaceError?.(iface, error)
  }

  #removeGone(): void {
    for (let gone = this.#gone.pop(); gone !== undefined; gone = this.#gone.pop()) {
      this.removeInterface(gone.iface, gone.error)
    }
  }

  #onUnresolved(iface: NetInterface, packets: readonly PacketCopy[], now: Micros): void {
    this.drop('arp-unresolved', now, packets.length)
    for (const packet of packets) this.icmp.reportUnresolved(packet.bytes, now)
    this.probe?.({ t_us: now, node: this.hostname, ev: 'unresolved', iface: iface.name, count: packets.length })
  }

  #onConflict(iface: NetInterface, conflict: AddressConflict, now: Micros): void {
    this.onConflict?.(iface, conflict)
    const { ip, ours, theirs, defended } = conflict
    this.probe?.({
      t_us: now,
      node: this.hostname,
      ev: 'conflict',
      iface: iface.name,
      ip: formatIpv4(ip),
      mac: formatMac(theirs),
      ours: formatMac(ours),
      defended,
    })
  }

  /** A locally administered unicast address (IEEE 802 §8.4), for links that prescribe none. */
  #randomMac(): MacAddr {
    return (0x020000000000 + (this.rng() & 0xff) * 0x100000000 + this.rng()) as MacAddr
  }
}

const removed = (iface: NetInterface): NetError =>
  new NetError('ENODEV', `Cannot use ${iface.name}: it was removed from the stack`)
