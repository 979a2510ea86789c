import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { PCAP, PcapReader } from '../../src/wire/pcap.ts'
import { CaptureEncoder } from '../../src/wire/pcap-encoder.ts'
import type { CaptureFormat } from '../../src/wire/pcap-format.ts'
import { CaptureReader } from '../../src/wire/pcap-reader.ts'
import { type CaptureRecord, LinkType, MAX_CAPTURED, type RecordReader } from '../../src/wire/pcap-record.ts'
import { PCAPNG, PcapngReader } from '../../src/wire/pcapng.ts'

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'))
const concat = (chunks: readonly Uint8Array[]): Uint8Array => Uint8Array.from(Buffer.concat(chunks))

/** Reads a whole file in pieces of `size` bytes. */
function readAll(reader: RecordReader, file: Uint8Array, size = file.length || 1): CaptureRecord[] {
  const records: CaptureRecord[] = []
  for (let at = 0; at < file.length; at += size) {
    reader.push(file.slice(at, at + size))
    for (let record = reader.next(); record !== undefined; record = reader.next()) records.push(record)
  }
  reader.end()
  assert.equal(reader.next(), undefined)
  return records
}

const plain = (record: CaptureRecord) => ({ ...record, bytes: [...record.bytes] })

interface Packet {
  readonly seconds: number
  readonly nanos: number
  readonly bytes: Uint8Array
}

function writeAll(format: CaptureFormat, linkType: number, packets: readonly Packet[]): Uint8Array {
  const chunks: Uint8Array[] = []
  const encoder = new CaptureEncoder(format, linkType, (chunk) => chunks.push(chunk))
  for (const { seconds, nanos, bytes } of packets) encoder.add(seconds, nanos, bytes, 0, bytes.length, bytes.length + 1)
  encoder.flush()
  encoder.flush()
  return concat(chunks)
}

describe('PcapReader', () => {
  it('reads both byte orders, in micro- and nanoseconds', () => {
    const big = hex(`a1b2c3d4 0002 0004 00000000 00000000 00040000 00000071
                     00000005 00000007 00000003 00000009 616263`)
    const [record] = readAll(new PcapReader(), big)
    assert.deepEqual(plain(record!), {
      linkType: LinkType.LINUX_SLL,
      seconds: 5,
      nanos: 7000,
      bytes: [0x61, 0x62, 0x63],
      originalLength: 9,
      interfaceId: 0,
    })
    const little = hex(`4d3cb2a1 0200 0400 00000000 00000000 00000400 14010000
                        05000000 07000000 03000000 09000000 616263`)
    const [other] = readAll(new PcapReader(), little)
    assert.deepEqual(plain(other!), { ...plain(record!), linkType: LinkType.LINUX_SLL2, nanos: 7 })
  })

  it('carries a fraction of a second that is too large', () => {
    const file = hex(`a1b2c3d4 0002 0004 00000000 00000000 00040000 00000001
                      00000005 001e8483 00000000 00000000`)
    const [record] = readAll(new PcapReader(), file)
    assert.deepEqual([record!.seconds, record!.nanos], [7, 3000])
  })

  it('says what is wrong, and where', () => {
    const faultOf = (text: string): [string, number] => {
      const reader = new PcapReader()
      readAll(reader, hex(text))
      assert.match(reader.fault!.message, new RegExp(`^Cannot read capture at byte ${reader.fault!.offset}: `))
      return [reader.fault!.code, reader.fault!.offset]
    }
    const header = 'a1b2c3d4 0002 0004 00000000 00000000 00040000 00000001'
    assert.deepEqual(faultOf(''), ['truncated', 0])
    assert.deepEqual(faultOf('a1b2c3d4 0002'), ['truncated', 0])
    assert.deepEqual(faultOf('00112233 0002 0004 00000000 00000000 00040000 00000001'), ['not-a-capture', 0])
    assert.deepEqual(faultOf('a1b2c3d4 0003 0004 00000000 00000000 00040000 00000001'), ['unsupported-version', 4])
    assert.deepEqual(faultOf(`${header} 00000000`), ['truncated', 24])
    assert.deepEqual(faultOf(`${header} 00000000 00000000 00000002 00000002 ff`), ['truncated', 24])
    assert.deepEqual(faultOf(`${header} 00000000 00000000 00040001 00040001 ff`), ['record-too-large', 24])
    assert.equal(MAX_CAPTURED, 0x40000)
  })

  it('keeps a snapshot length of zero and an empty packet', () => {
    const file = hex('a1b2c3d4 0002 0004 00000000 00000000 00000000 00000001 00000000 00000000 00000000 0000003c')
    assert.deepEqual(plain(readAll(new PcapReader(), file)[0]!).bytes, [])
  })
})

