import assert from 'node:assert/strict'
import { constants } from 'node:os'
import { describe, it } from 'node:test'
import { MAC_NONE } from '../../src/base/address.ts'
import { type Micros, NEVER } from '../../src/base/types.ts'
import { encodeBpf } from '../../src/driver/bpf.ts'
import { type NativePort, PortState, RxFact } from '../../src/driver/native.ts'
import { PortLink } from '../../src/driver/port-link.ts'
import { HEADROOM, OutFrame } from '../../src/link/link.ts'

const NOW = 1000 as Micros

/** A port in the hands of a test: `room` frames fit, `arriving` frames of `length` bytes are there. */
class FakePort implements NativePort {
  room = Number.POSITIVE_INFINITY
  arriving = 0
  length = 1
  /** How often it was asked for frames. */
  asked = 0
  watched: { readable: boolean; writable: boolean } = { readable: true, writable: false }
  /** Tells what the kernel has: the number of frames, or 0 for room. */
  report: (count: number) => void = () => undefined
  #state: Int32Array = new Int32Array(PortState.COUNT)
  #rxFacts: Int32Array = new Int32Array(0)

  openPacket = (): number => 0
  openTunTap = (): number => 0
  openRing = (): number => -constants.errno.EINVAL
  attach(...[, rxFacts, , , , state]: Parameters<NativePort['attach']>): number {
    this.#rxFacts = rxFacts
    this.#state = state
    return 0
  }
  start(onReady: (count: number) => void): number {
    this.report = onReady
    return 0
  }
  watch(readable: boolean, writable: boolean): number {
    this.watched = { readable, writable }
    return 0
  }
  setRef(): void {}
  setCoalescing(): void {}
  filters: Uint8Array[] = []
  setFilter(filter: Uint8Array): number {
    this.filters.push(filter)
    return 0
  }
  withhold = (): number => 0
  features = (): number => 0
  bufferSize = (): number => 0
  drops = (): number => 0
  up = true
  isUp = (): boolean => this.up
  name = (): string => 'fake'
  descriptor = (): number => 3
  close(): void {}
  receive(): number {
    this.asked++
    const count = Math.min(this.arriving, this.#rxFacts.length / RxFact.COUNT / 2)
    this.arriving -= count
    this.#state[PortState.RX_MORE] = this.arriving > 0 ? 1 : 0
    for (let i = 0; i < count; i++) this.#rxFacts[i * RxFact.COUNT + RxFact.END] = this.length
    return count
  }
  release(): void {}
  send(count: number): number {
    const done = Math.min(count, this.room)
    this.room -= done
    this.#state[PortState.TX_LOST] = 0
    this.#state[PortState.TX_ERRNO] = done < count ? constants.errno.EAGAIN : 0
    return done
  }
}

function open() {
  const port = new FakePort()
  const facts = { name: 'fake', interface: 'fake0', mac: MAC_NONE, mtu: 1500, skipOutgoing: false, slots: 32 }
  const link = new PortLink(port, { ...facts, medium: 'ip' })
  const frame = new OutFrame()
  frame.start = HEADROOM - 20
  return { port, link, send: () => link.send(frame, NOW) }
}

describe('PortLink.flush()', () => {
  it('does not ask to be polled for ever after a full device has room again', () => {
    const { port, link, send } = open()
    port.room = 0
    send()
    link.flush(NOW)
    assert.deepEqual(port.watched, { readable: true, writable: true })
    // Another poll comes before the event loop tells of the room.
    port.room = 10
    link.flush(NOW)
    port.report(0)
    link.receive(NOW, () => undefined)
    assert.equal(link.pollAt(), NEVER)
    assert.deepEqual(port.watched, { readable: true, writable: false })
  })

  it('waits no longer for room when it has sent everything', () => {
    const { port, link, send } = open()
    port.room = 0
    send()
    link.flush(NOW)
    port.room = 10
    link.flush(NOW)
    assert.deepEqual(port.watched, { readable: true, writable: false })
    assert.equal(link.pollAt(), NEVER)
    assert.equal(link.counters.sent, 1)
  })
})

describe('PortLink.onError', () => {
  it('tells once that the interface is down, whatever had come before, and again the next time', () => {
    const { port, link } = open()
    const told: (string | undefined)[] = []
    link.onError = ({ code }) => told.push(code)
    const bring = (): void => {
      port.arriving = 1
      port.report(port.receive())
      link.receive(NOW, () => undefined)
    }
    port.up = false
    for (let i = 0; i < 3; i++) {
      port.report(-constants.errno.ENETDOWN)
      bring()
    }
    assert.deepEqual(told, ['ENETDOWN'])
    assert.equal(link.error?.code, 'ENETDOWN')
    port.up = true
    bring()
    assert.equal(link.error, undefined)
    port.report(-constants.errno.ENETDOWN)
    assert.deepEqual(told, ['ENETDOWN', 'ENETDOWN'])
  })
})

describe('PortLink.setFilter()', () => {
  it('takes instructions or their bytes, and nothing else', () => {
    const { port, link } = open()
    const all = [{ code: 6, jt: 0, jf: 0, k: 65_535 }]
    for (const filter of [all, encodeBpf(all), []]) link.setFilter(filter)
    assert.deepEqual(port.filters, [encodeBpf(all), encodeBpf(all), new Uint8Array(0)])
    for (const filter of ['none', undefined, null, 0, {}, new DataView(new ArrayBuffer(8))]) {
      assert.throws(() => link.setFilter(filter as never), { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
    }
    assert.equal(port.filters.length, 3)
  })
})

describe('PortLink.receive()', () => {
  it('goes on after a callback that threw', () => {
    const { port, link } = open()
    port.report(1)
    assert.equal(port.watched.readable, false, 'nobody has taken the frame')
    const broken = (): never => {
      throw new Error('broken')
    }
    assert.throws(() => link.receive(NOW, broken), /broken/)
    assert.equal(port.watched.readable, true)
    port.arriving = 2
    let received = 0
    link.receive(NOW, () => received++)
    assert.equal(received, 2)
  })

  it('takes many small frames in one poll, a batch of large ones, and asks for the next at once', () => {
    const { port, link } = open()
    for (const [length, expected] of [
      [60, [[70, NEVER]]],
      [
        1100,
        [
          [32, 0],
          [32, 0],
          [6, NEVER],
        ],
      ],
    ] as const) {
      port.arriving = 70
      port.length = length
      const turns: [number, Micros][] = []
      do {
        let received = 0
        link.receive(NOW, () => received++)
        turns.push([received, link.pollAt()])
      } while (turns.length < 9 && link.pollAt() !== NEVER)
      assert.deepEqual(turns, expected)
    }
  })

  it('does not ask again for what the event loop has just told in whole', () => {
    const { port, link } = open()
    const asks = (now = NOW): number => {
      const before = port.asked
      link.receive(now, () => undefined)
      return port.asked - before
    }
    /** As the addon does: takes frames, then tells of them. */
    const tell = (count: number, length: number): void => {
      port.length = length
      port.arriving = count
      port.report(port.receive())
    }
    tell(1, 60)
    assert.deepEqual([asks(), asks(), asks()], [0, 0, 1])
    // The program has computed meanwhile: what came is to be met before the deadlines that have passed.
    tell(1, 60)
    assert.deepEqual([asks(), asks((NOW + 50) as Micros)], [0, 1])
    // A stream: the next frames may be there already.
    tell(1, 16 * 1024)
    assert.deepEqual([asks(), link.pollAt(), asks(), link.pollAt()], [0, 0, 1, NEVER])
    // More than a batch holds: the rest is asked for at once.
    tell(40, 60)
    assert.deepEqual([asks(), asks(), asks()], [1, 0, 1])
  })
})
