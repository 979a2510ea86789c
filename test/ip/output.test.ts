import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  formatCidr,
  type Ipv4Addr,
  type Ipv6Addr,
  MAC_BROADCAST,
  multicastMac,
  parseCidr,
} from '../../src/base/address.ts'
import { addSum, checksum, finishSum, foldSum, pseudoSum } from '../../src/base/checksum.ts'
import { seededRng } from '../../src/base/rng.ts'
import type { Micros } from '../../src/base/types.ts'
import { PacketIds } from '../../src/ip/ids.ts'
import { PathMtuCache, plateauBelow } from '../../src/ip/path-mtu.ts'
import { OutFrame } from '../../src/link/link.ts'
import { host, ip } from '../stack/net.ts'
import { packetsOf, parseEthernet, TestLink } from '../stack/test-link.ts'

const NOW = 0 as Micros
const US = ip('10.0.0.1')
const PEER = ip('10.0.0.2')

/** A stack with two interfaces: `lan` 10.0.0.1/24 with the default gateway, and `wan` 192.168.7.1/16. */
function twoLegged() {
  const lan = new TestLink('ip')
  const wan = new TestLink('ip')
  const stack = host(lan, '10.0.0.1/24', { name: 'lan', gateway: ip('10.0.0.254') })
  stack.addInterface(wan, { name: 'wan', addresses: [parseCidr('192.168.7.1/16')!] })
  const way = (dst: string, src?: string) => {
    const route = stack.ip.route(ip(dst), src === undefined ? undefined : ip(src))
    return route === undefined ? undefined : [route.iface.name, route.nextHop, route.src]
  }
  return { stack, lan, wan, way }
}

describe('IpOutput.route()', () => {
  it('takes the longest prefix, then the smallest metric', () => {
    const { stack, way } = twoLegged()
    const [, lan, wan] = stack.interfaces
    const far = parseCidr('172.16.0.0/12')!
    assert.deepEqual(way('10.0.0.9'), ['lan', ip('10.0.0.9'), US])
    assert.deepEqual(way('8.8.8.8'), ['lan', ip('10.0.0.254'), US])
    assert.deepEqual(way('192.168.200.1'), ['wan', ip('192.168.200.1'), ip('192.168.7.1')])
    stack.ip.routes.add({ destination: far, gateway: ip('192.168.0.9'), iface: wan!, metric: 10 })
    assert.deepEqual(way('172.20.1.1'), ['wan', ip('192.168.0.9'), ip('192.168.7.1')])
    stack.ip.routes.add({ destination: far, gateway: ip('10.0.0.7'), iface: lan!, metric: 5 })
    assert.deepEqual(way('172.20.1.1'), ['lan', ip('10.0.0.7'), US])
    assert.deepEqual(
      stack.ip.routes.list().map(({ destination, iface, metric }) => [formatCidr(destination), iface.name, metric]),
      [
        ['10.0.0.0/24', 'lan', 0],
        ['192.168.0.0/16', 'wan', 0],
        ['172.16.0.0/12', 'lan', 5],
        ['172.16.0.0/12', 'wan', 10],
        ['0.0.0.0/0', 'lan', 0],
      ],
    )
    assert.equal(stack.ip.routes.remove(far), 2)
    assert.deepEqual(way('172.20.1.1'), ['lan', ip('10.0.0.254'), US])
  })

  it('prefers the interface of a given source', () => {
    const { stack, way } = twoLegged()
    const wan = stack.interfaces[2]!
    stack.ip.routes.add({ destination: parseCidr('0.0.0.0/0')!, gateway: ip('192.168.0.1'), iface: wan, metric: 100 })
    assert.deepEqual(way('8.8.8.8', '192.168.7.1'), ['wan', ip('192.168.0.1'), ip('192.168.7.1')])
    assert.deepEqual(way('8.8.8.8', '10.0.0.1'), ['lan', ip('10.0.0.254'), US])
    assert.deepEqual(way('10.0.0.5', '192.168.7.1'), ['wan', ip('192.168.0.1'), ip('192.168.7.1')])
    assert.deepEqual(way('255.255.255.255', '192.168.7.1'), ['wan', ip('255.255.255.255'), ip('192.168.7.1')])
    assert.deepEqual(way('239.0.0.1', '192.168.7.1'), ['wan', ip('239.0.0.1'), ip('192.168.7.1')])
  })

  it('leads to ourselves without a wire', () => {
    const { way } = twoLegged()
    assert.deepEqual(way('10.0.0.1'), ['lo', US, US])
    assert.deepEqual(way('127.9.9.9'), ['lo', ip('127.9.9.9'), ip('127.9.9.9')])
  })

  it('knows no way for IPv6, nor where no route leads', () => {
    const stack = host(new TestLink('ip'), '10.0.0.1/24')
    assert.equal(stack.ip.route('fe80::1' as Ipv6Addr), undefined)
    assert.equal(stack.ip.route(ip('8.8.8.8')), undefined)
    assert.equal(stack.ip.route(ip('0.0.0.0')), undefined)
  })

  it('voids routes when something changes, and avoids interfaces that are down', () => {
    const { stack, way } = twoLegged()
    const route = stack.ip.route(PEER)!
    assert.equal(stack.ip.route(PEER), route)
    assert.ok(route.valid)
    stack.setInterfaceUp(stack.interfaces[1]!, false)
    assert.ok(!route.valid)
    assert.equal(way('10.0.0.2'), undefined)
    stack.setInterfaceUp(stack.interfaces[1]!, true)
    assert.deepEqual(way('10.0.0.2'), ['lan', PEER, US])
    stack.removeInterface(stack.interfaces[1]!)
    assert.equal(way('10.0.0.2'), undefined)
    assert.equal(way('8.8.8.8'), undefined)
  })

  it('maps broadcasts and groups to Ethernet without asking anybody', () => {
    const link = new TestLink()
    const stack = host(link, '10.0.0.1/24')
    for (const dst of [ip('255.255.255.255'), ip('10.0.0.255'), ip('239.129.3.4')]) {
      const frame = new OutFrame()
      stack.ip.send(frame, stack.ip.route(dst)!, US, dst, 99, 1, 0, false, NOW)
    }
    assert.deepEqual(
      link.take().map((bytes) => parseEthernet(bytes).dst),
      [MAC_BROADCAST, MAC_BROADCAST, multicastMac(ip('239.129.3.4'))],
    )
  })
})

