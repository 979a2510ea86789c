import { formatEndpoint, formatIp, type Ipv4Addr } from '../../base/address.ts'
import { type ErrorCode, NetError } from '../../base/errors.ts'
import type { Rng } from '../../base/rng.ts'
import { type Seq, seqAdd } from '../../base/seq.ts'
import { type Timed, TimerQueue } from '../../base/timer-queue.ts'
import { addMicros, type Micros, NEVER } from '../../base/types.ts'
import { keepPacket } from '../../ip/kept-packet.ts'
import type { IpOutput } from '../../ip/output.ts'
import type { ErrorSender, IpPacket } from '../../ip/transport.ts'
import { IcmpCode, IcmpType } from '../../wire/icmp.ts'
import { TcpFlag } from '../../wire/tcp.ts'
import { Segment } from '../segment.ts'
import type { TcpSettings } from '../settings.ts'
import { ConnectionTable, type TableEntry } from '../table.ts'
import type { Tcb } from '../tcb.ts'
import { TimeWait } from '../time-wait.ts'
import { type Arrival, type EndsV4, takeSyn } from './listen.ts'
import type { Refusal } from './refusal.ts'

/** Why a SYN was not put before the handler. Also the name of the counter. */
export type TcpForwardDrop = 'tcp-forward-overflow'

export interface TcpForwardLimits {
  /** Attempts that may be undecided, or half open after they were accepted; a SYN beyond them is dropped. */
  readonly pending: number
  /** An attempt that is not decided by then is refused. */
  readonly timeout: Micros
}

/** How an attempt is refused: by a reset, by ICMP's "host unreachable", or by silence. */
export type TcpRefusal = 'reset' | 'unreachable' | 'ignore'

/** Where a connection came from that is not open yet. */
export interface TcpOrigin {
  established(tcb: Tcb): void
  /** It ended before. */
  ended(tcb: Tcb): void
}

/** What the forwarder needs of the one that owns all connections. */
export interface TcpForwardContext {
  readonly ip: IpOutput
  readonly refusal: Refusal
  readonly errors: ErrorSender | undefined
  readonly rng: Rng
  clock(): Micros
  find(ends: EndsV4): Tcb | TimeWait | undefined
  /** Makes a block for the ends and files it. */
  open(origin: TcpOrigin, arrival: Arrival, settings: TcpSettings): Tcb
  /** Asks for a poll. */
  work(): void
}

/** A SYN to a place where nobody listens, until somebody has decided about it. */
export class TcpRequest implements EndsV4, TableEntry, Timed {
  readonly local: Ipv4Addr
  readonly localPort: number
  readonly remote: Ipv4Addr
  readonly remotePort: number
  /** The latest of the SYNs that ask for it, without their data. */
  syn: IpPacket
  seq: Seq
  /** Octets of data that came with it. */
  dataLength: number
  /** Why nothing can be decided any more; undefined while it can. */
  over: ErrorCode | 'decided' | undefined = undefined
  /** Told when it ends before it was decided. */
  onEnd: (() => void) | undefined = undefined
  hashNext: unknown = undefined
  heapIndex = -1
  readonly #endsAt: Micros

  constructor(packet: IpPacket, seg: Segment, endsAt: Micros) {
    this.local = packet.header.dst
    this.localPort = seg.header.dstPort
    this.remote = packet.header.src
    this.remotePort = seg.header.srcPort
    this.syn = keepPacket(packet, seg.dataAt)
    this.seq = seg.seq
    this.dataLength = seg.dataLength
    this.#endsAt = endsAt
  }

  pollAt(): Micros {
    return this.over === undefined ? this.#endsAt : NEVER
  }
}

/**
 * Puts SYNs that no listener takes before a handler, which answers or refuses each when it knows what to do with it:
 * typically once it has a connection of its own to where the SYN wanted to go.
 *
 * An attempt is remembered from its first SYN on, whoever sends it again adds nothing, and what is remembered is bounded.
 * SYN cookies have no place here: until the handler has decided there is nothing to answer with.
 */
export class TcpForwarder implements TcpOrigin {
  readonly stats = { requests: 0, repeats: 0, accepted: 0, refused: 0, expired: 0, abandoned: 0, overflows: 0 }
  /** Told of each attempt, once, when the stack is polled. */
  onRequest: ((request: TcpRequest) => void) | undefined = undefined
  readonly #context: TcpForwardContext
  readonly #limits: TcpForwardLimits
  readonly #requests: ConnectionTable<TcpRequest>
  readonly #timers = new TimerQueue<TcpRequest>()
  readonly #halfOpen = new Set<Tcb>()
  #untold: TcpRequest[] = []

  constructor(context: TcpForwardContext, limits: TcpForwardLimits) {
    this.#context = context
    this.#limits = limits
    this.#requests = new ConnectionTable(context.rng)
  }

  /** Attempts that are undecided, and those that were accepted and are half open. */
  get pending(): number {
    return this.#requests.size + this.#halfOpen.size
  }

