import { createHash, type Hash } from 'node:crypto'
import { type Ipv4Addr, parseCidr, parseIpv4 } from '../../src/base/address.ts'
import { seededRng } from '../../src/base/rng.ts'
import { fromMs, type Micros, type Pollable } from '../../src/base/types.ts'
import { Cable, type CableOptions } from '../../src/link/cable.ts'
import { FaultLink } from '../../src/link/fault.ts'
import type { FaultOptions } from '../../src/link/fault-options.ts'
import type { Link } from '../../src/link/link.ts'
import { Tracer } from '../../src/link/tracer.ts'
import { Simulation } from '../../src/stack/simulate.ts'
import { Stack } from '../../src/stack/stack.ts'
import type { TcpOptionsInit } from '../../src/tcp/settings.ts'
import { Tcp } from '../../src/tcp/tcp.ts'
import { checkInvariants } from '../tcp/invariants.ts'
import { End, type EndOptions } from './end.ts'

export const A = parseIpv4('10.0.0.1') as Ipv4Addr
export const B = parseIpv4('10.0.0.2') as Ipv4Addr

export interface PairOptions {
  readonly seed: number
  readonly cable?: CableOptions
  readonly fault?: FaultOptions
  /** Hashes every frame that either stack sends, with its time. */
  readonly digest?: boolean
  /** Checks the invariants of every connection at every step. Default true. */
  readonly checks?: boolean
}

/** A host in virtual time: a stack with TCP. */
export interface Host {
  readonly stack: Stack
  readonly tcp: Tcp
}

/** Two hosts on one cable, in virtual time. The whole is a pure function of its seed. */
export class Pair {
  readonly a: Host
  readonly b: Host
  readonly simulation: Simulation
  readonly #parties: Pollable[]
  readonly #hash: Hash = createHash('sha256')

  constructor(options: PairOptions) {
    const cable = new Cable({ delay: fromMs(1), ...options.cable })
    const faulty: Link =
      options.fault === undefined ? cable.a : new FaultLink(cable.a, { ...options.fault, seed: options.seed })
    const seen = (link: Link): Link => (options.digest === true ? this.#digested(link) : link)
    this.a = host('a', '10.0.0.1/24', seen(faulty), options.seed)
    this.b = host('b', '10.0.0.2/24', seen(cable.b), options.seed + 1)
    this.#parties = [this.a.stack, this.b.stack]
    const onStep = (now: Micros): void => {
      for (const { stack, tcp } of [this.a, this.b]) if (stack.pollAt() > now) checkInvariants(tcp, now)
    }
    this.simulation = new Simulation(this.#parties, options.checks === false ? {} : { onStep })
  }

  /** Polls `party` with the hosts. */
  add(party: Pollable): void {
    this.#parties.push(party)
  }

  run(until: number): Micros {
    return this.simulation.run(fromMs(until))
  }

  /** What every frame of the run amounts to; only once, with `digest`. */
  digest(): string {
    return this.#hash.digest('hex')
  }

  close(): void {
    for (const { stack, tcp } of [this.a, this.b]) {
      tcp.close()
      stack.close()
    }
  }

  #digested(link: Link): Link {
    return new Tracer(link, (direction, bytes, start, end, now) => {
      if (direction === 'out') this.#hash.update(`${link.name} ${now} `).update(bytes.subarray(start, end))
    })
  }
}

function host(name: string, cidr: string, link: Link, seed: number): Host {
  const stack = new Stack({ rng: seededRng(seed), hostname: name })
  const tcp = new Tcp({ ip: stack.ip, ports: stack.ports, rng: stack.rng, work: () => stack.work() })
  stack.register(tcp)
  stack.addInterface(link, { addresses: [parseCidr(cidr)!] })
  return { stack, tcp }
}

export interface ExchangeOptions {
  /** The side that connects. */
  readonly client: EndOptions
  /** The side that listens. */
  readonly server: EndOptions
  readonly tcp?: TcpOptionsInit
  /** Connections at once. Default 1. */
  readonly connections?: number
  /** Data rides on the SYN. */
  readonly fastOpen?: boolean
}

/** Connections from a to b, each with a user at both ends; runs until all have ended or `until` milliseconds. */
export function exchange(
  pair: Pair,
  until: number,
  options: ExchangeOptions,
): { clients: End[]; servers: End[]; ended: Micros } {
  const servers: End[] = []
  const clients: End[] = []
  const add = (end: End): End => {
    pair.add(end)
    return end
  }
  const { fastOpen = false } = options
  if (fastOpen) pair.a.tcp.fastOpen.cache.remember(B, pair.b.tcp.fastOpen.keys.cookieFor(A, B))
  const listener = pair.b.tcp.listen(B, 80, { ...options.tcp, fastOpen: fastOpen ? 100 : 0 })
  listener.onConnection = () => {
    for (let tcb = listener.accept(); tcb !== undefined; tcb = listener.accept()) {
      servers.push(add(new End(tcb, pair.b.tcp, options.server)))
    }
  }
  const count = options.connections ?? 1
  for (let i = 0; i < count; i++) {
    clients.push(add(new End(pair.a.tcp.connect(B, 80, { ...options.tcp, fastOpen }), pair.a.tcp, options.client)))
  }
  const isDone = (): boolean =>
    servers.length === count && [...clients, ...servers].every(({ closed }) => closed !== undefined)
  let ended = pair.simulation.now
  for (let at = 1000; at <= until && !isDone(); at += 1000) ended = pair.run(at)
  pair.b.tcp.unlisten(listener)
  return { clients, servers, ended }
}

/** Sends `total` bytes from a to b; returns both ends after the run. */
export function transfer(
  pair: Pair,
  total: number,
  until: number,
  tcp: TcpOptionsInit = {},
): { source: End; sink: End | undefined; ended: Micros } {
  const { clients, servers, ended } = exchange(pair, until, {
    client: { send: total },
    server: { closesSecond: true },
    tcp,
  })
  return { source: clients[0]!, sink: servers[0], ended }
}
