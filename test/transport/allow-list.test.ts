import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { AllowList } from '../../src/transport/allow-list.ts'

describe('AllowList', () => {
  it('knows networks and addresses of both families', () => {
    const list = new AllowList(['10.0.0.0/8', '192.0.2.7', '2001:db8::/32', 'fe80::/10'])
    for (const address of ['10.255.0.1', '::ffff:10.0.0.1', '192.0.2.7', '2001:db8:1::1', 'fe80::1%eth0']) {
      assert.equal(list.has(address), true, address)
    }
    for (const address of ['11.0.0.1', '192.0.2.8', '2001:db9::1', '::1', '::ffff:192.0.2.8', '']) {
      assert.equal(list.has(address), false, address)
    }
  })

  it('lets everybody in when it is empty, and nobody who is not meant', () => {
    assert.equal(new AllowList([]).has('192.0.2.1'), true)
    assert.equal(new AllowList(['0.0.0.0/0']).has('2001:db8::1'), false)
    assert.equal(new AllowList(['0.0.0.0/0']).has('192.0.2.1'), true)
  })

  it('names what is no network', () => {
    for (const text of ['', 'x', '10.0.0.0/33', '10.0.0.0/', '10.0.0/8', '::/129', '10.0.0.0/8/8', '10.0.0.0/-1']) {
      assert.throws(() => new AllowList([text]), new RegExp(`^RangeError: Cannot allow "${text.replace('/', '\\/')}"`))
    }
  })
})
