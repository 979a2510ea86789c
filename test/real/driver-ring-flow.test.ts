import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'

import { type Micros, NEVER } from '../../src/base/types.ts'
import { clock } from '../../src/driver/clock.ts'
import { findInterface } from '../../src/driver/interfaces.ts'
import { inNamespace } from '../../src/driver/namespace.ts'
import { openPacketLink, type PacketLinkOptions } from '../../src/driver/packet.ts'
import type { PortLink } from '../../src/driver/port-link.ts'
import { HEADROOM, type InFrame } from '../../src/link/link.ts'
import { LinkWrapper } from '../../src/link/wrapper.ts'
import { attach } from './attachment.ts'
import { asClient, asServer, fromEnv, MIB } from './exchange.ts'
import { type Ends, ip, pattern, tcpFrame } from './frames.ts'
import { createLab, type Lab, labUnavailable } from './netns.ts'

const A = '10.0.0.1'
const B = '10.0.0.2'
const AMOUNT = fromEnv('GOTCP_TEST_MIB', 32) * MIB
const LIMIT = { timeout: fromEnv('GOTCP_TEST_TIMEOUT_S', 120) * 1000 }
/** Frames of one burst: fewer than the ring has slots. */
const BURST = 60
const LENGTH = 60_000
const SEGMENT = 1448

/** The sizes of the rings that are mapped into this process. */
const mapped = (): number[] =>
  Array.from(readFileSync('/proc/self/maps', 'latin1').matchAll(/^(\w+)-(\w+) .*socket:/gm)).map(
    ([, from, to]) => Number(`0x${to}`) - Number(`0x${from}`),
  )
const rings = () => mapped().length
const now = () => clock() as Micros

/** More comes than is taken. */
class SlowLink extends LinkWrapper {
  override receive(at: Micros, onFrame: (frame: InFrame) => void): void {
    for (const end = performance.now() + 2; performance.now() < end; );
    super.receive(at, onFrame)
  }
}