describe('PcapngReader', () => {
  const section = '0a0d0d0a 0000001c 1a2b3c4d 0001 0000 ffffffffffffffff 0000001c'
  const interface0 = '00000001 00000014 0001 0000 00000000 00000014'

  it('reads sections, interfaces with their resolutions, all packet blocks, and passes over the rest', () => {
    const file = hex(`
      ${section}
      00000bad 00000014 0102030405060708 00000014
      ${interface0}
      00000001 0000002c 0065 0000 00000004 0009 0001 83000000 000e 0008 0000000000000064 0000 0000 0000002c
      00000006 00000024 00000000 00000000 001e8483 00000003 00000008 61626300 00000024
      00000006 00000020 00000001 00000000 0000000c 00000000 00000000 00000020
      00000002 00000024 0001 0000 00000000 00000010 00000002 00000002 61620000 00000024
      00000003 00000014 00000003 78797a00 00000014
      0a0d0d0a 1c000000 4d3c2b1a 0100 0000 ffffffffffffffff 1c000000
      01000000 14000000 7100 0000 02000000 14000000
      03000000 14000000 09000000 78790000 14000000
    `)
    const expected = [
      { linkType: 1, seconds: 2, nanos: 3000, bytes: [0x61, 0x62, 0x63], originalLength: 8, interfaceId: 0 },
      // 12 and 16 units of 2^-3 s, 100 s later.
      { linkType: 101, seconds: 101, nanos: 500_000_000, bytes: [], originalLength: 0, interfaceId: 1 },
      { linkType: 101, seconds: 102, nanos: 0, bytes: [0x61, 0x62], originalLength: 2, interfaceId: 1 },
      { linkType: 1, seconds: 0, nanos: 0, bytes: [0x78, 0x79, 0x7a], originalLength: 3, interfaceId: 0 },
      { linkType: 113, seconds: 0, nanos: 0, bytes: [0x78, 0x79], originalLength: 9, interfaceId: 0 },
    ]
    for (const size of [file.length, 1, 3, 7, 64]) {
      const reader = new PcapngReader()
      assert.deepEqual(readAll(reader, file, size).map(plain), expected)
      assert.equal(reader.fault, undefined)
    }
  })

  it('says what is wrong, and where', () => {
    const faultOf = (text: string): [string, number] => {
      const reader = new PcapngReader()
      readAll(reader, hex(text))
      return [reader.fault!.code, reader.fault!.offset]
    }
    assert.deepEqual(faultOf(''), ['truncated', 0])
    assert.deepEqual(faultOf(interface0), ['not-a-capture', 0])
    assert.deepEqual(faultOf('0a0d0d0a 0000001c 11111111 0001 0000'), ['bad-byte-order', 8])
    assert.deepEqual(faultOf('0a0d0d0a 0000001c 1a2b3c4d 0002 0000 ffffffffffffffff 0000001c'), [
      'unsupported-version',
      12,
    ])
    assert.deepEqual(faultOf('0a0d0d0a 00000010 1a2b3c4d 00000010'), ['bad-block-length', 4])
    assert.deepEqual(faultOf(`${section} 00000001 00000008 00000008 00000000`), ['bad-block-length', 32])
    assert.deepEqual(faultOf(`${section} 00000bad 0000000f 00000000`), ['bad-block-length', 32])
    assert.deepEqual(faultOf(`${section} ${interface0.replace(/14$/, '18')}`), ['bad-block-length', 32])
    assert.deepEqual(faultOf(`${section} 00000001 fffffffc 00000000`), ['record-too-large', 32])
    assert.deepEqual(faultOf(`${section} 00000bad fffffffc 00000000`), ['truncated', 40])
    assert.deepEqual(faultOf(`${section} 00000006 00000010 00000000 00000010`), ['bad-block-length', 32])
    const packet = (id: string, captured: string) =>
      `00000006 00000024 ${id} 00000000 00000000 ${captured} 00000004 61626364 00000024`
    assert.deepEqual(faultOf(`${section} ${interface0} ${packet('00000001', '00000004')}`), ['unknown-interface', 56])
    assert.deepEqual(faultOf(`${section} ${interface0} ${packet('00000000', '00000005')}`), ['bad-captured-length', 68])
    assert.deepEqual(faultOf(`${section} 00000003 00000010 00000000 00000010`), ['unknown-interface', 28])
    const simple = '00000003 00000014 00000005 61626364 00000014'
    assert.deepEqual(faultOf(`${section} ${interface0} ${simple}`), ['bad-captured-length', 56])
  })

  it('has a limit to the interfaces of a section', () => {
    const reader = new PcapngReader()
    reader.push(hex(section))
    for (let i = 0; i <= 65536; i++) reader.push(hex(interface0))
    reader.next()
    assert.equal(reader.fault?.code, 'too-many-interfaces')
  })
})

