import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Ipv4Addr } from '../../src/base/address.ts'
import type { Micros } from '../../src/base/types.ts'
import { Reassembly } from '../../src/ip/reassembly.ts'
import { InFrame } from '../../src/link/link.ts'
import { Ipv4Header } from '../../src/wire/ipv4.ts'
import { ip } from '../stack/net.ts'
import { packet } from '../stack/test-link.ts'

const SECOND = 1_000_000
const SRC = ip('10.0.0.2')
const DST = ip('10.0.0.1')

interface Piece {
  offset: number
  data: Uint8Array
  more: boolean
  id?: number
  src?: Ipv4Addr
  tos?: number
  protocol?: number
}

function reassembly() {
  const drops: [string, number][] = []
  const expired: (Uint8Array | undefined)[] = []
  const machine = new Reassembly(
    (datagram) => expired.push(datagram.start),
    (reason, count) => drops.push([reason, count]),
  )
  const add = ({ offset, data, more, id = 1, src = SRC, protocol = 17, tos = 0 }: Piece, now = 0) => {
    const bytes = packet({ src, dst: DST, id, protocol, tos, fragmentOffset: offset, moreFragments: more }, data)
    const frame = new InFrame(bytes)
    const header = new Ipv4Header()
    assert.equal(header.parse(frame.view, 0, bytes.length), undefined)
    return machine.add(frame, header, now as Micros)
  }
  const result = () => machine.frame.bytes.slice(20, machine.frame.end)
  return { machine, add, drops, expired, result }
}

const bytes = (length: number, from = 0): Uint8Array => Uint8Array.from({ length }, (_, i) => from + i)

describe('congestion marks of fragments (RFC 3168 §5.3)', () => {
  const whole = (first: number, second: number) => {
    const { add, machine } = reassembly()
    add({ offset: 0, data: new Uint8Array(8), more: true, tos: first })
    const result = add({ offset: 8, data: new Uint8Array(8), more: false, tos: second })
    return result === true ? machine.frame.bytes[1] : result
  }

  it('a mark on any of them is the mark of the datagram', () => {
    assert.equal(whole(0b10, 0b11), 0b11)
    assert.equal(whole(0b11, 0b10), 0b11)
    assert.equal(whole(0b1000_0010, 0b1000_0010), 0b1000_0010)
    assert.equal(whole(0, 0), 0)
  })

  it('a mark among fragments that cannot be marked is somebody else’s work, and the datagram goes', () => {
    assert.equal(whole(0b00, 0b11), 'ip-fragment-inconsistent')
    assert.equal(whole(0b11, 0b00), 'ip-fragment-inconsistent')
  })
})

