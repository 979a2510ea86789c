import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ipv6Bits, octetsOf, originOf, parseAddress, plainAddress } from '../../src/transport/address.ts'
import { isInRange, isWithin, parseRange } from '../../src/transport/address-range.ts'

describe('originOf()', () => {
  it('takes a network of IPv6 for one address, and an IPv4 address for itself', () => {
    for (const [address, key] of [
      ['192.0.2.1', '192.0.2.1'],
      ['::ffff:192.0.2.1', '192.0.2.1'],
      ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
      ['2001:0db8:1:2::9', '2001:db8:1:2::/64'],
      ['2001:db8::9', '2001:db8:0:0::/64'],
      ['::1', '0:0:0:0::/64'],
      ['fe80::1%eth0', 'fe80:0:0:0::/64'],
      ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
      ['unix', 'unix'],
    ] as const) {
      assert.equal(originOf(address), key)
    }
  })
})

describe('plainAddress()', () => {
  it('takes IPv4 out of IPv6, and leaves everything else', () => {
    assert.equal(plainAddress('::ffff:192.0.2.1'), '192.0.2.1')
    for (const address of ['192.0.2.1', '2001:db8::1', '::ffff:1.2.3', 'x'])
      assert.equal(plainAddress(address), address)
  })
})

describe('octetsOf()', () => {
  it('writes an address as it travels', () => {
    assert.deepEqual(octetsOf(ipv6Bits('2001:db8::192.0.2.1'), 16), [32, 1, 13, 184, ...Array(8).fill(0), 192, 0, 2, 1])
  })
})

describe('parseRange()', () => {
  const isIn = (address: string, range: string): boolean => isInRange(parseAddress(address)!, parseRange(range)!)

  it('reads both families, and knows what lies within', () => {
    assert.ok(isIn('10.1.2.3', '10.0.0.0/8'))
    assert.ok(!isIn('11.1.2.3', '10.0.0.0/8'))
    assert.ok(isIn('255.255.255.255', '0.0.0.0/0'))
    assert.ok(isIn('2001:db8::1', '2001:db8::/32'))
    assert.ok(!isIn('2001:db9::1', '2001:db8::/32'))
    assert.ok(isIn('::ffff:10.1.2.3', '10.0.0.0/8'))
    assert.ok(isIn('1:2:3:4:5:6:7.8.9.10', '1:2:3:4:5:6:708:90a'))
    assert.ok(!isIn('::1', '0.0.0.1'))
    assert.ok(isWithin(parseRange('10.9.0.0/16')!, parseRange('10.0.0.0/8')!))
    assert.ok(!isWithin(parseRange('10.0.0.0/7')!, parseRange('10.0.0.0/8')!))
  })

  it('refuses what is none', () => {
    for (const text of ['', 'x', '10.0.0.0/33', '::/129', '10.0.0.0/8/8', '10.0.0/8', '10.0.0.0/', '10.0.0.0/-1']) {
      assert.equal(parseRange(text), undefined, text)
    }
  })
})
