import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type Ipv4Addr, parseIpv4 } from '../../src/base/address.ts'
import { type Seq, seqAdd, seqDiff } from '../../src/base/seq.ts'
import { fromMs, type Micros } from '../../src/base/types.ts'
import type { FaultOptions } from '../../src/link/fault-options.ts'
import type { Host } from '../../src/stack/host.ts'
import { Network } from '../../src/stack/network.ts'
import { CONGESTION_CONTROLS } from '../../src/tcp/congestion/control.ts'
import { consumed } from '../../src/tcp/receive/receive.ts'
import type { TcpOptionsInit } from '../../src/tcp/settings.ts'
import type { Tcb } from '../../src/tcp/tcb.ts'
import { abort, close, closeBoth, send } from '../../src/tcp/user.ts'
import { TcpFlag, type TcpHeader } from '../../src/wire/tcp.ts'
import { checkInvariants } from '../tcp/invariants.ts'
import { byteAt } from './end.ts'

/** Interleavings to try: GOTCP_FUZZ counts frames, some hundred to each. */
const RUNS = Math.ceil(Number(process.env['GOTCP_FUZZ'] ?? 160_000) / 400)
const PORT = 80
const HOUR = fromMs(3_600_000)

type Call =
  | { readonly kind: 'write' | 'read'; readonly side: 0 | 1; readonly size: number }
  | { readonly kind: 'shutdown' | 'close' | 'abort'; readonly side: 0 | 1 }
  | { readonly kind: 'wait'; readonly ms: number }

/** What the peer has allowed, and what may be on the wire: watched from outside of the connection. */
class Credit {
  #edge: Seq | undefined

  /** A segment arrived: the peer takes what lies before its window's end. */
  onSegmentIn(tcb: Tcb, { flags, ack, window }: TcpHeader): void {
    if ((flags & TcpFlag.ACK) === 0 || (flags & TcpFlag.RST) !== 0) return
    const edge = seqAdd(ack, flags & TcpFlag.SYN ? window : window * 2 ** tcb.sndScale)
    if (this.#edge === undefined || seqDiff(edge, this.#edge) > 0) this.#edge = edge
  }

  onSegmentOut(tcb: Tcb, { seq }: TcpHeader, length: number): void {
    const end = seqAdd(seq, length)
    assert.ok(seqDiff(seq, tcb.snd.iss) >= 0, 'nothing is sent from before the ISN')
    if (length === 0) return
    assert.ok(this.#edge !== undefined, 'no data goes before the peer has said what it takes')
    // RFC 9293 §3.8.6.1: the probe of a closed window is one octet more.
    assert.ok(seqDiff(end, this.#edge) <= 1, `sent ${seqDiff(end, this.#edge)} octets beyond the window`)
  }
}

/** A user of one end: calls what it is told to, and compares what it reads. */
class User {
  written = 0
  received = 0
  ended: string | undefined
  readonly tcb: Tcb
  readonly #host: Host

  constructor(host: Host, tcb: Tcb) {
    this.#host = host
    this.tcb = tcb
    const nothing = (): void => {}
    const onClosed = (failure?: { code: string }): void => {
      this.read(Number.POSITIVE_INFINITY)
      this.ended = failure?.code ?? 'closed'
    }
    tcb.user = { onEstablished: nothing, onReadable: nothing, onWritable: nothing, onClosed }
  }

  write(size: number): void {
    const bytes = Uint8Array.from({ length: size }, (_, i) => byteAt(this.written + i))
    this.written += send(this.tcb, bytes, 0)
  }

  read(size: number): void {
    const ring = this.tcb.receiveRing
    for (let left = Math.min(size, ring.length); left > 0; ) {
      const view = ring.peek()
      const count = Math.min(left, view.length)
      for (let i = 0; i < count; i++) assert.equal(view[i], byteAt(this.received + i), `octet ${this.received + i}`)
      this.received += count
      left -= count
      consumed(this.tcb, count, this.#host.machine.now)
    }
  }

  shutdown(): void {
    close(this.tcb)
  }

  close(): void {
    const { machine } = this.#host
    closeBoth(this.tcb, machine.sender, machine.now)
    machine.changed(this.tcb)
  }

  abort(): void {
    const { machine } = this.#host
    abort(this.tcb, machine.sender, machine.now)
    machine.changed(this.tcb)
  }
}

/** Two hosts, a connection between them, and all that is watched. */
class World {
  readonly users: User[] = []
  readonly #hosts: readonly [Host, Host]
  readonly #network: Network

  constructor(faults: FaultOptions, tcp: TcpOptionsInit, seed: number) {
    const onStep = (now: Micros): void => {
      for (const { stack, machine } of this.#hosts) if (stack.pollAt() > now) checkInvariants(machine, now)
    }
    this.#network = new Network({ seed, onStep })
    this.#hosts = [this.#network.host('a'), this.#network.host('b')]
    const [a, b] = this.#hosts
    const link = this.#network.link(a, b, faults, { medium: 'ip' })
    for (const { machine } of this.#hosts) {
      const credit = new Credit()
      machine.watcher = {
        onMoved() {},
        onTimer() {},
        onSegmentIn: (tcb, header) => credit.onSegmentIn(tcb, header),
        onSegmentOut: (tcb, header, length) => credit.onSegmentOut(tcb, header, length),
      }
    }
    const to = parseIpv4(link.addresses[1]) as Ipv4Addr
    const listener = b.machine.listen(to, PORT, tcp)
    listener.onConnection = () => {
      const tcb = listener.accept()
      if (tcb !== undefined) this.users.push(new User(b, tcb))
    }
    this.users.push(new User(a, a.machine.connect(to, PORT, tcp)))
  }

  wait(micros: number): void {
    this.#network.run((this.#network.now + micros) as Micros)
  }

  do(call: Call): void {
    if (call.kind === 'wait') this.wait(fromMs(call.ms))
    else if (call.kind === 'write' || call.kind === 'read') this.users[call.side]?.[call.kind](call.size)
    else this.users[call.side]?.[call.kind]()
  }

  /** Both read to the end and shut down, then close for good; some hours later nothing may be left. */
  finish(): void {
    for (let i = 0; i < 400; i++) {
      for (const user of this.users) {
        user.read(Number.POSITIVE_INFINITY)
        user.shutdown()
      }
      this.wait(fromMs(i < 200 ? 100 : 60_000))
    }
    for (const user of this.users) user.close()
    this.wait(4 * HOUR)
    for (const { machine } of this.#hosts) {
      assert.equal(machine.size, 0, 'every state leaves in bounded time')
      assert.equal(machine.pollAt(), Number.POSITIVE_INFINITY, 'no timer is left without a reason')
    }
  }
}

const side = fc.constantFrom(0 as const, 1 as const)
const size = fc.oneof(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 1, max: 60_000 }))
const gentle = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constantFrom('write' as const, 'read' as const), side, size }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.oneof(fc.nat(20), fc.nat(500), fc.nat(20_000)) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('shutdown' as const), side }) },
)
const rough = fc.oneof(
  { weight: 9, arbitrary: gentle },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('close' as const, 'abort' as const), side }) },
)