describe('Reassembly', () => {
  it('puts fragments together in whatever order they come, duplicates among them', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 9, max: 4000 }),
        fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 40 }),
        fc.infiniteStream(fc.nat()),
        (length, sizes, random) => {
          const { machine, add, result } = reassembly()
          const data = bytes(length)
          const pieces: Piece[] = []
          for (let offset = 0, i = 0; offset < length; i++) {
            const size = sizes[i % sizes.length]! * 8
            const end = Math.min(offset + size, length)
            pieces.push({ offset, data: data.slice(offset, end), more: end < length })
            offset = end
          }
          fc.pre(pieces.length > 1 && pieces.length < 200)
          pieces.sort(() => (random.next().value % 2) * 2 - 1)
          const outcomes = pieces.slice(0, -1).flatMap((piece) => [add(piece), add(piece)])
          for (let i = 0; i < outcomes.length; i += 2) {
            assert.equal(outcomes[i], undefined)
            assert.equal(outcomes[i + 1], 'ip-fragment-duplicate')
          }
          assert.equal(add(pieces[pieces.length - 1]!), true)
          assert.deepEqual(result(), data)
          assert.equal(machine.bytes, 0)
          assert.equal(machine.size, 0)
        },
      ),
      { numRuns: 100 },
    )
  })

  it('gives the datagram a header that knows of no fragments', () => {
    const { machine, add } = reassembly()
    add({ offset: 8, data: bytes(5), more: false })
    assert.equal(add({ offset: 0, data: bytes(8), more: true }), true)
    const header = new Ipv4Header()
    header.parse(machine.frame.view, machine.frame.start, machine.frame.end)
    const { totalLen, moreFragments, fragmentOffset, src, dst, protocol } = header
    assert.deepEqual(
      { totalLen, moreFragments, fragmentOffset, src, dst, protocol },
      { totalLen: 33, moreFragments: false, fragmentOffset: 0, src: SRC, dst: DST, protocol: 17 },
    )
  })

  it('keeps datagrams apart by source, protocol and identification', () => {
    const { machine, add } = reassembly()
    const first = { offset: 0, data: bytes(8), more: true }
    for (const own of [{}, { id: 2 }, { src: ip('10.0.0.3') }, { protocol: 1 }]) add({ ...first, ...own })
    assert.equal(machine.size, 4)
    assert.equal(add({ offset: 8, data: bytes(8), more: false, protocol: 1 }), true)
    assert.equal(machine.size, 3)
  })

  for (const [what, pieces, reason] of [
    [
      'an overlap',
      [
        { offset: 0, data: bytes(16), more: true },
        { offset: 8, data: bytes(16), more: true },
      ],
      'ip-fragment-overlap',
    ],
    [
      'an overlap with a later one',
      [
        { offset: 8, data: bytes(16), more: true },
        { offset: 0, data: bytes(16), more: true },
      ],
      'ip-fragment-overlap',
    ],
    [
      'other bytes at the same place',
      [
        { offset: 0, data: bytes(16), more: true },
        { offset: 0, data: bytes(16, 1), more: true },
      ],
      'ip-fragment-overlap',
    ],
    [
      'two ends',
      [
        { offset: 16, data: bytes(8), more: false },
        { offset: 32, data: bytes(8), more: false },
      ],
      'ip-fragment-inconsistent',
    ],
    [
      'data beyond the end',
      [
        { offset: 16, data: bytes(8), more: false },
        { offset: 24, data: bytes(8), more: true },
      ],
      'ip-fragment-inconsistent',
    ],
    [
      'an end before data',
      [
        { offset: 24, data: bytes(8), more: true },
        { offset: 8, data: bytes(8), more: false },
      ],
      'ip-fragment-inconsistent',
    ],
  ] as const) {
    it(`refuses ${what} and forgets the datagram (RFC 5722 §4)`, () => {
      const { machine, add } = reassembly()
      assert.equal(add(pieces[0]), undefined)
      assert.equal(add(pieces[1]), reason)
      assert.equal(machine.size, 0)
      assert.equal(machine.bytes, 0)
    })
  }

  it('refuses empty, misaligned and too large fragments', () => {
    const { machine, add } = reassembly()
    assert.equal(add({ offset: 8, data: bytes(0), more: true }), 'ip-fragment-empty')
    assert.equal(add({ offset: 8, data: bytes(7), more: true }), 'ip-fragment-misaligned')
    assert.equal(add({ offset: 65512, data: bytes(100), more: false }), 'ip-fragment-too-large')
    assert.equal(machine.size, 0)
  })

  it('gives up after thirty seconds and hands out the first fragment when there is one', () => {
    const { machine, add, drops, expired } = reassembly()
    add({ offset: 0, data: bytes(16), more: true }, 0)
    add({ offset: 8, data: bytes(16), more: true, id: 2 }, 5 * SECOND)
    assert.equal(machine.pollAt(), 30 * SECOND)
    machine.poll((30 * SECOND - 1) as Micros)
    assert.equal(machine.size, 2)
    machine.poll((30 * SECOND) as Micros)
    assert.equal(expired[0]!.length, 36)
    machine.poll((35 * SECOND) as Micros)
    assert.equal(expired[1], undefined)
    assert.deepEqual(drops, [
      ['ip-fragment-timeout', 1],
      ['ip-fragment-timeout', 1],
    ])
    assert.equal(machine.bytes, 0)
    assert.equal(machine.pollAt(), Number.POSITIVE_INFINITY)
  })

  it('bounds what one source may hold, the oldest goes first', () => {
    const { machine, add, drops } = reassembly()
    for (let id = 0; id < 1000; id++) add({ offset: 0, data: bytes(8), more: true, id })
    assert.equal(machine.size, 64)
    assert.equal(drops.length, 936)
    assert.equal(add({ offset: 8, data: bytes(8), more: false, id: 0 }), undefined, 'the oldest is gone')
    assert.equal(add({ offset: 8, data: bytes(8), more: false, id: 999 }), true)
  })

  it('bounds what all hold, by number and by bytes', () => {
    const { machine, add } = reassembly()
    for (let i = 0; i < 5000; i++) {
      const src = (SRC + (i >>> 4)) as Ipv4Addr
      add({ offset: 0, data: bytes(1480), more: true, id: i, src })
      add({ offset: 40_000, data: bytes(1480), more: true, id: i, src })
      assert.ok(machine.bytes <= 4 * 1024 * 1024)
      assert.ok(machine.size <= 1024)
    }
    assert.ok(machine.size > 900)
  })

  it('bounds the pieces of one datagram', () => {
    const { machine, add } = reassembly()
    let refused = 0
    for (let i = 0; i < 600; i++) {
      if (add({ offset: i * 16, data: bytes(8), more: true }) === 'ip-fragment-too-many') refused++
    }
    assert.equal(refused, 2)
    assert.ok(machine.size <= 1)
  })
})