describe('IpOutput.send()', () => {
  /** Sends a UDP-like message of `length` bytes with an unfinished checksum. */
  function send(stack: ReturnType<typeof host>, length: number, dontFragment: boolean) {
    const frame = new OutFrame()
    const at = frame.push(8)
    frame.view.setUint16(at + 6, foldSum(pseudoSum(US, PEER, 17, length + 8)))
    frame.checksumStart = 0
    frame.checksumOffset = 6
    frame.payload = Uint8Array.from({ length }, (_, i) => i)
    frame.payloadTo = length
    return stack.ip.send(frame, stack.ip.route(PEER)!, US, PEER, 17, 64, 0, dontFragment, NOW)
  }

  it('writes a header with a right checksum and finishes the transport checksum', () => {
    const link = new TestLink('ip')
    const stack = host(link, '10.0.0.1/24')
    assert.equal(send(stack, 101, true), undefined)
    const [header] = packetsOf(link.take(), 'ip')
    assert.equal(checksum(header!.bytes, 0, 20), 0)
    assert.equal(finishSum(addSum(pseudoSum(US, PEER, 17, 109), header!.bytes, 20, header!.bytes.length)), 0)
    assert.deepEqual([header!.ttl, header!.id, header!.dontFragment, header!.totalLen], [64, 0, true, 129])
  })

  it('cuts what does not fit, with one checksum over all', () => {
    const link = new TestLink('ip')
    const stack = host(link, '10.0.0.1/24')
    assert.equal(send(stack, 4000, false), undefined)
    const pieces = packetsOf(link.take(), 'ip')
    assert.deepEqual(
      pieces.map((header) => [header.fragmentOffset, header.totalLen, header.moreFragments]),
      [
        [0, 1500, true],
        [1480, 1500, true],
        [2960, 1068, false],
      ],
    )
    assert.equal(new Set(pieces.map((header) => header.id)).size, 1)
    const whole = Uint8Array.from(pieces.flatMap((header) => [...header.bytes.subarray(20)]))
    assert.equal(finishSum(addSum(pseudoSum(US, PEER, 17, 4008), whole, 0, 4008)), 0)
  })

  it('refuses to cut what must not be cut, and what no header can describe', () => {
    const link = new TestLink('ip')
    const stack = host(link, '10.0.0.1/24')
    assert.equal(send(stack, 4000, true), 'ip-too-big')
    assert.equal(send(stack, 65528, false), 'ip-too-big')
    assert.equal(stack.counters.get('ip-too-big'), 2)
    assert.deepEqual(link.take(), [])
  })

  it('honours what routers said of the path', () => {
    const link = new TestLink('ip')
    const stack = host(link, '10.0.0.1/24')
    assert.equal(stack.ip.pathMtu(PEER), 1500)
    stack.ip.lowerPathMtu(PEER, 1000, NOW)
    assert.equal(stack.ip.pathMtu(PEER), 1000)
    assert.equal(send(stack, 1000, true), 'ip-too-big')
    send(stack, 1000, false)
    assert.deepEqual(
      packetsOf(link.take(), 'ip').map((header) => header.totalLen),
      [996, 52],
    )
    // RFC 1191 §6.3
    stack.poll(600_000_000 as Micros)
    assert.equal(stack.ip.pathMtu(PEER), 1500)
  })

  it('reports a link that takes nothing', () => {
    const link = new TestLink('ip')
    const stack = host(link, '10.0.0.1/24')
    link.isFull = true
    assert.equal(send(stack, 10, true), 'link-refused')
    assert.equal(stack.counters.get('link-refused'), 1)
  })
})

describe('PathMtuCache', () => {
  it('only ever lowers, and not below 552 (then leaves packets fragmentable)', () => {
    const cache = new PathMtuCache()
    cache.lower(PEER, 1400, NOW)
    cache.lower(PEER, 1450, NOW)
    assert.equal(cache.lookup(PEER), 1400)
    assert.equal(cache.isBelowFloor(PEER), false)
    cache.lower(PEER, 296, NOW)
    assert.equal(cache.lookup(PEER), 552)
    assert.equal(cache.isBelowFloor(PEER), true)
  })

  it('stays bounded', () => {
    const cache = new PathMtuCache()
    for (let i = 0; i < 10_000; i++) cache.lower(i as Ipv4Addr, 1000, NOW)
    assert.equal(cache.size, 4096)
    cache.poll(600_000_000 as Micros)
    assert.equal(cache.size, 0)
  })

  it('guesses by the plateaus of RFC 1191', () => {
    assert.deepEqual([1500, 1492, 576, 300, 68].map(plateauBelow), [1492, 1006, 508, 296, 68])
  })
})

describe('PacketIds', () => {
  it('does not repeat an identification to one destination soon', () => {
    const ids = new PacketIds(seededRng(1))
    const seen = new Set(Array.from({ length: 8000 }, () => ids.next(ids.hash(US, PEER))))
    assert.equal(seen.size, 8000)
  })
})
