import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HttpRequestParser } from '../../../src/tunnel/services/http-request.ts'

describe('HttpRequestParser', () => {
  const parse = (text: string, size = text.length) => {
    const parser = new HttpRequestParser(undefined)
    const bytes = Buffer.from(text, 'latin1')
    for (let at = 0; at < bytes.length; at += size) {
      const progress = parser.push(bytes.subarray(at, at + size))
      if (progress.wish !== undefined || progress.failure !== undefined) return progress
    }
    return {}
  }
  const statusOf = (text: string): string =>
    Buffer.from(parse(text).say ?? [])
      .toString()
      .slice(9, 12)

  it('reads CONNECT however it is cut, and keeps what follows', () => {
    const text = 'CONNECT host.example.org:443 HTTP/1.1\r\nHost: host.example.org:443\r\n\r\n'
    for (const size of [1, 7, 1000]) assert.deepEqual(parse(text, size).wish, { target: 'host.example.org:443' })
    assert.equal(parse(`${text}\x16\x03`).rest!.toString('latin1'), '\x16\x03')
    assert.deepEqual(parse('CONNECT [2001:db8::1]:443 HTTP/1.0\r\n\r\n').wish, { target: '[2001:db8::1]:443' })
  })

  it('rewrites a request with a whole address for its target', () => {
    const { wish, rest } = parse(
      [
        'POST http://host.example.org:8080/a?b=c HTTP/1.1',
        'Host: other.example.org',
        'Connection: x-own, keep-alive',
        'X-Own: 1',
        'Proxy-Connection: keep-alive',
        'Proxy-Authorization: Basic eDp5',
        'Content-Length: 4',
        'Via: 1.0 first',
        'Accept: */*',
        '',
        'body',
      ].join('\r\n'),
    )
    assert.equal(wish!.target, 'host.example.org:8080')
    assert.equal(wish!.request!.length, 4)
    assert.equal(
      wish!.request!.head.toString(),
      [
        'POST /a?b=c HTTP/1.1',
        'Host: host.example.org:8080',
        'Content-Length: 4',
        'Accept: */*',
        'Via: 1.0 first, 1.1 gotcp',
        'Connection: close',
        '',
        '',
      ].join('\r\n'),
    )
    assert.equal(rest!.toString(), 'body')
    assert.match(
      parse('GET http://h?x HTTP/1.0\r\n\r\n').wish!.request!.head.toString(),
      /^GET \/\?x HTTP\/1\.1\r\nHost: h\r/,
    )
    assert.equal(parse('GET http://h HTTP/1.1\r\n\r\n').wish!.target, 'h:80')
  })

  it('refuses what it does not do, and says so', () => {
    for (const [text, status] of [
      ['GET / HTTP/1.1\r\n\r\n', '400'],
      ['GET https://host/ HTTP/1.1\r\n\r\n', '400'],
      ['GET http://u:p@host/ HTTP/1.1\r\n\r\n', '400'],
      ['GET http://:80/ HTTP/1.1\r\n\r\n', '400'],
      ['GET http://h/\r\n\r\n', '400'],
      ['GET http://h/ HTTP/2.0\r\n\r\n', '400'],
      ['CONNECT host HTTP/1.1\r\n\r\n', '400'],
      ['CONNECT host:99999 HTTP/1.1\r\n\r\n', '400'],
      [`CONNECT ${'h'.repeat(256)}:80 HTTP/1.1\r\n\r\n`, '400'],
      [`GET http://${'\xe4'.repeat(255)}/ HTTP/1.1\r\n\r\n`, '400'],
      ['CONNECT h\x01:80 HTTP/1.1\r\n\r\n', '400'],
      ['CONNECT h:1 HTTP/1.1\r\nno field\r\n\r\n', '400'],
      ['CONNECT h:1 HTTP/1.1\r\nA: b\r\n folded: c\r\n\r\n', '400'],
      ['CONNECT h:1 HTTP/1.1\r\nA : b\r\n\r\n', '400'],
      ['CONNECT h:1 HTTP/1.1\nA: b\n\n\r\n\r\n', '400'],
      ['POST http://h/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n', '411'],
      ['POST http://h/ HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', '400'],
      ['POST http://h/ HTTP/1.1\r\nContent-Length: -1\r\n\r\n', '400'],
      ['\x05\x01\x00', '400'],
      ['\x16\x03\x01\x02', '400'],
      [`GET http://h/ HTTP/1.1\r\nA: ${'b'.repeat(20_000)}`, '431'],
    ] as const) {
      assert.equal(statusOf(text), status, text.slice(0, 60))
    }
  })
})
