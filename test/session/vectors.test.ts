import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { FrameType } from '../../src/session/records/frame.ts'
import { RecordWriter } from '../../src/session/records/record-writer.ts'
import { type Frame, Recorded, readInPieces, taken, writeFrame } from './records.ts'

const PAGE = join(import.meta.dirname, '../../../docs/session-protocol.md')
const SECTION = readFileSync(PAGE, 'utf8').split('\n## Test vectors\n')[1] ?? ''

interface Line {
  readonly hex: string
  readonly meaning: string
}

/** The vectors under a heading: each a paragraph of lines, octets first and behind two spaces what they mean. */
function vectors(heading: string): Line[][] {
  const block = SECTION.split(`\n### ${heading}\n`)[1]?.match(/```text\n([^`]*)```/)?.[1]
  assert.ok(block !== undefined, `the page has vectors under ${heading}`)
  return block
    .trim()
    .split('\n\n')
    .map((paragraph) => paragraph.split('\n').map(parseLine))
}

function parseLine(line: string): Line {
  const [octets = '', ...rest] = line.split(/ {2,}/)
  return { hex: octets.replaceAll(' ', ''), meaning: rest.join('  ') }
}

/** `NAME key=number key="text" key=hexadecimal` as a frame. */
function parseFrame(meaning: string): Frame {
  const [type, ...fields] = meaning.match(/[^ "]+="[^"]*"|[^ ]+/g) ?? []
  const frame: Record<string, unknown> = { type }
  for (const field of fields) {
    const [key, value] = field.split('=') as [string, string]
    if (value.startsWith('"')) frame[key] = value.slice(1, -1)
    else frame[key] = key === 'payload' ? value : Number(value)
  }
  return frame as unknown as Frame
}

const octetsOf = (lines: readonly Line[]): string => lines.map(({ hex }) => hex).join('')
const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'))
const framesOf = (lines: readonly Line[]): Frame[] => lines.slice(1).map(({ meaning }) => parseFrame(meaning))

function assertRead(lines: readonly Line[]): void {
  const octets = octetsOf(lines)
  const expected = framesOf(lines).filter(({ type }) => type !== 'PADDING')
  for (const lengths of [[octets.length], [1], [3, 2]]) {
    const { read, fault } = readInPieces(bytesOf(octets), lengths)
    assert.equal(fault, undefined)
    assert.deepEqual(read.joined(), expected)
    assert.equal(read.records.length, 1)
    const isAsking = expected.some(({ type }) => type !== 'ACK')
    assert.deepEqual(read.records[0], { octets: octets.length / 2, isAsking })
  }
}

describe('docs/session-protocol.md', () => {
  it('has the octets that the code writes, and the code reads them', () => {
    const seen = new Set<string>()
    for (const lines of vectors('Records')) {
      const writer = new RecordWriter()
      writer.begin()
      for (const frame of framesOf(lines)) {
        seen.add(frame.type)
        writeFrame(writer, frame as Exclude<Frame, { type: 'PADDING' }>)
      }
      writer.finish()
      assert.equal(Buffer.from(taken(writer)).toString('hex'), octetsOf(lines), octetsOf(lines))
      assertRead(lines)
    }
    const all = Object.keys(FrameType).filter((type) => type !== 'PADDING')
    assert.deepEqual([...seen].sort(), all.sort(), 'every frame has a vector')
  })

  it('has octets that are only read', () => {
    for (const lines of vectors('Records that are read, and that we do not write')) assertRead(lines)
  })

  it('has octets that are faults, and the code names them so', () => {
    for (const lines of vectors('Octets that are no records')) {
      const { hex, meaning } = lines[0]!
      const read = new Recorded()
      assert.equal(read.reader.feed(bytesOf(hex)), meaning.split(' ')[0], hex)
    }
  })

  it('has the numbers of frames right', () => {
    const numbers = Object.fromEntries(
      [...readFileSync(PAGE, 'utf8').matchAll(/^\| 0x([0-9a-f]{2}) \| ([A-Z_]+) \|/gm)].map(([, hex, name]) => {
        return [name, Number.parseInt(hex!, 16)]
      }),
    )
    assert.deepEqual(numbers, FrameType)
  })

  it('has the numbers of the limits right', async () => {
    const limits: Record<string, unknown> = await import('../../src/session/limits.ts')
    const rows = [...readFileSync(PAGE, 'utf8').matchAll(/^\| `([A-Z_]+)` \| ([0-9,]+) \|/gm)]
    assert.ok(rows.length >= 10)
    for (const [, name, value] of rows) assert.equal(Number(value!.replaceAll(',', '')), limits[name!], name)
  })
})
