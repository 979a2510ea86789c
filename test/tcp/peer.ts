import assert from 'node:assert/strict'
import { type Ipv4Addr, parseIpv4 } from '../../src/base/address.ts'
import { seededRng } from '../../src/base/rng.ts'
import { fromMs, type Micros, micros } from '../../src/base/types.ts'
import type { ChecksumState } from '../../src/link/link.ts'
import { Stack } from '../../src/stack/stack.ts'
import type { TcpState } from '../../src/tcp/fsm.ts'
import { formatInfo, infoOf } from '../../src/tcp/info.ts'
import type { Listener, ListenOptions } from '../../src/tcp/passive/listener.ts'
import { consumed } from '../../src/tcp/receive/receive.ts'
import type { ConnectOptions, TcpOptionsInit } from '../../src/tcp/settings.ts'
import type { Tcb } from '../../src/tcp/tcb.ts'
import { Tcp } from '../../src/tcp/tcp.ts'
import { TIMER_NAMES, type Timer } from '../../src/tcp/timers.ts'
import { abort, close, closeBoth, send } from '../../src/tcp/user.ts'
import { IPV4_HEADER_LEN } from '../../src/wire/ipv4.ts'
import { TCP_CHECKSUM_OFFSET } from '../../src/wire/tcp.ts'
import { checkInvariants } from './invariants.ts'
import {
  decode,
  difference,
  type End,
  encode,
  encodeIcmpError,
  formatSegment,
  octetAt,
  parseSegment,
  patternOf,
  type SeenSegment,
} from './notation.ts'
import { WireLink } from './wire-link.ts'

export const US = parseIpv4('10.0.0.1') as Ipv4Addr
export const THEM = parseIpv4('10.0.0.2') as Ipv4Addr
const ROUTER = parseIpv4('10.0.0.254') as Ipv4Addr
/** Our port when we listen, and when we connect. */
export const LISTEN_PORT = 80
export const CONNECT_PORT = 40_000
/** The windows of a test that names no other controller can be worked out by hand. */
const BY_HAND: TcpOptionsInit = { congestion: 'newreno' }
const THEIR_ISS = 0x1000_0000
/** Polls at one instant that pass for progress. */
const MAX_SPINS = 64
/** Deadlines within one advance of the clock that pass for progress. */
const MAX_STEPS = 100_000

export interface PeerOptions {
  readonly mtu?: number
  /** The link takes super-segments and unfinished checksums. */
  readonly offload?: boolean
  readonly seed?: number
  readonly peerIss?: number
  /** The range of ephemeral ports. */
  readonly ports?: { readonly first: number; readonly last: number }
  /** When the script begins, in milliseconds; the ISN follows this clock (RFC 6528). */
  readonly from?: number
}

/**
 * One real stack in virtual time, and its peer in the hands of a script. Sequence numbers count from the ISNs; time is
 * milliseconds from the beginning of the script. Every octet of data is `octetAt` of its sequence number, both ways.
 */
export class Peer {
  readonly link: WireLink
  readonly stack: Stack
  readonly tcp: Tcp
  listener: Listener | undefined
  /** What the user of the connection was told, in order. */
  readonly told: string[] = []
  /** Each state the connection moved to. */
  readonly states: TcpState[] = []
  readonly timers: string[] = []
  /** Read what arrives at once. */
  reads = true
  received = 0
  theirPort = 5000
  #tcb: Tcb | undefined
  #iss = 0
  #knowsIss = false
  readonly #theirIss: number
  readonly #begin: Micros
  #now: Micros
  #seen = 0
  #written = 0

  constructor(options: PeerOptions = {}) {
    this.link = new WireLink(options.mtu ?? 1500, options.offload ?? false)
    this.stack = new Stack({
      rng: seededRng(options.seed ?? 1),
      ...(options.ports === undefined ? {} : { ports: options.ports }),
    })
    const { stack } = this
    this.tcp = new Tcp({ ip: stack.ip, ports: stack.ports, rng: stack.rng, work: () => stack.work() })
    stack.register(this.tcp)
    stack.addInterface(this.link, { addresses: [{ addr: US, prefix: 24 }] })
    this.tcp.watcher = {
      onMoved: (tcb, _from) => {
        this.states.push(tcb.state)
        this.#tcb ??= tcb
      },
      onSegmentIn: () => undefined,
      onSegmentOut: () => undefined,
      onTimer: (_tcb, timer: Timer) => {
        this.timers.push(TIMER_NAMES[timer]!)
      },
    }
    this.#theirIss = options.peerIss ?? THEIR_ISS
    this.#begin = fromMs(options.from ?? 1000)
    this.#now = this.#begin
    this.settle()
  }

