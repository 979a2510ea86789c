import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { MAX_DATAGRAM, MAX_RECORD, MAX_SERVICE, MAX_TEXT } from '../../src/session/limits.ts'
import { ROLES } from '../../src/session/records/frame.ts'
import { RecordWriter } from '../../src/session/records/record-writer.ts'
import { check } from './property.ts'
import { type Frame, Recorded, readInPieces, taken, writeFrame } from './records.ts'

type Written = Exclude<Frame, { type: 'PADDING' }>

const number = fc.oneof(fc.nat(70), fc.nat(70_000), fc.maxSafeNat())
const half = fc.nat(2 ** 48)
const payload = fc
  .oneof(fc.nat(40), fc.nat(3000))
  .chain((length) => fc.nat(255).map((octet) => octet.toString(16).padStart(2, '0').repeat(length)))
const textOf = (most: number) =>
  fc.nat(most).chain((length) => fc.constantFrom('a', 'Z', '.').map((c) => c.repeat(length)))
const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) => fc.record<T>(model, { noNullPrototype: true })
const constant = <T extends string>(type: T) => fc.constant(type)

const frame: fc.Arbitrary<Written> = fc.oneof(
  record({ type: fc.constantFrom('PING' as const, 'PATH_CLOSE' as const) }),
  record({ type: constant('ACK'), path: number, count: number, delay: number }),
  record({
    type: constant('OPEN'),
    id: half.map((n) => 4 * n + (n % 2)),
    service: textOf(MAX_SERVICE),
    target: textOf(MAX_TEXT),
    source: textOf(MAX_TEXT),
  }),
  record({
    type: constant('OPEN_FLOW'),
    id: half.map((n) => 4 * n + 2 + (n % 2)),
    service: textOf(MAX_SERVICE),
    target: textOf(20),
    source: textOf(20),
  }),
  record({ type: constant('ACCEPT'), id: number }),
  record({ type: constant('RESET'), id: number, code: number, final: number }),
  record({ type: constant('STOP'), id: number, code: number }),
  record({ type: fc.constantFrom('STREAM' as const, 'STREAM_END' as const), id: number, offset: half, payload }),
  record({ type: constant('STREAM_CREDIT'), id: number, limit: number }),
  record({ type: constant('SESSION_CREDIT'), limit: number }),
  record({ type: constant('DATAGRAM'), id: number, number, age: number, payload }),
  record({ type: constant('PATH_STATUS'), path: number, number, role: fc.constantFrom(...ROLES) }),
  record({ type: constant('CLOSE'), code: number, reason: textOf(MAX_TEXT) }),
)

const records = fc.array(fc.array(frame, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 4 })

/** One piece of memory with all records, and how long each is. */
function write(all: readonly (readonly Written[])[]): { bytes: Uint8Array; octets: number[] } {
  const writer = new RecordWriter()
  const octets = all.map((frames) => {
    writer.begin()
    for (const one of frames) writeFrame(writer, one)
    return writer.finish()
  })
  return { bytes: taken(writer), octets }
}

const EACH: readonly Written[] = [
  { type: 'PING' },
  { type: 'ACK', path: 3, count: 70_000, delay: 250 },
  { type: 'OPEN', id: 400, service: 'web', target: 'example.org:443', source: '192.0.2.1:5000' },
  { type: 'OPEN_FLOW', id: 7, service: 'dns', target: '', source: '' },
  { type: 'ACCEPT', id: 400 },
  { type: 'RESET', id: 400, code: 2, final: 1_000_000 },
  { type: 'STOP', id: 400, code: 0 },
  { type: 'STREAM', id: 400, offset: 70_000, payload: '00112233445566778899' },
  { type: 'STREAM_END', id: 404, offset: 0, payload: '' },
  { type: 'STREAM_CREDIT', id: 400, limit: 2 ** 33 },
  { type: 'SESSION_CREDIT', limit: 2 ** 40 },
  { type: 'DATAGRAM', id: 7, number: 65, age: 20_000, payload: 'c0ffee' },
  { type: 'PATH_STATUS', path: 1, number: 2, role: 'backup' },
  { type: 'PATH_CLOSE' },
  { type: 'CLOSE', code: 7, reason: 'the server ends' },
]