describe('CaptureEncoder', () => {
  const packets = fc.array(
    fc.record({
      seconds: fc.integer({ min: 0, max: 0xffffffff }),
      nanos: fc.integer({ min: 0, max: 999_999_999 }),
      bytes: fc.oneof(
        fc.uint8Array({ maxLength: 70 }),
        fc.integer({ min: 0, max: 70_000 }).map((n) => new Uint8Array(n).fill(n)),
      ),
    }),
    { maxLength: 12 },
  )

  it('writes what CaptureReader reads, in any pieces', () => {
    for (const [format, unit] of [
      [PCAP, 1000],
      [PCAPNG, 1],
    ] as const) {
      fc.assert(
        fc.property(
          packets,
          fc.constantFrom(1, 101, 113),
          fc.integer({ min: 97, max: 100_000 }),
          (list, type, size) => {
            const reader = new CaptureReader()
            const read = readAll(reader, writeAll(format, type, list), size)
            assert.equal(reader.fault, undefined)
            assert.deepEqual(
              read.map(({ seconds, nanos, bytes }) => ({ seconds, nanos, bytes: Buffer.from(bytes) })),
              list.map(({ seconds, nanos, bytes }) => ({
                seconds,
                nanos: nanos - (nanos % unit),
                bytes: Buffer.from(bytes),
              })),
            )
            assert.ok(
              read.every(
                (record, i) => record.linkType === type && record.originalLength === list[i]!.bytes.length + 1,
              ),
            )
          },
        ),
        { numRuns: 30 },
      )
    }
  })

  it('writes the bytes that other tools write', () => {
    const one = [{ seconds: 1, nanos: 2000, bytes: hex('aabbcc') }]
    assert.deepEqual(
      writeAll(PCAP, 1, one),
      hex('d4c3b2a1 0200 0400 00000000 00000000 00000400 01000000 01000000 02000000 03000000 04000000 aabbcc'),
    )
    assert.deepEqual(
      writeAll(PCAPNG, 1, one),
      hex(`0a0d0d0a 1c000000 4d3c2b1a 0100 0000 ffffffffffffffff 1c000000
           01000000 20000000 0100 0000 00000400 0900 0100 09000000 00000000 20000000
           06000000 24000000 00000000 00000000 d0d19a3b 03000000 04000000 aabbcc00 24000000`),
    )
  })

  it('hands out chunks that it does not touch again', () => {
    const chunks: Uint8Array[] = []
    const encoder = new CaptureEncoder(PCAP, 1, (chunk) => chunks.push(chunk))
    encoder.add(0, 0, hex('01'), 0, 1)
    encoder.flush()
    const before = [...chunks[1]!]
    encoder.add(9, 9000, hex('ff'), 0, 1)
    encoder.flush()
    assert.deepEqual([...chunks[1]!], before)
    assert.equal(chunks.length, 3)
  })
})

describe('CaptureReader', () => {
  const sample = [
    { seconds: 1, nanos: 0, bytes: hex('0102030405') },
    { seconds: 2, nanos: 0, bytes: new Uint8Array(40) },
  ]

  it('reports every truncation, and gives the records before it', () => {
    for (const format of [PCAP, PCAPNG]) {
      const file = writeAll(format, 1, sample)
      const starts = new Set([0, 1, 2].map((count) => writeAll(format, 1, sample.slice(0, count)).length))
      // A pcapng file may also end between its first two blocks.
      if (format === PCAPNG) starts.add(28)
      for (let length = 0; length < file.length; length++) {
        const reader = new CaptureReader()
        const records = readAll(reader, file.slice(0, length), 5)
        assert.equal(reader.fault?.code, starts.has(length) && length > 0 ? undefined : 'truncated')
        assert.ok(records.length <= 1)
      }
    }
  })

  it('never throws on mutated files, and never gives more than there is', () => {
    for (const format of [PCAP, PCAPNG]) {
      const file = writeAll(format, 1, sample)
      const mutations = fc.array(fc.tuple(fc.nat({ max: file.length - 1 }), fc.nat({ max: 255 })), { maxLength: 6 })
      fc.assert(
        fc.property(mutations, fc.integer({ min: 1, max: 200 }), (changes, size) => {
          const bad = file.slice()
          for (const [at, byte] of changes) bad[at] = byte
          const records = readAll(new CaptureReader(), bad, size)
          assert.ok(records.reduce((sum, record) => sum + record.bytes.length, 0) <= file.length)
        }),
        { numRuns: 3000 },
      )
    }
  })

  it('never throws on noise behind a good beginning', () => {
    const starts = [PCAP.header(1), PCAPNG.header(1), new Uint8Array(0)]
    fc.assert(
      fc.property(fc.constantFrom(...starts), fc.uint8Array({ maxLength: 400 }), (start, noise) => {
        readAll(new CaptureReader(), concat([start, noise]), 50)
      }),
      { numRuns: 3000 },
    )
    const reader = new CaptureReader()
    readAll(reader, hex('00010203'))
    assert.equal(reader.fault?.code, 'not-a-capture')
  })
})