/** A share of nothing, or of up to `max`. */
const share = (max: number) => fc.oneof(fc.constant(0), fc.double({ min: 0, max, noNaN: true }))
const faults = fc.record({
  loss: share(0.15),
  reorder: share(0.2),
  duplicate: share(0.2),
  corrupt: share(0.1),
  delay: fc.nat(60_000).map((n) => n as Micros),
  jitter: fc.nat(20_000).map((n) => n as Micros),
  rate: fc.constantFrom(300_000, 10_000_000, Number.POSITIVE_INFINITY),
  // What is larger vanishes without a word, as behind a router that is silent.
  mtu: fc.constantFrom(700, 1300, 1500, 1500),
})
const settings = fc.record({
  congestion: fc.constantFrom(...CONGESTION_CONTROLS),
  receiveBuffer: fc.constantFrom(2048, 10_000, 300_000),
  sendBuffer: fc.constantFrom(2048, 50_000, 300_000),
  noDelay: fc.boolean(),
  sack: fc.boolean(),
  timestamps: fc.boolean(),
  windowScale: fc.boolean(),
  ecn: fc.constantFrom('off' as const, 'request' as const),
  mtuProbing: fc.constantFrom('blackhole' as const, 'always' as const),
  baseMss: fc.constantFrom(300, 512),
  maxSegment: fc.constantFrom(88, 1000, 65_495),
  notSentLowat: fc.constantFrom(1, 3000, 300_000),
  initialWindow: fc.constantFrom(1, 10, 40),
  maxBurst: fc.constantFrom(1, 65_535),
  reordering: fc.constantFrom(1, 3, 30),
  pacing: fc.boolean(),
  rack: fc.boolean(),
  tailLossProbe: fc.boolean(),
  frto: fc.boolean(),
  dsack: fc.boolean(),
  emptyProbes: fc.boolean(),
})

/** Runs every interleaving of such calls, faults, settings and seeds. */
function property(call: fc.Arbitrary<Call>, check: (world: World) => void): void {
  const calls = fc.array(call, { minLength: 1, maxLength: 40 })
  const run = fc.property(calls, faults, settings, fc.nat(), (list, line, tcp, seed) => {
    const world = new World(line, tcp, seed)
    for (const each of list) world.do(each)
    world.finish()
    check(world)
  })
  fc.assert(run, { numRuns: Math.ceil(RUNS / 2), seed: 9293 })
}

describe('any interleaving of calls, losses and time', () => {
  it('loses and repeats no byte, keeps to the credit, and ends, when both close in order', () => {
    property(gentle, ({ users }) => {
      assert.equal(users.length, 2)
      const [a, b] = users as [User, User]
      assert.deepEqual([a.received, b.received], [b.written, a.written])
      assert.deepEqual([a.ended, b.ended], ['closed', 'closed'])
    })
  })

  it('delivers nothing wrong and ends, when one of them closes early or aborts', () => {
    property(rough, ({ users }) => {
      const [a, b] = users
      assert.ok(a!.received <= (b?.written ?? 0) && (b?.received ?? 0) <= a!.written)
      assert.notEqual(a!.ended, undefined)
      if (b !== undefined) assert.notEqual(b.ended, undefined)
    })
  })
})
