import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { micros } from '../../src/base/types.ts'
import { Cable } from '../../src/link/cable.ts'
import type { Link, Offload } from '../../src/link/link.ts'
import { SoftwareOffload } from '../../src/link/software-offload.ts'
import { linkCompliance } from '../compliance/link.ts'
import { type FrameShape, makeFrame, parseFrame, pattern } from './frames.ts'

for (const medium of ['ethernet', 'ip'] as const) {
  linkCompliance(`software offload, ${medium}`, () => {
    const cable = new Cable({ medium, queueBytes: 100_000 })
    return { a: new SoftwareOffload(cable.a), b: new SoftwareOffload(cable.b), fullAfter: 80 }
  })
}

/** What arrives, frame by frame, when `shape` is sent through software offload. */
function pieces(shape: FrameShape): Uint8Array[] {
  const medium = shape.medium ?? 'ethernet'
  const cable = new Cable({ medium, mtu: 9000 })
  assert.equal(new SoftwareOffload(cable.a).send(makeFrame(shape), micros(0)), true)
  const arrived: Uint8Array[] = []
  cable.b.receive(micros(0), (frame) => {
    assert.equal(frame.checksum, 'complete')
    arrived.push(frame.bytes.slice(frame.start, frame.end))
  })
  return arrived
}

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'))

describe('SoftwareOffload', () => {
  it('cuts the worked example byte for byte', () => {
    // 5 bytes in segments of 2, flags CWR, PSH, ACK and FIN, sequence number about to wrap. The sums, by hand:
    // IP: 4500+002a+ffff+4000+4006+c000+0201+c000+0202 = 34932, folded 4935, complement b6ca, and so on.
    const arrived = pieces({
      medium: 'ip',
      payload: hex('6162636465'),
      splitAt: 3,
      segmentSize: 2,
      id: 0xffff,
      seq: 0xffffffff,
      flags: 0x99,
    })
    assert.deepEqual(arrived, [
      hex(`4500002a ffff4000 4006b6ca c0000201 c0000202
           0fa00050 ffffffff 000007d0 50900200 b02c0000 6162`),
      hex(`4500002a 00004000 4006b6ca c0000201 c0000202
           0fa00050 00000001 000007d0 50100200 aea90000 6364`),
      hex(`45000029 00014000 4006b6ca c0000201 c0000202
           0fa00050 00000003 000007d0 50190200 ad030000 65`),
    ])
  })

  it('makes valid segments that add up, whatever the sizes, options, tags and wraps', () => {
    const shapes = fc.record({
      medium: fc.constantFrom('ethernet' as const, 'ip' as const),
      tags: fc.array(fc.integer({ min: 1, max: 4094 }), { maxLength: 2 }),
      ipOptions: fc.integer({ min: 0, max: 10 }).map((n) => n * 4),
      tcpOptions: fc.integer({ min: 0, max: 10 }).map((n) => n * 4),
      id: fc.integer({ min: 0, max: 0xffff }),
      seq: fc.integer({ min: 0, max: 0xffffffff }),
      flags: fc.integer({ min: 0, max: 255 }),
      segmentSize: fc.integer({ min: 1, max: 3000 }),
      payload: fc.integer({ min: 1, max: 12_000 }).map((n) => pattern(n)),
      split: fc.double({ min: 0, max: 1, noNaN: true }),
    })
    fc.assert(
      fc.property(shapes, ({ split, ...shape }) => {
        // Not more pieces than one batch of the cable.
        const segmentSize = Math.max(shape.segmentSize, Math.ceil(shape.payload.length / 200))
        const arrived = pieces({ ...shape, segmentSize, splitAt: Math.floor(split * shape.payload.length) })
        const count = Math.ceil(shape.payload.length / segmentSize)
        assert.equal(arrived.length, count)
        let at = 0
        arrived.forEach((bytes, i) => {
          const piece = parseFrame(bytes, shape.medium)
          assert.ok(piece.valid)
          assert.equal(piece.id, (shape.id + i) & 0xffff)
          assert.equal(piece.seq, (shape.seq + at) % 2 ** 32)
          let flags = shape.flags
          if (i > 0) flags &= ~0x80
          if (i < count - 1) flags &= ~0x09
          assert.equal(piece.flags, flags)
          assert.equal(piece.payload.length, Math.min(segmentSize, shape.payload.length - at))
          assert.deepEqual(piece.payload, shape.payload.subarray(at, at + piece.payload.length))
          at += piece.payload.length
        })
      }),
      { numRuns: 150 },
    )
  })

  it('finishes the checksum of UDP, and writes 0xffff for a sum of 0', () => {
    assert.ok(parseFrame(pieces({ protocol: 'udp', payload: pattern(101), splitAt: 33 })[0]!).valid)
    const zero = makeFrame({ protocol: 'udp', payload: new Uint8Array(2), partial: false })
    const sum = zero.view.getUint16(40)
    const [bytes] = pieces({ protocol: 'udp', payload: Uint8Array.of(sum >> 8, sum & 255) })
    assert.equal(new DataView(bytes!.buffer).getUint16(40), 0xffff)
  })

  it('refuses a super-segment that is not TCP over IPv4', () => {
    const { a } = new Cable()
    const link = new SoftwareOffload(a)
    assert.equal(link.send(makeFrame({ protocol: 'udp', payload: pattern(5000), segmentSize: 1000 }), micros(0)), false)
    const arp = makeFrame({ payload: pattern(5000), segmentSize: 1000 })
    arp.view.setUint16(12, 0x0806)
    assert.equal(link.send(arp, micros(0)), false)
  })

  it('leaves to a link what it does itself', () => {
    const sent: { segmentSize: number; checksumStart: number }[] = []
    const cable = new Cable()
    const fake = (offload: Offload): Link => ({
      ...cable.a,
      name: 'fake',
      medium: 'ethernet',
      mac: cable.a.mac,
      mtu: 1500,
      offload,
      send: (frame) => sent.push({ segmentSize: frame.segmentSize, checksumStart: frame.checksumStart }) > 0,
      flush: () => {},
      receive: () => {},
      pollAt: () => cable.a.pollAt(),
      close: () => {},
    })
    const shape = { payload: pattern(2000), segmentSize: 1000 }
    new SoftwareOffload(fake({ checksum: true, segmentation: true })).send(makeFrame(shape), micros(0))
    assert.deepEqual(sent.splice(0), [{ segmentSize: 1000, checksumStart: 34 }])
    new SoftwareOffload(fake({ checksum: true, segmentation: false })).send(makeFrame(shape), micros(0))
    assert.deepEqual(sent.splice(0), Array(2).fill({ segmentSize: 0, checksumStart: 34 }))
    new SoftwareOffload(fake({ checksum: false, segmentation: true })).send(makeFrame(shape), micros(0))
    assert.deepEqual(sent.splice(0), Array(2).fill({ segmentSize: 0, checksumStart: -1 }))
  })
})
