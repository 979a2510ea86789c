import { formatIpv4, type Ipv4Addr } from '../base/address.ts'
import { rangeError, typeError } from '../base/argument-errors.ts'
import { ERROR_CODES, type ErrorCode, NetError } from '../base/errors.ts'
import { addMicros, fromMs, type Micros, NEVER } from '../base/types.ts'
import type { EchoListener, EchoReply } from '../icmp/echo.ts'
import type { IcmpError } from '../ip/transport.ts'
import { ICMP_HEADER_LEN } from '../wire/icmp.ts'
import { type AddressLike, toIpv4 } from './address.ts'
import { flag, requireBytes, requireSignal, shown, within } from './limits.ts'
import type { PingEvent, PingFailure, PingOptions, PingReply } from './ping-events.ts'
import { PingStats, type PingSummary } from './ping-stats.ts'
import type { Stack, Task } from './stack.ts'
import { abortError, Waiters } from './waiters.ts'

const DEFAULT_SIZE = 56
const DEFAULT_INTERVAL_MS = 1000
const DEFAULT_TIMEOUT_MS = 10_000
const MAX_SIZE = 65507
const MAX_TIME_MS = 86_400_000
/** With interval 0 the next request follows the reply, or this much later. */
const FLOOD_PAUSE_MS = 10
/** Requests remembered, so that late replies and duplicates are known for what they are. */
const MAX_REMEMBERED = 8192
/** Events that wait for their reader; with more, no further request is sent. */
const MAX_UNREAD = 1024
const MAX_SEQ = 0x10000

interface Request {
  /** Corrected once the link has taken it. */
  sentAt: Micros
  isAnswered: boolean
}

/**
 * Asks a host for echoes, again and again. Iterate over it for the events;
 * the iteration ends when `count` requests are answered or timed out, and with `stop`.
 */
export class Ping implements Task, EchoListener, AsyncIterable<PingEvent> {
  readonly address: string
  readonly size: number
  readonly #stack: Stack
  readonly #dst: Ipv4Addr
  readonly #source: Ipv4Addr | undefined
  readonly #id: number
  readonly #count: number
  readonly #interval: number
  readonly #timeout: number
  readonly #data: Uint8Array
  readonly #echo: { readonly ttl: number; readonly tos: number; readonly dontFragment: boolean }
  readonly #signal: AbortSignal | undefined
  readonly #stats = new PingStats()
  readonly #requests = new Map<number, Request>()
  readonly #events: PingEvent[] = []
  readonly #readers = new Waiters('ping')
  readonly #onEnd = (): void => this.stop()
  /** The request that the poll at hand sends. */
  #fresh: Request | undefined
  #seq = 0
  #finished = 0
  #nextAt = 0 as Micros
  #endAt: Micros = NEVER
  #isEnded = false