describe('a packet link as it comes', { skip: labUnavailable() }, () => {
  let lab: Lab
  let netns: string
  let ends: Ends
  let sender: PortLink
  const links: PortLink[] = []

  const open = (options: Partial<PacketLinkOptions> = {}): PortLink => {
    const link = openPacketLink({ interface: 'eth0', netns, ...options })
    links.push(link)
    return link
  }
  /** Sends super-segments of one connection, numbered in their first octets. */
  const send = (port: number, from: number, count: number) => {
    for (let number = from; number < from + count; number++) {
      const bytes = pattern(LENGTH)
      new DataView(bytes.buffer).setUint32(0, number)
      sender.send(tcpFrame(ends, [port, 80], { bytes, segmentSize: SEGMENT }), now())
      sender.flush(now())
    }
  }
  /** What a link has got: the numbers of its super-segments. */
  const take = (link: PortLink): number[] => {
    const numbers: number[] = []
    do {
      link.receive(now(), ({ view, start, end }) => {
        if (end - start > LENGTH) numbers.push(view.getUint32(end - LENGTH))
      })
    } while (link.pollAt() <= now())
    return numbers
  }
  /** Sends single segments of one connection, the first of them the one of that number. */
  const sendSegments = (port: number, from: number, count: number) => {
    const bytes = pattern(SEGMENT)
    for (let number = from; number < from + count; number++) {
      const frame = tcpFrame(ends, [port, 80], { bytes })
      frame.view.setUint32(HEADROOM + 4, number * SEGMENT)
      // Without PSH, which ends what is joined.
      frame.view.setUint8(HEADROOM + 13, 0x10)
      sender.send(frame, now())
    }
    sender.flush(now())
  }
  /** Takes those, which are to follow each other; in how many frames they came. */
  const takeSegments = (link: PortLink, from: number, count: number): number => {
    let frames = 0
    let next = from * SEGMENT
    do {
      link.receive(now(), ({ view, start, end }) => {
        assert.equal(view.getUint32(start + 38), next)
        next += end - start - 54
        frames++
      })
    } while (link.pollAt() <= now())
    assert.equal(next, (from + count) * SEGMENT)
    return frames
  }
  /** Has a link give the connection of port 1 a ring for its segments; the number of the next. */
  const bringSegments = (link: PortLink): number => {
    const begin = performance.now()
    let at = 0
    for (; performance.now() - begin < 150 || at < 20_000; at += 1000) {
      sendSegments(1, at, 1000)
      takeSegments(link, at, 1000)
    }
    return at
  }
  const range = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i)
  /** Has a link give the connection of that port its ring: it is weighed for a tenth of a second. */
  const bring = (link: PortLink, port: number) => {
    const begin = performance.now()
    for (let burst = 0; burst < 4 || performance.now() - begin < 150; burst++) {
      send(port, burst * BURST, BURST)
      assert.deepEqual(take(link), range(burst * BURST, BURST))
    }
  }

  before(() => {
    lab = createLab({ hosts: ['a', 'b'] })
    lab.veth('a', 'b', { a: `${A}/24`, b: `${B}/24` })
    netns = lab.host('a').netns
    // Nobody answers what comes, or the answers would be in the way.
    lab.host('a').run('ip', 'addr', 'del', `${A}/24`, 'dev', 'eth0')
    const mac = (host: string) => inNamespace(lab.host(host).netns, () => findInterface('eth0').mac)
    ends = { srcMac: mac('b'), dstMac: mac('a'), src: ip(B), dst: ip(A) }
    sender = openPacketLink({ interface: 'eth0', netns: lab.host('b').netns })
    links.push(sender)
  })
  after(() => {
    for (const link of links) link.close()
    lab.close()
  })

  it('opens a ring for a connection that brings much, keeps its frames in order, and gives the ring back', () => {
    const before = rings()
    const link = open({ addresses: [`${A}/24`] })
    send(1, 0, BURST)
    take(link)
    assert.equal(rings(), before)
    bring(link, 1)
    assert.equal(rings(), before + 1)
    bring(link, 1)
    assert.equal(link.kernelDrops(), 0)
    link.close()
    assert.equal(rings(), before)
  })

  it('leaves other connections to the receive buffer, which holds more than the ring', () => {
    const link = open({ addresses: [`${A}/24`] })
    bring(link, 1)
    send(2, 0, 5 * BURST)
    assert.deepEqual(take(link), range(0, 5 * BURST))
    assert.equal(link.kernelDrops(), 0)
    link.close()
  })

  it('keeps the frames of a connection in order that is always a window behind', () => {
    for (let behind = BURST; behind < 66; behind++) {
      const before = rings()
      const link = open({ addresses: [`${A}/24`] })
      const got: number[] = []
      const deadline = performance.now() + 5000
      send(1, 0, behind)
      // It goes on for some windows once it has the ring.
      for (let left = 4 * BURST; left > 0 && performance.now() < deadline; ) {
        const count = got.length
        link.receive(now(), ({ view, end }) => got.push(view.getUint32(end - LENGTH)))
        send(1, count + behind, got.length - count)
        if (rings() > before) left -= got.length - count
      }
      assert.equal(rings(), before + 1)
      got.push(...take(link))
      assert.deepEqual(got, range(0, got.length))
      assert.equal(link.kernelDrops(), 0)
      link.close()
    }
  })

  for (const isAsked of [false, true]) {
    it(`goes back to the receive buffer when the ring is too small, in order, drops asked for in between: ${isAsked}`, () => {
      const link = open({ addresses: [`${A}/24`] })
      bring(link, 1)
      const got: number[] = []
      // The first frames are read, which makes room for others; the first of these tells of the drop.
      for (const [from, count] of [
        [0, 5 * BURST],
        [5 * BURST, 20],
        [5 * BURST + 20, 20],
      ] as const) {
        send(1, from, count)
        if (isAsked) link.kernelDrops()
        link.receive(now(), ({ view, end }) => got.push(view.getUint32(end - LENGTH)))
      }
      got.push(...take(link))
      const drops = link.kernelDrops()
      assert.equal(got.length, 5 * BURST + 40 - drops)
      assert.deepEqual(
        got,
        got.toSorted((a, b) => a - b),
      )
      send(1, 0, 1)
      take(link)
      send(1, 0, 5 * BURST)
      assert.deepEqual(take(link), range(0, 5 * BURST))
      assert.equal(link.kernelDrops(), drops)
      link.close()
    })
  }

  it('gives a connection of single segments a ring whose slots have their size, and keeps them in order', () => {
    const before = mapped()
    const link = open({ addresses: [`${A}/24`] })
    const at = bringSegments(link)
    assert.deepEqual(mapped(), [...before, 8.5 * MIB])
    sendSegments(1, at, 4000)
    // They are joined as others are.
    assert.ok(takeSegments(link, at, 4000) <= 4000 / 32 + 1)
    assert.equal(link.kernelDrops(), 0)
    // The ring goes to a connection of the other kind.
    const idle = performance.now() + 150
    while (performance.now() < idle);
    bring(link, 2)
    assert.equal(mapped().length, before.length + 1)
    assert.ok(mapped().at(-1)! > 9 * MIB)
    bring(link, 2)
    link.close()
    assert.deepEqual(mapped(), before)
  })

  it('is done with a ring of segments where a super-segment comes', () => {
    const link = open({ addresses: [`${A}/24`] })
    bringSegments(link)
    send(1, 0, 1)
    assert.deepEqual(take(link), [])
    assert.equal(link.counters.truncated, 1)
    send(1, 0, BURST)
    assert.deepEqual(take(link), range(0, BURST))
    assert.equal(link.counters.truncated, 1)
    link.close()
  })

  it('takes the ring from a connection whose frames are small by now', async () => {
    const link = open({ addresses: [`${A}/24`] })
    bring(link, 1)
    await new Promise((resolve) => setTimeout(resolve, 1100))
    assert.ok(link.pollAt() <= now())
    take(link)
    assert.equal(link.pollAt(), NEVER)
    for (let i = 0; i < 1000; i++) sender.send(tcpFrame(ends, [1, 80], { bytes: pattern(100) }), now())
    sender.flush(now())
    const { received } = link.counters
    take(link)
    assert.equal(link.kernelDrops(), 0)
    assert.ok(link.counters.received > received)
    link.close()
  })

  it('hears other addresses with a ring as without', () => {
    const link = open()
    link.hear([], false)
    bring(link, 1)
    link.hear([{ addr: ip('10.0.0.9'), prefix: 24 }], false)
    send(1, 0, BURST)
    assert.deepEqual(take(link), [])
    link.hear([{ addr: ip(A), prefix: 24 }], false)
    send(1, 0, BURST)
    assert.deepEqual(take(link), range(0, BURST))
    link.close()
  })

  for (const [why, options] of [
    ['told not to', { ring: 0 }],
    ['a capture', { filter: 'none' }],
    ['promiscuous', { promiscuous: true }],
    ['one that hears its own machine', { ignoreOutgoing: false }],
  ] as const) {
    it(`has no ring when it is ${why}`, () => {
      const before = rings()
      const link = open({ addresses: [`${A}/24`], ...options })
      bring(link, 1)
      assert.equal(rings(), before)
      link.close()
    })
  }

  it('opens its ring where it was opened itself, though its network namespace has no name any more', async () => {
    const before = rings()
    const { child } = await lab.host('a').start(`console.log('ready'); setInterval(() => undefined, 1000)`)
    const link = open({ netns: `/proc/${child.pid}/ns/net`, addresses: [`${A}/24`] })
    const gone = once(child, 'exit')
    child.kill()
    await gone
    bring(link, 1)
    assert.equal(rings(), before + 1)
    bring(link, 1)
    link.close()
  })
})

describe('a transfer with the kernel over a packet link as it comes', { skip: labUnavailable() }, () => {
  for (const offload of [true, false]) {
    it(`arrives byte by byte by way of the ring when the stack is slow, offload: ${offload}`, LIMIT, async () => {
      const before = rings()
      const attachment = attach('own address', { offload, wrap: (link) => new SlowLink(link) })
      try {
        await asClient(attachment, { up: 0, down: 3 * AMOUNT })
        assert.equal(rings(), before + 1)
        await asServer(attachment, { up: AMOUNT, down: AMOUNT })
        await Promise.all([1, 2, 3].map(() => asClient(attachment, { up: MIB, down: AMOUNT })))
      } finally {
        attachment.close()
      }
      assert.equal(rings(), before)
    })
  }
})
