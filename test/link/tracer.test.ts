import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { micros } from '../../src/base/types.ts'
import { Cable } from '../../src/link/cable.ts'
import { PcapTap } from '../../src/link/pcap-tap.ts'
import { SoftwareOffload } from '../../src/link/software-offload.ts'
import { Tracer } from '../../src/link/tracer.ts'
import { PCAP } from '../../src/wire/pcap.ts'
import { CaptureReader } from '../../src/wire/pcap-reader.ts'
import { PCAPNG } from '../../src/wire/pcapng.ts'
import { linkCompliance } from '../compliance/link.ts'
import { makeFrame, parseFrame, pattern } from './frames.ts'

linkCompliance('tracer', () => {
  const cable = new Cable({ offload: true, queueBytes: 100_000 })
  return { a: new Tracer(cable.a), b: new Tracer(cable.b, () => {}), fullAfter: 80 }
})
linkCompliance('pcap tap', () => {
  const cable = new Cable({ medium: 'ip', queueBytes: 100_000 })
  return { a: new PcapTap(cable.a, { write: () => {} }), b: new PcapTap(cable.b, { write: () => {} }), fullAfter: 80 }
})

describe('Tracer', () => {
  it('shows frames both ways, whole and with finished checksums', () => {
    const cable = new Cable({ offload: true })
    const seen: string[] = []
    const tracer = new Tracer(cable.a, (direction, bytes, start, end, now) => {
      const { id, valid, payload } = parseFrame(bytes.slice(start, end))
      seen.push(`${direction} ${id} ${valid} ${payload.length} ${now}`)
    })
    tracer.send(makeFrame({ id: 1, payload: pattern(5001), segmentSize: 1000, splitAt: 33 }), micros(10))
    tracer.send(makeFrame({ id: 2, partial: false }), micros(11))
    tracer.send(makeFrame({ id: 3, payload: pattern(5000) }), micros(12))
    cable.b.send(makeFrame({ id: 4, payload: pattern(3000), segmentSize: 1000 }), micros(13))
    cable.b.send(makeFrame({ id: 5, protocol: 'udp' }), micros(13))
    cable.b.send(makeFrame({ id: 6, partial: false }), micros(13))
    const states: string[] = []
    tracer.receive(micros(14), (frame) => states.push(frame.checksum))
    // Frame 3 is larger than the cable takes: it was not sent.
    assert.deepEqual(seen, [
      'out 1 true 5001 10',
      'out 2 true 10 11',
      'in 4 true 3000 14',
      'in 5 true 10 14',
      'in 6 true 10 14',
    ])
    assert.deepEqual(states, ['partial', 'partial', 'complete'])
  })

  it('leaves a partial checksum to the link below', () => {
    const cable = new Cable({ offload: true })
    const tracer = new Tracer(cable.a, () => {})
    const frame = makeFrame()
    tracer.send(frame, micros(0))
    assert.equal(frame.checksumStart, 34)
    cable.b.receive(micros(0), (arrived) => assert.equal(arrived.checksum, 'partial'))
  })
})

describe('PcapTap', () => {
  it('writes what passed, when it passed', () => {
    for (const format of [PCAP, PCAPNG]) {
      const cable = new Cable()
      const reader = new CaptureReader()
      const tap = new PcapTap(new SoftwareOffload(cable.a), {
        write: (chunk) => reader.push(chunk),
        epoch: 1_700_000_000_999_999,
        format,
      })
      tap.send(makeFrame({ id: 1, payload: pattern(3000), segmentSize: 1000 }), micros(0))
      cable.b.send(makeFrame({ id: 2, partial: false }), micros(0))
      tap.receive(micros(2), () => {})
      assert.equal(reader.next(), undefined)
      tap.flush(micros(2))
      const records = [reader.next()!, reader.next()!]
      assert.equal(reader.next(), undefined)
      assert.deepEqual(
        records.map(({ linkType, seconds, nanos, bytes, originalLength }) => {
          const { id, valid } = parseFrame(bytes)
          return { linkType, seconds, nanos, id, valid, whole: originalLength === bytes.length }
        }),
        [
          { linkType: 1, seconds: 1_700_000_000, nanos: 999_999_000, id: 1, valid: true, whole: true },
          { linkType: 1, seconds: 1_700_000_001, nanos: 1000, id: 2, valid: true, whole: true },
        ],
      )
    }
  })

  it('writes its last records when it is closed', () => {
    const cable = new Cable({ medium: 'ip' })
    const reader = new CaptureReader()
    const tap = new PcapTap(cable.a, { write: (chunk) => reader.push(chunk) })
    tap.send(makeFrame({ medium: 'ip', id: 9, partial: false }), micros(0))
    tap.close()
    const record = reader.next()!
    assert.equal(record.linkType, 101)
    assert.equal(parseFrame(record.bytes, 'ip').id, 9)
  })
})
