import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { proxyHeader } from '../../../src/tunnel/services/proxy-header.ts'

describe('proxyHeader()', () => {
  const hex = (source: string, destination?: string): string => proxyHeader('v2', source, destination).toString('hex')
  const text = (source: string, destination?: string): string => proxyHeader('v1', source, destination).toString()
  const signature = '0d0a0d0a000d0a515549540a'

  it('is a line in version 1', () => {
    assert.equal(text('192.0.2.1:1', '198.51.100.7:65535'), 'PROXY TCP4 192.0.2.1 198.51.100.7 1 65535\r\n')
    assert.equal(text('[2001:db8::a]:1', '[::1]:2'), 'PROXY TCP6 2001:db8:0:0:0:0:0:a 0:0:0:0:0:0:0:1 1 2\r\n')
    assert.equal(text('[::ffff:192.0.2.1]:1', '198.51.100.7:2'), 'PROXY TCP4 192.0.2.1 198.51.100.7 1 2\r\n')
    assert.equal(text('[2001:db8::a]:1', '1.2.3.4:2'), 'PROXY TCP6 2001:db8:0:0:0:0:0:a 0:0:0:0:0:ffff:102:304 1 2\r\n')
    assert.equal(text('192.0.2.1:1'), 'PROXY TCP4 192.0.2.1 0.0.0.0 1 0\r\n')
  })

  it('is binary in version 2', () => {
    assert.equal(hex('192.0.2.1:1', '198.51.100.7:65535'), `${signature}2111000cc0000201c63364070001ffff`)
    const from = '20010db800000000000000000000000a'
    assert.equal(hex('[2001:db8::a]:258', '[::1]:2'), `${signature}21210024${from}${'0'.repeat(31)}101020002`)
    assert.equal(
      hex('[2001:db8::a]:258', '1.2.3.4:2'),
      `${signature}21210024${from}${'0'.repeat(20)}ffff0102030401020002`,
    )
  })

  it('says when the source is no address', () => {
    for (const source of ['', 'unix:/run/x', 'name.example.org:1', '192.0.2.1', '192.0.2.1:99999']) {
      assert.equal(text(source, '192.0.2.1:1'), 'PROXY UNKNOWN\r\n')
      assert.equal(hex(source, '192.0.2.1:1'), `${signature}20000000`)
    }
  })
})