describe('a record', () => {
  it('of every frame is read the same at every cut', () => {
    const { bytes } = write(EACH.map((one) => [one]))
    for (let at = 1; at < bytes.length; at++) {
      const { read, fault } = readInPieces(bytes, [at, bytes.length])
      assert.equal(fault, undefined)
      assert.deepEqual(read.joined(), EACH, `cut at ${at}`)
    }
    assert.deepEqual(readInPieces(bytes, [1]).read.joined(), EACH, 'octet by octet')
  })

  it('is read the same when the memory that brought the first part of it is used again', () => {
    const { bytes } = write(EACH.map((one) => [one]))
    for (let at = 1; at < bytes.length; at++) {
      const read = new Recorded()
      for (const piece of [Buffer.from(bytes.subarray(0, at)), Buffer.from(bytes.subarray(at))]) {
        assert.equal(read.reader.feed(piece), undefined)
        piece.fill(0xff)
      }
      assert.deepEqual(read.joined(), EACH, `cut at ${at}`)
    }
  })

  it('is read as it was written, however it is cut', (t) => {
    check(
      t,
      fc.property(records, fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1 }), (all, lengths) => {
        const { bytes, octets } = write(all)
        const { read, fault } = readInPieces(bytes, lengths)
        assert.equal(fault, undefined)
        const whole = new Recorded()
        assert.equal(whole.reader.feed(bytes), undefined)
        assert.deepEqual(whole.frames, all.flat(), 'in one piece')
        assert.deepEqual(
          read.records,
          all.map((frames, i) => ({ octets: octets[i], isAsking: frames.some(({ type }) => type !== 'ACK') })),
        )
        const flat = new Recorded()
        flat.frames.push(...(all.flat() as Frame[]))
        assert.deepEqual(read.joined(), flat.joined())
      }),
      300,
    )
  })

  it('of one long datagram is read octet by octet, and what it gave stays what it is', () => {
    const writer = new RecordWriter()
    const payload = 'c0ffee'.repeat(20_000)
    writer.begin()
    writeFrame(writer, { type: 'DATAGRAM', id: 2, number: 0, age: 0, payload })
    writeFrame(writer, { type: 'DATAGRAM', id: 2, number: 1, age: 0, payload: '00'.repeat(100) })
    writer.finish()
    const views: Uint8Array[] = []
    const read = new Recorded()
    read.onDatagram = (_id, _number, _age, bytes) => views.push(bytes)
    for (const octet of taken(writer)) assert.equal(read.reader.feed(Uint8Array.from([octet])), undefined)
    assert.equal(Buffer.from(views[0]!).toString('hex'), payload)
    assert.equal(views[1]!.length, 100)
  })

  it('of padding is as long as a record may be, says nothing, and is read at every cut', () => {
    const run = Uint8Array.from([2, 0, 0, ...new Uint8Array(MAX_RECORD), 0, 0, 1, 1])
    const among = Uint8Array.from([0, 0, 8, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 1, 0x0e])
    for (const lengths of [[1], [2], [3, 5], [4, 65_536], [1_000_000]]) {
      const long = readInPieces(run, lengths)
      assert.equal(long.fault, undefined)
      assert.deepEqual(long.read.frames, [{ type: 'PING' }])
      assert.deepEqual(long.read.records[0], { octets: MAX_RECORD + 3, isAsking: false })
      const { read, fault } = readInPieces(among, lengths)
      assert.equal(fault, undefined)
      assert.deepEqual(read.frames, [{ type: 'PING' }, { type: 'PING' }, { type: 'PATH_CLOSE' }])
      assert.deepEqual(
        read.records.map(({ isAsking }) => isAsking),
        [true, false, true],
      )
    }
  })

  it('copies no payload of a stream', () => {
    const writer = new RecordWriter()
    const large = new Uint8Array(50_000)
    writer.begin()
    writer.stream(0, 0, large.length, false)
    writer.payload(large)
    writer.finish()
    assert.ok(writer.take().includes(large))
  })

  it('that was begun and left has never been', () => {
    const writer = new RecordWriter()
    writer.begin()
    writer.ping()
    writer.finish()
    writer.begin()
    writer.abandon()
    writer.begin()
    writer.ping()
    writer.finish()
    assert.equal(Buffer.from(taken(writer)).toString('hex'), '0000010100000101')
  })

  it('is the last when the handler says so', () => {
    const read = new Recorded()
    read.stopAfter = 1
    assert.equal(read.reader.feed(Uint8Array.from(Buffer.from('00000101000001010000017f', 'hex'))), undefined)
    assert.deepEqual(read.frames, [{ type: 'PING' }])
    assert.equal(read.reader.feed(Uint8Array.from(Buffer.from('00000101', 'hex'))), undefined)
    assert.equal(read.frames.length, 1)
  })
})