  /** Takes a segment for no connection and no listener: true when it is dealt with, or why it is dropped. */
  arrives(packet: IpPacket, seg: Segment, now: Micros): TcpForwardDrop | boolean {
    const { iface, header } = packet
    if (iface.isLoopback || iface.shared) return false
    const known = this.#requests.find(header.dst, seg.header.dstPort, header.src, seg.header.srcPort)
    const asks = seg.has(TcpFlag.SYN) && !seg.has(TcpFlag.ACK | TcpFlag.RST | TcpFlag.FIN)
    if (known === undefined) return asks && this.#begin(packet, seg, now)
    if (asks) this.#repeat(known, packet, seg)
    // The peer gave up: only the number that follows its SYN is believed (RFC 5961 §3.2).
    else if (seg.has(TcpFlag.RST) && seg.seq === seqAdd(known.seq, 1)) this.#abandon(known)
    else return false
    return true
  }

  /**
   * Answers the SYN: the connection is half open.
   * @throws {NetError} when no route leads back, or the ends have a connection by now.
   */
  accept(request: TcpRequest, settings: TcpSettings): Tcb {
    const arrival = this.#arrival(request)
    if (arrival === undefined) throw refusedAccept('ENETUNREACH', request, 'no route leads back')
    const old = this.#context.find(request)
    if (old !== undefined && !(old instanceof TimeWait)) {
      throw refusedAccept('EADDRINUSE', request, 'there is a connection between these ends by now')
    }
    this.#end(request, 'decided')
    const tcb = this.#context.open(this, { ...arrival, replaces: old }, settings)
    this.#halfOpen.add(tcb)
    takeSyn(tcb, arrival.seg, arrival.now)
    tcb.owner.changed(tcb)
    return tcb
  }

  refuse(request: TcpRequest, how: TcpRefusal): void {
    if (request.over !== undefined) return
    this.#end(request, 'decided')
    this.stats.refused++
    if (how === 'ignore') return
    if (how === 'reset' || !this.#complain(request)) this.#reset(request)
    this.#context.work()
  }

  /** A connection that was accepted is open. */
  established(tcb: Tcb): void {
    if (this.#halfOpen.delete(tcb)) this.stats.accepted++
  }

  /** It ended before it was open. */
  ended(tcb: Tcb): void {
    this.#halfOpen.delete(tcb)
  }

  poll(now: Micros): void {
    for (let late = this.#timers.takeDue(now); late !== undefined; late = this.#timers.takeDue(now)) {
      this.stats.expired++
      this.#drop(late, 'ETIMEDOUT')
    }
    if (this.#untold.length === 0) return
    const untold = this.#untold
    this.#untold = []
    for (const request of untold) if (request.over === undefined) this.onRequest?.(request)
  }

  pollAt(): Micros {
    return this.#timers.pollAt()
  }

  /** Refuses whatever is undecided; connections live on. */
  close(): void {
    for (const request of [...this.#requests]) this.#drop(request, 'ERR_CLOSED')
  }

  #begin(packet: IpPacket, seg: Segment, now: Micros): TcpForwardDrop | boolean {
    if (this.pending >= this.#limits.pending) {
      this.stats.overflows++
      return 'tcp-forward-overflow'
    }
    this.stats.requests++
    const request = new TcpRequest(packet, seg, addMicros(now, this.#limits.timeout))
    this.#requests.add(request)
    this.#timers.update(request)
    this.#untold.push(request)
    return true
  }

  /** The latest SYN is the one to answer: its timestamp is what the peer measures by, and it may be a new attempt. */
  #repeat(request: TcpRequest, packet: IpPacket, seg: Segment): void {
    this.stats.repeats++
    request.syn = keepPacket(packet, seg.dataAt)
    request.seq = seg.seq
    request.dataLength = seg.dataLength
  }

  #abandon(request: TcpRequest): void {
    this.stats.abandoned++
    this.#end(request, 'ECONNRESET')
    request.onEnd?.()
  }

  /** Refuses an attempt in place of the handler. */
  #drop(request: TcpRequest, why: ErrorCode): void {
    this.#reset(request)
    this.#end(request, why)
    request.onEnd?.()
  }

  #end(request: TcpRequest, why: ErrorCode | 'decided'): void {
    request.over = why
    this.#requests.remove(request)
    this.#timers.remove(request)
  }

  #reset(request: TcpRequest): void {
    const arrival = this.#arrival(request)
    if (arrival !== undefined) this.#context.refusal.send(arrival)
  }

  /** Says by ICMP that the host cannot be reached; false where the rules or the limit of ICMP errors forbid it. */
  #complain({ syn }: TcpRequest): boolean {
    const { errors, clock } = this.#context
    return errors?.sendError(syn, IcmpType.UNREACHABLE, IcmpCode.HOST_UNREACHABLE, 0, clock()) ?? false
  }

  /** The SYN, read again; undefined where no way leads back. */
  #arrival(request: TcpRequest): Arrival | undefined {
    const { syn, remote, local } = request
    const route = this.#context.ip.route(remote, local)
    if (route === undefined) return undefined
    const seg = new Segment()
    seg.header.parse(syn.frame.view, syn.header.payloadAt, syn.header.end)
    seg.fill(syn)
    seg.dataLength = request.dataLength
    return { seg, ends: request, route, replaces: undefined, now: this.#context.clock() }
  }
}

function refusedAccept(code: ErrorCode, { remote, remotePort }: TcpRequest, why: string): NetError {
  const where = { syscall: 'accept', address: formatIp(remote), port: remotePort }
  return new NetError(code, `Cannot accept from ${formatEndpoint(remote, remotePort)}: ${why}`, where)
}
