import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'

import { addSum, finishSum, pseudoSum } from '../../src/base/checksum.ts'
import { seededRng } from '../../src/base/rng.ts'
import type { Micros } from '../../src/base/types.ts'
import { findInterface } from '../../src/driver/interfaces.ts'
import { inNamespace } from '../../src/driver/namespace.ts'
import { openPacketLink } from '../../src/driver/packet.ts'
import type { PortLink } from '../../src/driver/port-link.ts'
import type { OutFrame } from '../../src/link/link.ts'
import { finishChecksum, Segmenter } from '../../src/link/segment.ts'
import { Collector, portOf, type Seen } from './collect.ts'
import { type Ends, ip, pattern, tcpFrame, udpFrame } from './frames.ts'
import { createLab, type Lab, labUnavailable } from './netns.ts'

const NOW = 0 as Micros
const FRAMES = 400
const FIRST_PORT = 20_000
const FRAGMENT = 0x2000
const SEED = 20

/** What is done to a frame on its way out. */
const HARMS = ['none', 'payload', 'checksum', 'fragment', 'no checksum', 'shorter than its packet'] as const

/** The checksum over a whole UDP datagram or TCP segment and its pseudo-header: 0 where it is right. */
function transportSum({ bytes }: Seen): number {
  const end = 14 + new DataView(bytes.buffer, bytes.byteOffset).getUint16(16)
  return finishSum(addSum(pseudoSum(ip('10.0.0.1'), ip('10.0.0.2'), bytes[23]!, end - 34), bytes, 34, end))
}

/** What comes of a super-segment where TypeScript cuts it. */
function cut(frame: OutFrame): Uint8Array[] {
  const segmenter = new Segmenter()
  return Array.from({ length: segmenter.begin(frame, 'ethernet') }, (_, i) => {
    const piece = segmenter.piece(i)
    finishChecksum(piece)
    const bytes = new Uint8Array(piece.length)
    piece.copyTo(bytes, 0)
    return bytes
  })
}