  /**
   * @throws {NetError} EAFNOSUPPORT, ENETUNREACH, EACCES, EADDRNOTAVAIL, ENOBUFS.
   * @throws {RangeError} when an option is out of its range.
   * @throws {TypeError} when one is of another kind.
   */
  constructor(stack: Stack, address: AddressLike, options: PingOptions = {}) {
    this.#stack = stack
    this.#dst = toIpv4(address)
    this.address = formatIpv4(this.#dst)
    this.size = within('size', options.size, DEFAULT_SIZE, 0, MAX_SIZE)
    const { count } = options
    this.#count = count == null ? NEVER : within('count', count, 1, 1, Number.MAX_SAFE_INTEGER)
    this.#interval = time('interval', options.interval, DEFAULT_INTERVAL_MS)
    this.#timeout = time('timeout', options.timeout, DEFAULT_TIMEOUT_MS)
    this.#echo = {
      ttl: within('ttl', options.ttl, 64, 1, 255),
      tos: within('tos', options.tos, 0, 0, 255),
      dontFragment: flag('dontFragment', options.dontFragment, false),
    }
    this.#data = fill(this.size, options.pattern)
    this.#source = options.source === undefined ? undefined : toIpv4(options.source)
    this.#signal = requireSignal(options.signal)
    this.#checkWay(flag('broadcast', options.broadcast, false))
    const id = stack.icmp.echoes.open(this)
    if (id === undefined) throw this.#failure('ENOBUFS')
    this.#id = id
    this.#nextAt = stack.now
    if (this.#signal?.aborted) this.stop()
    else {
      this.#signal?.addEventListener('abort', this.#onEnd, { once: true })
      stack.dependants.add(this.#onEnd)
      stack.addTask(this)
    }
  }

  get summary(): PingSummary {
    return this.#stats.summary()
  }

  /** Ends the iteration after the events that are already there. */
  stop(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#signal?.removeEventListener('abort', this.#onEnd)
    this.#stack.icmp.echoes.close(this.#id)
    this.#stack.removeTask(this)
    this.#stack.dependants.delete(this.#onEnd)
    this.#readers.wake()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<PingEvent, void, undefined> {
    try {
      for (;;) {
        const event = this.#events.shift()
        if (event !== undefined) {
          yield event
          if (this.#events.length === 0) this.#stack.work()
        } else if (this.#isEnded) return
        else await this.#readers.wait()
      }
    } finally {
      this.stop()
    }
  }

  poll(now: Micros): void {
    if (this.#isEnded) return
    if (now >= this.#nextAt && this.#seq < this.#count && this.#events.length < MAX_UNREAD) this.#ask(now)
    if (now >= this.#endAt) this.stop()
  }

  /** The frames of the poll are on the wire: the round trip of a request among them began there, not with the poll. */
  flushed(): void {
    const request = this.#fresh
    this.#fresh = undefined
    if (request === undefined) return
    request.sentAt = this.#stack.ip.route(this.#dst, this.#source)?.iface.link.flushedAt ?? request.sentAt
  }

  pollAt(): Micros {
    if (this.#isEnded) return NEVER
    if (this.#seq >= this.#count) return this.#endAt
    return this.#events.length < MAX_UNREAD ? this.#nextAt : NEVER
  }

  onReply(reply: EchoReply, now: Micros): void {
    const request = this.#requests.get(reply.seq)
    const isDuplicate = request?.isAnswered ?? false
    const at = reply.arrivedAt >= 0 ? reply.arrivedAt : now
    const rttUs = request === undefined ? undefined : Math.max(0, at - request.sentAt)
    if (reply.isCorrupt) this.#stats.corrupt++
    else if (isDuplicate) this.#stats.duplicates++
    else if (request !== undefined) {
      request.isAnswered = true
      this.#stats.addReply(rttUs ?? 0)
    }
    this.#push({
      type: 'reply',
      seq: reply.seq,
      from: formatIpv4(reply.from),
      ttl: reply.ttl,
      bytes: reply.end - reply.at + ICMP_HEADER_LEN,
      rttUs,
      isDuplicate,
      isCorrupt: reply.isCorrupt,
      isAltered: !isSame(this.#data, reply),
    })
    if (request !== undefined && !isDuplicate && !reply.isCorrupt) this.#finishOne(now)
  }

  onError(error: IcmpError, now: Micros): void {
    const request = this.#requests.get(error.dstPort)
    if (error.dst !== this.#dst || request === undefined) return
    const { kind, code, local, mtu } = error
    this.#fail(error.dstPort, formatIpv4(error.from), error.errorCode, { kind, code, local }, mtu)
    if (request.isAnswered) return
    request.isAnswered = true
    this.#finishOne(now)
  }

  #ask(now: Micros): void {
    const previous = this.#requests.get(this.#seq % MAX_SEQ)
    if (previous !== undefined && !previous.isAnswered) {
      this.#push({ type: 'unanswered', seq: this.#seq % MAX_SEQ })
    }
    // The first is 1, as people expect.
    this.#seq++
    const seq = this.#seq % MAX_SEQ
    this.#remember(seq, now)
    this.#stats.sent++
    this.#push({ type: 'sent', seq })
    this.#nextAt = addMicros(now, this.#interval > 0 ? this.#interval : fromMs(FLOOD_PAUSE_MS))
    if (this.#seq >= this.#count) this.#endAt = addMicros(now, this.#timeout)
    const { ip, icmp } = this.#stack
    const route = ip.route(this.#dst, this.#source)
    const drop = route === undefined ? 'none' : icmp.sendEcho(route, this.#id, seq, this.#data, this.#echo, now)
    if (drop === undefined) return
    const code = route === undefined ? 'ENETUNREACH' : (CODES[drop] ?? 'ENOBUFS')
    this.#requests.get(seq)!.isAnswered = true
    this.#fail(seq, formatIpv4(route?.src ?? this.#dst), code, undefined, ip.pathMtu(this.#dst))
    this.#finishOne(now)
  }

  #remember(seq: number, now: Micros): void {
    this.#requests.delete(seq)
    this.#fresh = { sentAt: now, isAnswered: false }
    this.#requests.set(seq, this.#fresh)
    if (this.#requests.size > MAX_REMEMBERED) this.#requests.delete(this.#requests.keys().next().value!)
  }

  /** One request is answered, well or badly. */
  #finishOne(now: Micros): void {
    this.#finished++
    if (this.#finished >= this.#count) this.stop()
    else if (this.#interval === 0) this.#nextAt = now
  }

  #fail(seq: number, from: string, code: ErrorCode, icmp: PingFailure['icmp'], mtu: number): void {
    this.#stats.errors++
    this.#push({ type: 'error', seq, from, code, icmp, mtu })
  }

  /** Nobody is made to keep what nobody reads: replies count, but only so many wait. */
  #push(event: PingEvent): void {
    if (this.#isEnded || this.#events.length >= 2 * MAX_UNREAD) return
    this.#events.push(event)
    this.#readers.wake()
  }

  #checkWay(mayBroadcast: boolean): void {
    const { ip } = this.#stack
    if (this.#source !== undefined && !ip.isLocal(this.#source)) throw this.#failure('EADDRNOTAVAIL')
    const route = ip.route(this.#dst, this.#source)
    if (route === undefined) throw this.#failure('ENETUNREACH')
    if (route.isBroadcast && !mayBroadcast) throw this.#failure('EACCES')
  }

  #failure(code: ErrorCode): NetError {
    const message = `Cannot ping ${this.address}: ${ERROR_CODES[code]}`
    return new NetError(code, message, { syscall: 'ping', address: this.address })
  }
}

/**
 * One echo: resolves with the reply.
 * @throws {NetError} ETIMEDOUT, EHOSTUNREACH and what else ICMP reports, ABORT_ERR, and what `Ping` throws.
 */
export async function ping(stack: Stack, address: AddressLike, options: PingOptions = {}): Promise<PingReply> {
  if (options.signal?.aborted) throw abortError('ping')
  const run = new Ping(stack, address, { ...options, count: 1 })
  const where = { syscall: 'ping', address: run.address }
  for await (const event of run) {
    if (event.type === 'reply' && !event.isCorrupt) return event
    if (event.type !== 'error') continue
    throw new NetError(event.code, `No echo from ${run.address}, says ${event.from}: ${ERROR_CODES[event.code]}`, where)
  }
  if (options.signal?.aborted) throw abortError('ping')
  if (stack.isClosed) throw new NetError('ERR_CLOSED', 'The stack was closed while waiting for an echo', where)
  throw new NetError('ETIMEDOUT', `No echo from ${run.address}: ${ERROR_CODES.ETIMEDOUT}`, where)
}

/** What a refused send means to the user. */
const CODES: Readonly<Record<string, ErrorCode>> = {
  'ip-too-big': 'EMSGSIZE',
  'interface-down': 'ENETDOWN',
  'link-refused': 'ENOBUFS',
}

function fill(size: number, given: Uint8Array | undefined): Uint8Array {
  const pattern = given === undefined ? [] : requireBytes('ping with pattern', given)
  return Uint8Array.from({ length: size }, (_, i) => pattern[i % pattern.length] ?? i)
}

function isSame(data: Uint8Array, { bytes, at, end }: EchoReply): boolean {
  if (end - at !== data.length) return false
  for (let i = 0; i < data.length; i++) if (bytes[at + i] !== data[i]) return false
  return true
}

/** The milliseconds given, parts of one too, or the usual ones. */
function time(name: string, given: number | undefined, usual: number): Micros {
  const value: unknown = given ?? usual
  const isNumber = typeof value === 'number'
  if (isNumber && value >= 0 && value <= MAX_TIME_MS) return fromMs(value)
  const refusal = isNumber ? rangeError : typeError
  throw refusal(`Cannot use ${name} ${shown(value)}: it must be a number from 0 to ${MAX_TIME_MS}`, time)
}
