import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { MAX_HEAD, parseHead } from '../../src/transport/http-head.ts'

const parse = (text: string) => parseHead(Buffer.from(text, 'latin1'))
const problem = (text: string): string => {
  const head = parse(text)
  return typeof head === 'object' && 'problem' in head ? head.problem : JSON.stringify(head)
}

describe('parseHead()', () => {
  it('reads status, reason and fields, and says where they end', () => {
    const head = parse('HTTP/1.1 407 Who are you?\r\nVia: a\r\nvia:\t b \r\nEmpty:\r\n\r\nbody')
    assert.ok(head !== 'more' && 'status' in head)
    assert.equal(head.status, 407)
    assert.equal(head.reason, 'Who are you?')
    assert.deepEqual(
      [...head.fields],
      [
        ['via', 'a, b'],
        ['empty', ''],
      ],
    )
    assert.equal(head.length, 'HTTP/1.1 407 Who are you?\r\nVia: a\r\nvia:\t b \r\nEmpty:\r\n\r\n'.length)
  })

  it('reads the shortest', () => {
    for (const line of ['HTTP/1.0 200', 'HTTP/1.1 200 ']) {
      const head = parse(`${line}\r\n\r\n`)
      assert.ok(head !== 'more' && 'status' in head, line)
      assert.deepEqual([head.status, head.reason, head.fields.size], [200, '', 0])
    }
  })

  it('wants more at every place where it may go on', () => {
    const whole = 'HTTP/1.1 200 OK\r\nA: b\r\n\r\n'
    for (let i = 0; i < whole.length; i++) assert.equal(parse(whole.slice(0, i)), 'more', `${i}`)
  })

  it('says at once that something else speaks', () => {
    assert.match(problem('SSH-2.0-x'), /speaks no HTTP: it began with "SSH-2\.0-x"/)
    assert.match(problem('\x05\xff'), /began with "\?\?"/)
    assert.match(problem('http/1.1 200 OK\r\n\r\n'), /no HTTP/)
    assert.match(problem('HTTP/2 200\r\n\r\n'), /no HTTP/)
  })

  it('refuses what RFC 9112 does not allow', () => {
    for (const line of [
      'HTTP/1.1 20 OK',
      'HTTP/1.1 099 x',
      'HTTP/1.1  200 OK',
      'HTTP/1.15 200 OK',
      'HTTP/1.1 200 \x07',
    ]) {
      assert.match(problem(`${line}\r\n\r\n`), /no status/, line)
    }
    for (const field of ['no colon', 'a : b', ': b', ' folded', 'a: \0', 'a: b\nc: d', 'a\rb: c']) {
      assert.match(problem(`HTTP/1.1 200 OK\r\n${field}\r\n\r\n`), /no header field/, JSON.stringify(field))
    }
  })

  it('reads no more than 8 KiB', () => {
    const start = 'HTTP/1.1 200 OK\r\nA: '
    const most = `${start}${'x'.repeat(MAX_HEAD - start.length - 4)}\r\n\r\n`
    assert.equal((parse(most) as { status: number }).status, 200)
    assert.match(problem(`${start}${'x'.repeat(MAX_HEAD - start.length - 3)}\r\n\r\n`), /longer than 8192/)
    assert.match(problem(`${start}${'x'.repeat(MAX_HEAD)}`), /longer than 8192/)
    assert.match(problem(`HTTP/1.1 200 OK\n\n${'x'.repeat(MAX_HEAD)}`), /longer than 8192/)
  })

  it('never throws, whatever comes, and repeats nothing unprintable', () => {
    const octets = fc.uint8Array({ maxLength: 200 })
    const afterStart = octets.map((rest) =>
      Buffer.concat([Buffer.from('HTTP/1.1 200 '), rest, Buffer.from('\r\n\r\n')]),
    )
    fc.assert(
      fc.property(
        fc.oneof(
          octets.map((bytes) => Buffer.from(bytes)),
          afterStart,
        ),
        (bytes) => {
          const head = parseHead(bytes)
          if (head === 'more') return
          assert.match('problem' in head ? head.problem : head.reason, /^[\x20-\x7e]*$/)
        },
      ),
      { numRuns: 2000 },
    )
  })
})
