import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { formatProxy, parseProxy, parseSocks5Proxy } from '../../src/transport/proxy.ts'

const LOGIN = { user: 'ada', password: 'p:@/é' }

describe('parseProxy()', () => {
  it('reads the schemes, each with its own port', () => {
    const login = undefined
    for (const [text, kind, port] of [
      ['socks5://h', 'socks5', 1080],
      ['socks5h://h', 'socks5', 1080],
      ['socks://h', 'socks5', 1080],
      ['http://h', 'http', 8080],
      ['https://h', 'https', 443],
      ['tcp://h', 'tcp', 23461],
      ['HTTP://h:80', 'http', 80],
      ['https://h:443/', 'https', 443],
      ['http://h:3128', 'http', 3128],
    ] as const) {
      assert.deepEqual(parseProxy(text), { kind, host: 'h', port, login }, text)
    }
  })

  it('reads hosts as people write them', () => {
    for (const [text, host] of [
      ['http://[2001:db8::1]:3128', '2001:db8::1'],
      ['http://10.0.0.1', '10.0.0.1'],
      ['http://Proxy.Example', 'proxy.example'],
      ['http://prôxy.example', 'xn--prxy-wqa.example'],
      ['tcp://relay_1', 'relay_1'],
    ] as const) {
      assert.equal(parseProxy(text)?.host, host, text)
    }
  })

  it('reads user and password, percent-encoded', () => {
    assert.deepEqual(parseProxy('http://ada:p%3A%40%2F%C3%A9@h')?.login, LOGIN)
    assert.deepEqual(parseProxy('https://ada@h')?.login, { user: 'ada', password: '' })
  })

  it('refuses the rest', () => {
    for (const text of [
      '',
      'h:80',
      'http:h',
      'http://',
      'http://:80',
      'http://h:0',
      'http://h:70000',
      'http://h/path',
      'http://h?q',
      'http://h#f',
      'http://a b',
      'http://a%0d%0ab',
      'http://%zz',
      'http://u%3Av:p@h',
      'http://u:%0a@h',
      'http://:p@h',
      'tcp://u:p@h',
      'socks5://u@h',
      'socks4://h',
      'constructor://h',
      `socks5://u:${'x'.repeat(256)}@h`,
    ]) {
      assert.equal(parseProxy(text), undefined, text)
    }
  })

  it('is what tun2socks reads, which may leave the scheme out', () => {
    assert.deepEqual(parseSocks5Proxy('h:9050'), { host: 'h', port: 9050, login: undefined })
    assert.equal(parseSocks5Proxy('http://h'), undefined)
  })
})

describe('formatProxy()', () => {
  it('shows no password, and reads again as the same place', () => {
    assert.equal(formatProxy({ kind: 'https', host: '::1', port: 1, login: LOGIN }), 'https://ada@[::1]:1')
    assert.equal(formatProxy(parseProxy('tcp://h')!), 'tcp://h:23461')
  })
})
