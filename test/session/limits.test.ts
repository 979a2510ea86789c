import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  LARGEST_RECORD,
  MAX_CONTROL,
  MAX_DATAGRAM,
  MAX_PATHS,
  MAX_RECORD,
  MAX_SERVICE,
  MAX_TEXT,
} from '../../src/session/limits.ts'
import { LONGEST_NUMBERS } from '../../src/session/records/record-writer.ts'
import { MBIT, SessionPair } from './pair.ts'
import { Recorded } from './records.ts'
import { drain, fill } from './traffic.ts'

const OPENING = { service: 'web', target: '', source: '' }

describe('a record', () => {
  it('has room for the longest datagram behind all that goes before it', () => {
    const acks = MAX_PATHS * LONGEST_NUMBERS
    const opening = LONGEST_NUMBERS + MAX_SERVICE + 2 * MAX_TEXT
    assert.ok(acks + MAX_CONTROL + opening + LONGEST_NUMBERS + MAX_DATAGRAM < MAX_RECORD)
    assert.ok(acks + MAX_CONTROL + opening < LARGEST_RECORD)
  })

  it('of whatever mixture is no longer than a reader takes', () => {
    const pair = new SessionPair()
    pair.server.onStream = (stream) => drain(stream, () => pair.now)
    pair.server.onFlow = () => undefined
    const longest: number[] = []
    for (let i = 0; i < 3; i++) {
      const { there, server } = pair.addPath({ rate: 500 * MBIT, delay: 2_000 })
      const tap = new Recorded()
      tap.onStream = () => undefined
      tap.onDatagram = () => undefined
      there.input = {
        onBytes: (bytes) => {
          tap.reader.feed(bytes)
          server.onBytes(bytes)
        },
        onWritable: () => server.onWritable(),
        onClosed: (reason) => server.onClosed(reason),
      }
      pair.at(0.5, () => longest.push(Math.max(...tap.records.map(({ octets }) => octets))))
    }
    fill(pair.client.openStream(OPENING), 40_000_000)
    const flows = [pair.client.openFlow(OPENING), pair.client.openFlow(OPENING)]
    for (let i = 0; i < 450; i++) {
      pair.at(i / 1000, () => {
        for (const flow of flows) flow.send(new Uint8Array(i % 3 === 0 ? MAX_DATAGRAM : 20_000))
        pair.client.openStream(OPENING).reset(0)
      })
    }
    pair.run(0.5)
    assert.equal(pair.server.counters.faults, 0)
    assert.ok(Math.max(...longest) > LARGEST_RECORD, `${longest}`)
  })
})