describe('octets that are no record', () => {
  const cases: readonly [what: string, hex: string, fault: string][] = [
    ['no frame', '000000', 'record-empty'],
    ['a record of more than 131,072 octets', (MAX_RECORD + 1).toString(16).padStart(6, '0'), 'record-too-long'],
    ['an unknown frame', '00000110', 'frame-unknown'],
    ['an unknown frame of a long number', '000001ff', 'frame-unknown'],
    ['a frame that ends behind its record', '00000202 01', 'frame-truncated'],
    ['a number that is cut off', '0000040201 40 01', 'frame-truncated'],
    ['octets of a stream behind the end of the record', '000006 08 00 00 03 aabb', 'frame-truncated'],
    ['a datagram behind the end of the record', '000007 0c 02 00 00 03 aabb', 'frame-truncated'],
    ['a number above 2^53', '000009 0b ffffffffffffffff', 'frame-number-too-large'],
    ['octets beyond the offset 2^53', '00000d 08 00 c01fffffffffffff 01 aabb', 'frame-number-too-large'],
    ['a service of more than 255 octets', '000004 03 00 4100', 'frame-text-too-long'],
    ['a target of more than 512 octets', '000006 03 00 0161 4201', 'frame-text-too-long'],
    ['a reason of more than 512 octets', '000004 0f 00 4201', 'frame-text-too-long'],
    ['a datagram of more than 65,507 octets', '000008 0c 02 00 00 8000ffe4', 'frame-datagram-too-long'],
    ['a role that is none', '000004 0d 00 01 04', 'frame-role-unknown'],
    ['a stream opened as a flow', '000005 04 00 0161 00', 'frame-truncated'],
    ['a stream opened as a flow, whole', '000006 04 00 0161 00 00', 'frame-unknown'],
    ['a flow opened as a stream', '000006 03 02 0161 00 00', 'frame-unknown'],
  ]
  for (const [what, hex, fault] of cases) {
    it(`${what}: ${fault}`, () => {
      const bytes = Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
      for (const lengths of [[bytes.length], [1], [2, 3]]) {
        const { read, fault: found } = readInPieces(bytes, lengths)
        assert.equal(found, fault)
        const before = read.frames.length
        assert.equal(read.reader.feed(Uint8Array.from([0, 0, 1, 1])), fault, 'nothing is read any more')
        assert.equal(read.frames.length, before)
      }
    })
  }

  it('has the lengths of the limits right', () => {
    const writer = new RecordWriter()
    const longest = 'ab'.repeat(MAX_DATAGRAM)
    writer.begin()
    writeFrame(writer, { type: 'DATAGRAM', id: 2, number: 0, age: 0, payload: longest })
    writer.finish()
    const texts = { service: 's'.repeat(MAX_SERVICE), target: 't'.repeat(MAX_TEXT), source: 'u'.repeat(MAX_TEXT) }
    writer.begin()
    writeFrame(writer, { type: 'OPEN', id: 0, ...texts })
    writer.finish()
    const { read, fault } = readInPieces(taken(writer), [10_000])
    assert.equal(fault, undefined)
    assert.deepEqual(
      read.frames.map(({ type }) => type),
      ['DATAGRAM', 'OPEN'],
    )
  })

  it('never makes the reader throw, and gives the same however it is cut', (t) => {
    const random = fc.uint8Array({ maxLength: 300 })
    // Half of them look like a record with known frames.
    const likely = fc.array(fc.oneof(fc.nat(16), fc.nat(255)), { minLength: 1, maxLength: 200 }).map((body) => {
      return Uint8Array.from([0, 0, body.length, ...body])
    })
    check(
      t,
      fc.property(fc.oneof(random, likely), fc.integer({ min: 1, max: 40 }), (bytes, length) => {
        const [whole, cut] = [readInPieces(bytes, [1000]), readInPieces(bytes, [length])]
        assert.equal(cut.fault, whole.fault)
        assert.deepEqual(cut.read.joined(), whole.read.joined())
        assert.deepEqual(cut.read.records, whole.read.records)
      }),
      3000,
    )
  })
})
