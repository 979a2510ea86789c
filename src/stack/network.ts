import { type Cidr, formatIpv4, type Ipv4Addr, type MacAddr } from '../base/address.ts'
import { typeError } from '../base/argument-errors.ts'
import type { Probe } from '../base/probe.ts'
import { type Rng, seededRng } from '../base/rng.ts'
import { type Micros, NEVER, type Pollable } from '../base/types.ts'
import type { FaultOptions } from '../link/fault-options.ts'
import { FaultyCable } from '../link/faulty-cable.ts'
import type { Link } from '../link/link.ts'
import { PcapTap } from '../link/pcap-tap.ts'
import { Host } from './host.ts'
import { type Joint, type JointEnd, type NetworkNode, updateRoutes } from './network-routes.ts'
import { Simulation } from './simulate.ts'

export interface NetworkOptions {
  /** The same seed gives the same run, to the last bit. Default 1. */
  readonly seed?: number
  /** Called after each instant at which something happened. */
  readonly onStep?: (now: Micros) => void
}

export interface NetworkHostOptions {
  /** Receives an event for whatever happens on this host. */
  readonly probe?: Probe
}

export interface NetworkLinkOptions {
  /** The largest IP packet that the interfaces at both ends send. Default 1500. */
  readonly mtu?: number
  /** Default `ethernet`, where neighbours must find each other by ARP first. */
  readonly medium?: 'ethernet' | 'ip'
  /** Gets the link's capture file as it is seen at the first of its two hosts. */
  readonly pcap?: (chunk: Uint8Array) => void
}

/** A link of a network, between two of its hosts; `send` is the way from the first to the second, `receive` the way back. */
export interface NetworkLink extends Pick<FaultyCable, 'counters' | 'queues' | 'configure'> {
  /** The addresses of its two ends. */
  readonly addresses: readonly [string, string]
}

interface Change {
  readonly at: Micros
  readonly change: () => void
}

/**
 * Hosts, routers and the links between them, on virtual time: a laboratory in memory, and a pure function of its seed.
 *
 * Addresses and routes come by themselves: every link is a network of its own, 10.0.0.0/24 the first, and every host
 * knows the shortest way to every network.
 */
export class Network {
  readonly simulation: Simulation
  readonly #rng: Rng
  readonly #parties: Pollable[]
  readonly #nodes = new Map<Host, NetworkNode>()
  #links = 0
  /** What is to happen at a time, the latest first. */
  readonly #changes: Change[] = []

  constructor(options: NetworkOptions = {}) {
    this.#rng = seededRng(options.seed ?? 1)
    this.#parties = [{ poll: (now) => this.#runChanges(now), pollAt: () => this.#changes.at(-1)?.at ?? NEVER }]
    this.simulation = new Simulation(this.#parties, options.onStep === undefined ? {} : { onStep: options.onStep })
  }

  /** The time the simulation has reached. */
  get now(): Micros {
    return this.simulation.now
  }

  /** A host: what `connect`, `listen` and `ping` are called on. */
  host(name: string, options: NetworkHostOptions = {}): Host {
    return this.#add(name, options, false)
  }

  /** A host that passes on packets for others, counts down their time to live, and says what is too large. */
  router(name: string, options: NetworkHostOptions = {}): Host {
    return this.#add(name, options, true)
  }

  /**
   * Joins two hosts by a link with the faults given; none by default.
   * @throws {RangeError} when a fault or the MTU is out of its range.
   */
  link(a: Host, b: Host, faults: FaultOptions = {}, options: NetworkLinkOptions = {}): NetworkLink {
    const { pcap, ...shape } = options
    const index = this.#links++
    const name = `${a.stack.hostname}-${b.stack.hostname}`
    const macA = (0x020000000000 + index * 2) as MacAddr
    const cable = new FaultyCable(
      { ...shape, name, macA, macB: (macA + 1) as MacAddr },
      { ...faults, seed: faults.seed ?? this.#rng() },
    )
    const network: Cidr = { addr: (0x0a000000 + index * 256) as Ipv4Addr, prefix: 24 }
    const left = attach(a, pcap === undefined ? cable.a : new PcapTap(cable.a, { write: pcap }), network, 1)
    const right = attach(b, cable.b, network, 2)
    const joint: Joint = { network, ends: [left, right] }
    for (const host of [a, b]) this.#nodes.get(host)!.joints.push(joint)
    for (const node of this.#nodes.values()) updateRoutes(node, this.#nodes)
    return {
      addresses: [formatIpv4(left.address), formatIpv4(right.address)],
      get counters() {
        return cable.counters
      },
      queues: (now) => cable.queues(now),
      configure: (changed) => cable.configure(changed),
    }
  }

  /** The address by which the others know a host: that of its first link. */
  addressOf(host: Host): string {
    const ends = this.#nodes.get(host)?.joints[0]?.ends
    if (ends === undefined) throw typeError(`Cannot tell the address of ${host.stack.hostname}: it has no link`)
    return formatIpv4(ends.find((end) => end.host === host)!.address)
  }

  /** Polls `party` with the hosts: a program with deadlines of its own. */
  add(party: Pollable): void {
    this.#parties.push(party)
  }

  /** Does something at a time: takes a link down, brings it up, begins a transfer. */
  at(time: Micros, change: () => void): void {
    const later = this.#changes.findIndex((other) => other.at <= time)
    this.#changes.splice(later < 0 ? this.#changes.length : later, 0, { at: time, change })
  }

  /** Runs until nobody has anything to do, or until `until`; returns the time reached. */
  run(until: Micros): Micros {
    return this.simulation.run(until)
  }

  /** Runs a program of promises until it settles; hands on what it settles to. */
  runUntilSettled<T>(promise: Promise<T>, limit: Micros = NEVER): Promise<T> {
    return this.simulation.runUntilSettled(promise, limit)
  }

  /** Ends every connection and closes the links. */
  close(): void {
    for (const host of this.#nodes.keys()) host.close()
  }

  #add(name: string, { probe }: NetworkHostOptions, isRouter: boolean): Host {
    const rng = seededRng(this.#rng())
    const host = new Host({ rng, hostname: name, forwarding: isRouter, ...(probe === undefined ? {} : { probe }) })
    this.#nodes.set(host, { host, isRouter, joints: [], routes: new Map() })
    this.#parties.push(host.stack)
    return host
  }

  #runChanges(now: Micros): void {
    while (this.#changes.length > 0 && this.#changes.at(-1)!.at <= now) this.#changes.pop()!.change()
  }
}

function attach(host: Host, link: Link, network: Cidr, number: number): JointEnd {
  const address = (network.addr + number) as Ipv4Addr
  const iface = host.stack.addInterface(link, { addresses: [{ addr: address, prefix: network.prefix }] })
  return { host, iface, address }
}
