import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { formatHostPort, isHost, parseHostPort, splitHostPort } from '../../src/transport/host-port.ts'

describe('parseHostPort()', () => {
  it('reads names and addresses, and writes them as they were', () => {
    for (const text of [
      'db:80',
      'db.example.org.:443',
      '10.0.0.1:0',
      '[::1]:65535',
      '[fe80::1%eth0]:1',
      '_sip._tcp.x:1',
    ]) {
      const place = parseHostPort(text)
      assert.ok(place !== undefined, text)
      assert.equal(formatHostPort(place), text)
    }
  })

  it('refuses everything else', () => {
    const texts = [
      '',
      'db',
      'db:',
      ':80',
      'db:x',
      'db:-1',
      'db:65536',
      'db:000080',
      'db?:80',
      'd b:80',
      '10.0.0:80',
      '1.2.3.4.5:80',
    ]
    const brackets = ['::1:80', '[db]:80', '[10.0.0.1]:80', '[::1:80', '::1]:80', '[]:80', '[::1]80', '[::1]']
    for (const text of [...texts, ...brackets, 'a..b:80', '127.1:80', 'b\u00fccher:80', `${'a'.repeat(254)}:80`]) {
      assert.equal(parseHostPort(text), undefined, text)
    }
    assert.equal(parseHostPort('db:0', 1), undefined)
  })
})

describe('splitHostPort()', () => {
  it('cuts where the port begins, and judges neither', () => {
    assert.deepEqual(splitHostPort('db?:x'), { host: 'db?', port: 'x' })
    assert.deepEqual(splitHostPort('[::1]'), { host: '::1', port: undefined })
    assert.deepEqual(splitHostPort('::1'), { host: '', port: ':1' })
  })
})

describe('isHost()', () => {
  it('takes no number for a name, which some resolvers take for an address', () => {
    for (const text of ['2130706433', '127.1', '', '.', '-x', 'a b']) assert.equal(isHost(text), false, text)
  })
})
