import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MAC_NONE, parseCidr, parseIpv4 } from '../../src/base/address.ts'
import {
  chooseInterface,
  type KernelView,
  planAddresses,
  planKernelEnd,
} from '../../src/cli/network/choose-interface.ts'
import { HOST } from '../../src/cli/network/host-name.ts'
import type { InterfaceFacts, KernelRoute } from '../../src/driver/interfaces.ts'

const cidr = (text: string) => parseCidr(text)!
const ip = (text: string) => parseIpv4(text)!

const iface = (name: string, index: number, address?: string, more: Partial<InterfaceFacts> = {}): InterfaceFacts => ({
  name,
  index,
  kind: 'ethernet',
  mac: MAC_NONE,
  mtu: 1500,
  up: true,
  running: true,
  promiscuity: 0,
  addresses: address === undefined ? [] : [cidr(address)],
  ...more,
})
const route = (destination: string, name: string): KernelRoute => ({
  destination: cidr(destination),
  gateway: undefined,
  interface: name,
  metric: 0,
})
const view = (interfaces: readonly InterfaceFacts[], routes: readonly KernelRoute[] = []): KernelView => ({
  interfaces,
  routes,
})

const LO = iface('lo', 1, '127.0.0.1/8', { kind: 'loopback' })
const ETH0 = iface('eth0', 2, '172.20.0.2/24')
const ETH1 = iface('eth1', 3, '10.0.0.2/24')
const TWO = [route('172.20.0.0/24', 'eth0'), route('10.0.0.0/24', 'eth1'), route('0.0.0.0/0', 'eth1')]

describe('chooseInterface() takes', () => {
  it('the one that leads to the destination', () => {
    assert.equal(chooseInterface(view([LO, ETH0, ETH1], TWO), ip('172.20.0.9')).name, 'eth0')
    assert.equal(chooseInterface(view([LO, ETH0, ETH1], TWO), ip('192.0.2.1')).name, 'eth1')
  })

  it('that of the default route when nobody is to be reached', () => {
    assert.equal(chooseInterface(view([LO, ETH0, ETH1], TWO), undefined).name, 'eth1')
  })

  it('the only one there is', () => {
    assert.equal(chooseInterface(view([LO, ETH0, iface('eth2', 4)]), undefined).name, 'eth0')
    assert.equal(chooseInterface(view([LO, ETH0]), ip('192.0.2.1')).name, 'eth0')
  })

  it('none when it cannot know, and says how to tell it', () => {
    assert.throws(() => chooseInterface(view([LO, ETH0, ETH1]), undefined), {
      code: 'ENODEV',
      message: /-i: eth0, eth1/,
    })
    assert.throws(() => chooseInterface(view([LO]), ip('192.0.2.1')), { message: /192\.0\.2\.1.*-i: lo/ })
  })
})

describe('planAddresses()', () => {
  const machine = view([LO, ETH0, ETH1])

  it('shares what the interface has', () => {
    assert.deepEqual(planAddresses(machine, ETH0, undefined), { addresses: ETH0.addresses, shared: true })
  })

  it('has an address of its own, unless it is the interface’s', () => {
    const own = cidr('172.20.0.77/24')
    assert.deepEqual(planAddresses(machine, ETH0, own), { addresses: [own], shared: false })
    assert.equal(planAddresses(machine, ETH0, cidr('172.20.0.2/24')).shared, true)
  })

  it('refuses what can never work', () => {
    assert.throws(() => planAddresses(machine, iface('eth2', 4), undefined), { name: 'UsageError', hint: /--ip/ })
    assert.throws(() => planAddresses(machine, ETH0, cidr('10.0.0.2/24')), { message: /eth1/ })
    assert.throws(() => planAddresses(machine, LO, undefined), { name: 'UsageError' })
  })
})

describe('planKernelEnd() gives the kernel', () => {
  const end = (own: string, gateway?: string, there?: string) => {
    const { address, isNew } = planKernelEnd(
      view([iface('tap0', 9, there)]),
      'tap0',
      cidr(own),
      gateway === undefined ? undefined : ip(gateway),
    )
    return [address, isNew]
  }

  it('the first host of the network that is not us', () => {
    assert.deepEqual(end('10.9.0.2/24'), [cidr('10.9.0.1/24'), true])
    assert.deepEqual(end('10.9.0.1/24'), [cidr('10.9.0.2/24'), true])
    assert.deepEqual(end('10.9.0.4/31'), [cidr('10.9.0.5/31'), true])
    assert.deepEqual(end('200.9.0.9/8'), [cidr('200.0.0.1/8'), true])
  })

  it('the gateway, when there is one', () => {
    assert.deepEqual(end('10.9.0.2/24', '10.9.0.254'), [cidr('10.9.0.254/24'), true])
  })

  it('nothing when it has an address there already', () => {
    assert.deepEqual(end('10.9.0.2/24', undefined, '10.9.0.7/24'), [cidr('10.9.0.7/24'), false])
    assert.deepEqual(end('10.9.0.2/24', undefined, '10.8.0.7/24'), [cidr('10.9.0.1/24'), true])
  })

  it('no place in a network of one', () => {
    assert.throws(() => end('10.9.0.2/32'), { name: 'UsageError' })
    assert.throws(() => end('10.9.0.2/24', '10.9.0.2'), { name: 'UsageError' })
  })
})

describe('HOST', () => {
  it('takes addresses and names, and no broken addresses', () => {
    for (const good of ['172.20.0.3', 'node2', 'a-b.example', 'localhost']) assert.equal(HOST.parse(good), good)
    for (const bad of ['', '172.20.0', '172.20.0.300', '1.2.3.4.5', 'a b', 'a/b'])
      assert.equal(HOST.parse(bad), undefined)
  })
})
