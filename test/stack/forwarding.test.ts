import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { seededRng } from '../../src/base/rng.ts'
import type { Micros } from '../../src/base/types.ts'
import { Host } from '../../src/stack/host.ts'
import { ip } from './net.ts'
import { packet, packetsOf, TestLink } from './test-link.ts'

const NOW = 0 as Micros
const MTU = 1400
const HEADERS = 40
const SEQ = 1000

/** What a router whose way on is narrower than the way in does with a super-segment; each packet by its length. */
function passOn(length: number, segmentSize: number, dontFragment = true) {
  const [near, far] = [new TestLink('ip'), new TestLink('ip')]
  far.mtu = MTU
  const router = new Host({ rng: seededRng(1), forwarding: true })
  router.addInterface(near, { address: '10.0.1.1/24' })
  router.addInterface(far, { address: '10.0.2.1/24' })
  const segment = new Uint8Array(20 + length)
  const view = new DataView(segment.buffer)
  view.setUint32(0, (7 << 16) | 9)
  view.setUint32(4, SEQ)
  view.setUint16(12, 0x5010)
  for (let i = 0; i < length; i++) segment[20 + i] = i
  near.feed(
    packet({ src: ip('10.0.1.2'), dst: ip('10.0.2.2'), protocol: 6, dontFragment }, segment),
    'partial',
    segmentSize,
  )
  router.stack.poll(NOW)
  const sent = packetsOf(far.take(), 'ip')
  const octets = new Uint8Array(sent.reduce((sum, { totalLen }) => sum + totalLen - HEADERS, 0))
  for (const { bytes } of sent) {
    octets.set(bytes.subarray(HEADERS), new DataView(bytes.buffer).getUint32(24) - SEQ)
  }
  assert.ok(octets.every((octet, i) => octet === (i & 0xff)))
  return { sizes: sent.map(({ totalLen }) => totalLen), errors: packetsOf(near.take(), 'ip') }
}

describe('a router before a narrower link', () => {
  it('passes super-segments on whose segments fit', () => {
    const { sizes, errors } = passOn(3000, MTU - HEADERS)
    assert.deepEqual([sizes, errors.length], [[1400, 1400, 320], 0])
  })

  it('tells the sender when they do not fit, as if each had come by itself (RFC 1191 §4)', () => {
    for (const length of [3000, MTU - HEADERS + 1]) {
      const { sizes, errors } = passOn(length, 1460)
      assert.deepEqual(sizes, [])
      const [error] = errors as [(typeof errors)[0]]
      assert.equal(errors.length, 1)
      // Destination unreachable: fragmentation needed, with the MTU.
      assert.deepEqual([error.protocol, error.bytes[20], error.bytes[21]], [1, 3, 4])
      assert.equal(new DataView(error.bytes.buffer).getUint16(26), MTU)
    }
  })

  it('passes on what is smaller than one of its segments might be', () => {
    const { sizes, errors } = passOn(500, 1460)
    assert.deepEqual([sizes, errors.length], [[540], 0])
  })

  it('cuts them smaller where it may fragment', () => {
    const { sizes, errors } = passOn(3000, 1460, false)
    assert.deepEqual([sizes, errors.length], [[1400, 1400, 320], 0])
  })
})