  /** The connection: the latest that was made. */
  get tcb(): Tcb {
    assert.ok(this.#tcb !== undefined, 'no connection was made')
    return this.#tcb
  }

  get iss(): number {
    return this.#iss
  }

  /** Milliseconds since the script began. */
  get now(): number {
    return (this.#now - this.#begin) / 1000
  }

  /** OPEN by the stack. */
  connect(options: TcpOptionsInit & ConnectOptions = {}): Tcb {
    const ends = { localPort: CONNECT_PORT, local: US }
    this.#tcb = this.tcp.connect(THEM, LISTEN_PORT, { ...BY_HAND, ...options, ...ends })
    this.theirPort = LISTEN_PORT
    this.#learn(this.#tcb.snd.iss)
    this.attach(this.#tcb)
    this.settle()
    return this.#tcb
  }

  listen(options: TcpOptionsInit & ListenOptions = {}): Listener {
    this.listener = this.tcp.listen(US, LISTEN_PORT, { ...BY_HAND, ...options })
    return this.listener
  }

  /** The oldest connection that waits; the script watches it from now on. */
  accept(): Tcb {
    const tcb = this.listener?.accept()
    assert.ok(tcb !== undefined, `nothing to accept\n${this.#around()}`)
    this.#tcb = tcb
    this.attach(tcb)
    return tcb
  }

  attach(tcb: Tcb): void {
    tcb.user = {
      onEstablished: () => this.told.push('established'),
      onReadable: () => {
        this.told.push('readable')
        if (this.reads) this.read()
      },
      onWritable: () => this.told.push('writable'),
      onClosed: (failure) => this.told.push(failure === undefined ? 'closed' : failure.code),
    }
  }

  /** SEND: the next `count` octets of the pattern; returns how many were taken. */
  write(count: number): number {
    const taken = send(this.tcb, patternOf(1 + this.#written, count), 0)
    this.#written += taken
    this.settle()
    return taken
  }

  /** RECEIVE: up to `count` octets, which must be those of the pattern. */
  read(count = Number.POSITIVE_INFINITY): number {
    const { tcb } = this
    let total = 0
    for (let view = tcb.receiveRing.peek(); view.length > 0 && total < count; view = tcb.receiveRing.peek()) {
      const size = Math.min(view.length, count - total)
      for (let i = 0; i < size; i++) {
        if (view[i] !== octetAt(1 + this.received + i)) assert.fail(`octet ${1 + this.received + i} came out wrong`)
      }
      this.received += size
      total += size
      consumed(tcb, size, this.tcp.now)
    }
    return total
  }

  /** A user call, and what follows from it. */
  do(action: 'close' | 'closeBoth' | 'abort' | ((tcb: Tcb) => void)): void {
    const { tcb } = this
    if (action === 'close') close(tcb)
    else if (action === 'closeBoth') closeBoth(tcb, this.tcp.sender, this.tcp.now)
    else if (action === 'abort') abort(tcb, this.tcp.sender, this.tcp.now)
    else action(tcb)
    this.tcp.changed(tcb)
    this.settle()
  }

  /** Sends segments of the peer; several arrive in one batch. */
  send(...texts: string[]): void {
    for (const text of texts) this.link.feed(encode(parseSegment(text), this.them, this.us))
    this.settle()
  }

  /** The same from another port of the peer. */
  sendFrom(port: number, text: string): void {
    this.link.feed(encode(parseSegment(text), { ...this.them, port }, this.us))
    this.settle()
  }

  /** Any bytes, as the link hands them up. */
  feed(bytes: Uint8Array, checksum: ChecksumState = 'complete', segmentSize = 0): void {
    this.link.feed(bytes, checksum, segmentSize)
    this.settle()
  }

  /** A super-segment: `text` as the link joins it from segments of `size`, its checksum unfinished. */
  sendJoined(text: string, size: number): void {
    const bytes = encode(parseSegment(text), this.them, this.us)
    bytes[IPV4_HEADER_LEN + TCP_CHECKSUM_OFFSET]! ^= 0x55
    this.feed(bytes, 'partial', size)
  }

  /** An ICMP error of a router about `quoted`, a packet of the stack. */
  icmp(type: number, code: number, quoted: Uint8Array, mtu = 0): void {
    const bytes = encodeIcmpError(ROUTER, US, { type, code, mtu }, quoted)
    this.link.feed(bytes)
    this.settle()
  }

  get us(): End {
    const port = this.theirPort === LISTEN_PORT ? CONNECT_PORT : LISTEN_PORT
    return { addr: US, port, iss: this.#iss }
  }

  get them(): End {
    return { addr: THEM, port: this.theirPort, iss: this.#theirIss }
  }

  /** The next segment of the stack, as text expects it. */
  expect(text: string): SeenSegment {
    const expected = parseSegment(text)
    const seen = this.next()
    if (seen === undefined) assert.fail(`expected ${text}\nsaw nothing\n${this.#around()}`)
    const wrong = difference(expected, seen)
    if (wrong !== undefined) {
      assert.fail(`${wrong}\nexpected ${text}\nsaw      ${formatSegment(seen)}\n${this.#around()}`)
    }
    return seen
  }

  /** Nothing until `ms`, and then this. */
  expectAt(ms: number, text: string): SeenSegment {
    if (ms > this.now) this.#advance(micros(this.#begin + fromMs(ms) - 1))
    this.expectNothing()
    this.at(ms)
    return this.expect(text)
  }

  expectNothing(): void {
    const seen = this.next()
    if (seen !== undefined) assert.fail(`expected nothing\nsaw      ${formatSegment(seen)}\n${this.#around()}`)
  }

  /** Everything that was sent and not yet looked at. */
  take(): SeenSegment[] {
    const all: SeenSegment[] = []
    for (let seen = this.next(); seen !== undefined; seen = this.next()) all.push(seen)
    return all
  }

  /** The next segment of the stack, or undefined. The first SYN tells its ISN. */
  next(): SeenSegment | undefined {
    while (this.#seen < this.link.sent.length) {
      const { bytes } = this.link.sent[this.#seen++]!
      const raw = decode(bytes, { ...this.us, iss: 0 }, this.them)
      if (raw === undefined) continue
      if (raw.flags.includes('S') && !this.#knowsIss) this.#learn(raw.rawSeq)
      return decode(bytes, this.us, this.them)
    }
    return undefined
  }

  /** Moves the clock to `ms` since the beginning of the script. */
  at(ms: number): void {
    this.#advance(micros(this.#begin + fromMs(ms)))
  }

  wait(ms: number): void {
    this.at(this.now + ms)
  }

  /** Lets the stack do all that is due now. */
  settle(): void {
    this.stack.poll(this.#now)
    for (let i = 0; this.stack.pollAt() <= this.#now; i++) {
      assert.ok(i < MAX_SPINS, `the stack wants to be polled at ${this.now} ms for ever`)
      this.stack.poll(this.#now)
    }
    checkInvariants(this.tcp, this.#now)
  }

  /** Forgets the ISN, for another connection. */
  forget(): void {
    this.#knowsIss = false
    this.#tcb = undefined
    this.#written = 0
    this.received = 0
  }

  #learn(iss: number): void {
    this.#iss = iss
    this.#knowsIss = true
  }

  #advance(target: Micros): void {
    for (let i = 0; this.stack.pollAt() <= target; i++) {
      assert.ok(i < MAX_STEPS, `the stack never falls idle before ${this.now} ms`)
      this.#now = micros(Math.max(this.#now, this.stack.pollAt()))
      this.settle()
    }
    this.#now = micros(Math.max(this.#now, target))
  }

  /** The state around a failure. */
  #around(): string {
    const tcb = this.#tcb
    const lines = [`at ${this.now} ms, states ${this.states.join(' ')}, told ${this.told.join(' ')}`]
    if (tcb !== undefined) {
      const { snd, rcv } = tcb
      lines.push(
        `una ${(snd.una - this.#iss) | 0} nxt ${(snd.nxt - this.#iss) | 0} wnd ${snd.wnd} recovery ${tcb.recovery}`,
        `rcv.nxt ${(rcv.nxt - this.#theirIss) | 0} window ${tcb.receiveWindow} ring ${tcb.receiveRing.length}`,
        formatInfo(infoOf(tcb, this.#now)),
      )
    }
    const tail = this.link.sent.slice(-8).flatMap(({ at, bytes }) => {
      const seen = decode(bytes, this.us, this.them)
      return seen === undefined ? [] : [`  ${(at - this.#begin) / 1000} ${formatSegment(seen)}`]
    })
    return [...lines, 'last sent:', ...tail].join('\n')
  }
}