describe('A port without virtio-net headers', { skip: labUnavailable() }, () => {
  let lab: Lab
  let ends: Ends
  let whole: PortLink
  let bare: PortLink

  before(() => {
    lab = createLab({ hosts: ['a', 'b'] })
    lab.veth('a', 'b', { a: '10.0.0.3/24', b: '10.0.0.4/24' })
    const [a, b] = ['a', 'b'].map((host) => lab.host(host).netns) as [string, string]
    const mac = (netns: string) => inNamespace(netns, () => findInterface('eth0').mac)
    ends = { srcMac: mac(a), dstMac: mac(b), src: ip('10.0.0.1'), dst: ip('10.0.0.2') }
    whole = openPacketLink({ interface: 'eth0', netns: a, filter: 'none', coalesce: false })
    bare = openPacketLink({ interface: 'eth0', netns: b, filter: 'none', offload: false })
  })
  after(() => {
    whole.close()
    bare.close()
    lab.close()
  })

  /** Sends so many that a receive buffer of any size holds them, and returns those that came, in order. */
  async function pass(from: PortLink, to: PortLink, make: (index: number) => OutFrame): Promise<Seen[]> {
    const collector = new Collector(to)
    const ours = (): Seen[] => collector.frames.filter((frame) => portOf(frame) >= FIRST_PORT)
    for (let i = 0; i < FRAMES; i++) {
      assert.ok(from.send(make(i), NOW))
      from.flush(NOW)
      await collector.until(() => ours().length > i, `frame ${i}`)
    }
    return ours()
  }

  it('says of each frame whether its checksum is right', async () => {
    const rng = seededRng(SEED)
    const seen = await pass(whole, bare, (i) => {
      const harm = HARMS[i % HARMS.length]!
      const payload = { bytes: Uint8Array.from({ length: 8 + (rng() % 1400) }, () => rng()) }
      const isShorter = harm === 'shorter than its packet'
      const frame = udpFrame(ends, [1, FIRST_PORT + i], payload, { complete: !isShorter })
      if (isShorter) {
        // The sum over the whole packet is right, that over the datagram is not.
        frame.view.setUint16(frame.end - 4, frame.view.getUint16(frame.end - 4) - 2)
        finishChecksum(frame)
      }
      if (harm === 'payload') payload.bytes[rng() % payload.bytes.length]! ^= 1 << (rng() % 8)
      if (harm === 'checksum') frame.view.setUint16(frame.end - 2, frame.view.getUint16(frame.end - 2) ^ 0x100)
      if (harm === 'no checksum') frame.view.setUint16(frame.end - 2, 0)
      if (harm === 'fragment') frame.view.setUint16(frame.start + 20, FRAGMENT)
      return frame
    })
    assert.deepEqual(
      seen.map((frame, i) => [HARMS[i % HARMS.length], frame.checksum]),
      seen.map((_frame, i) => [HARMS[i % HARMS.length], i % HARMS.length === 0 ? 'verified' : 'complete']),
      `seed ${SEED}`,
    )
  })

  it('finishes the checksums of what it sends, whatever pieces that is in', async () => {
    const rng = seededRng(SEED)
    const back = { ...ends, srcMac: ends.dstMac, dstMac: ends.srcMac }
    const seen = await pass(bare, whole, (i) => {
      const bytes = Uint8Array.from({ length: rng() % 1461 }, () => rng())
      const payload = { bytes, cutAt: rng() % (bytes.length + 1) }
      const ports = [1, FIRST_PORT + i] as const
      return i % 2 === 0 ? udpFrame(back, ports, payload) : tcpFrame(back, ports, payload)
    })
    for (const [i, frame] of seen.entries()) {
      assert.equal(transportSum(frame), 0, `frame ${i} of seed ${SEED}`)
    }
  })

  it('cuts super-segments, whatever pieces they are in', async () => {
    const rng = seededRng(SEED)
    const back = { ...ends, srcMac: ends.dstMac, dstMac: ends.srcMac }
    const collector = new Collector(whole)
    for (let i = 0; i < 60; i++) {
      const bytes = Uint8Array.from({ length: 1461 + (rng() % (i % 3 === 0 ? 600 : 60_000)) }, () => rng())
      const payload = { bytes, cutAt: rng() % (bytes.length + 1), segmentSize: 500 + (rng() % 960) }
      const frame = tcpFrame(back, [1, FIRST_PORT + i], payload)
      // FIN, CWR and whatever else; the identification wraps.
      frame.bytes[frame.end - 7] = rng() & 0xff
      frame.view.setUint16(frame.start + 18, 0xfff0)
      const expected = cut(frame)
      const seen = (): readonly Seen[] => collector.frames.filter((each) => portOf(each) === FIRST_PORT + i)
      assert.ok(bare.send(frame, NOW))
      bare.flush(NOW)
      await collector.until(() => seen().length === expected.length, `the segments of frame ${i}`)
      assert.deepEqual(
        seen().map((each) => each.bytes),
        expected,
        `frame ${i} of seed ${SEED}`,
      )
    }
  })

  it('goes on with the rest of a super-segment that a full queue cut short', async () => {
    const back = { ...ends, srcMac: ends.dstMac, dstMac: ends.srcMac }
    const slow = ['rate', '20mbit', 'burst', '10kb', 'limit', '1mb']
    lab.host('b').run('tc', 'qdisc', 'replace', 'dev', 'eth0', 'root', 'tbf', ...slow)
    const link = openPacketLink({ interface: 'eth0', netns: lab.host('b').netns, offload: false, sendBuffer: 32_768 })
    const collector = new Collector(whole)
    const expected: Uint8Array[] = []
    // A small one has its payload beside its headers, a large one in two pieces, or in the backlog.
    for (const [i, length] of [1900, 50_000, 1999, 30_001, 60_000, 1600].entries()) {
      const bytes = pattern(length)
      const frame = tcpFrame(back, [1, FIRST_PORT + 100 + i], { bytes, cutAt: length >> 1, segmentSize: 700 })
      expected.push(...cut(frame))
      assert.ok(link.send(frame, NOW))
    }
    link.flush(NOW)
    assert.ok(link.counters.delayed > 0)
    const seen = (): readonly Seen[] => collector.frames.filter((frame) => portOf(frame) >= FIRST_PORT + 100)
    link.onWake = () => link.receive(NOW, () => undefined)
    await collector.until(() => seen().length === expected.length, 'all segments')
    lab.host('b').run('tc', 'qdisc', 'delete', 'dev', 'eth0', 'root')
    assert.deepEqual(
      seen().map((frame) => frame.bytes),
      expected,
    )
    assert.deepEqual([link.counters.sent, link.counters.sendFailures], [6, 0])
    link.close()
  })
})
