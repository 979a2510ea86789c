import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { formatCidr, parseCidr, parseIpv4 } from '../../src/base/address.ts'
import { NetError } from '../../src/base/errors.ts'
import { ownAddress, routeAdvice } from '../../src/cli/tun2socks/advice.ts'
import { refusalFor } from '../../src/cli/tun2socks/report.ts'
import type { InterfaceFacts, KernelRoute } from '../../src/driver/interfaces.ts'
import { gotcp } from './world.ts'

const route = (destination: string, name: string, gateway?: string): KernelRoute => ({
  destination: parseCidr(destination)!,
  gateway: gateway === undefined ? undefined : parseIpv4(gateway),
  interface: name,
  metric: 0,
})

const ROUTES = [route('192.168.1.0/24', 'eth0'), route('0.0.0.0/0', 'eth0', '192.168.1.1')]

describe('routeAdvice()', () => {
  const exceptions = (proxy: string, routes = ROUTES): readonly string[] =>
    routeAdvice('tun0', proxy, routes).filter((line) => line.includes('/32'))

  it('keeps the way to a proxy that lies behind the default route', () => {
    assert.deepEqual(exceptions('198.51.100.7'), ['  sudo ip route add 198.51.100.7/32 via 192.168.1.1 dev eth0'])
    const onLink = [route('0.0.0.0/0', 'ppp0')]
    assert.deepEqual(exceptions('198.51.100.7', onLink), ['  sudo ip route add 198.51.100.7/32 dev ppp0'])
  })

  it('needs no exception for a proxy that is near, here, or nowhere', () => {
    assert.deepEqual(exceptions('192.168.1.9'), [])
    assert.deepEqual(exceptions('127.0.0.1'), [])
    assert.deepEqual(exceptions('198.51.100.7', []), [])
    assert.deepEqual(exceptions('2001:db8::1'), [])
  })
})

describe('ownAddress()', () => {
  const own = (...addresses: readonly string[]): string => {
    const facts = { name: 'tun0', addresses: addresses.map((text) => parseCidr(text)!) } as unknown as InterfaceFacts
    return formatCidr(ownAddress('tun0', [facts], parseCidr('198.18.0.2/15')!))
  }

  it("is beside the kernel's, where it has one there", () => {
    assert.equal(own('10.0.0.1/24'), '10.0.0.2/24')
    assert.equal(own('10.0.0.254/24'), '10.0.0.253/24')
    assert.equal(own('10.0.0.1/30'), '10.0.0.2/30')
    assert.equal(own('10.0.0.2/30'), '10.0.0.1/30')
    assert.equal(own(), '198.18.0.2/15')
    assert.equal(own('10.0.0.1/32'), '198.18.0.2/15')
  })
})

describe('refusalFor()', () => {
  it('says of the outside inside what is known of it', () => {
    const of = (code: NetError['code']): string => refusalFor(new NetError(code, 'x'))
    for (const code of ['EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT'] as const) assert.equal(of(code), 'unreachable')
    for (const code of ['ECONNREFUSED', 'ERR_PROXY', 'ERR_PROXY_REFUSED'] as const) assert.equal(of(code), 'reset')
    assert.equal(refusalFor(new Error('x')), 'reset')
  })
})

describe('gotcp tun2socks', () => {
  it('says what is wrong with what was asked for', async () => {
    for (const [args, what] of [
      [[], /--proxy is missing/],
      [['--proxy', 'http://h:1'], /--proxy: that is no SOCKS5 proxy/],
      [['--proxy', '127.0.0.1', '--tun', 'tun0', '--device', 'tun://tun1'], /two devices/],
      [['--proxy', '127.0.0.1', '--device', 'a device'], /--device: "a device" is not a TUN interface/],
      [['--proxy', '127.0.0.1', '--udp-timeout', 'never'], /--udp-timeout/],
    ] as const) {
      const { code, stderr } = await gotcp('tun2socks', ...args)
      assert.equal(code, 2, stderr)
      assert.match(stderr, what)
    }
  })

  it('keeps a password to itself when the rest is wrong', async () => {
    const { stderr } = await gotcp('tun2socks', '--proxy', 'socks4://ada:secret@h')
    assert.doesNotMatch(stderr, /secret/)
  })
})
