import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'

import { formatMac, type MacAddr, parseCidr } from '../../src/base/address.ts'
import type { NetError } from '../../src/base/errors.ts'
import type { Micros } from '../../src/base/types.ts'
import { findInterface, listRoutes } from '../../src/driver/interfaces.ts'
import { inNamespace } from '../../src/driver/namespace.ts'
import { openPacketLink } from '../../src/driver/packet.ts'
import type { PortLink } from '../../src/driver/port-link.ts'
import { openTapLink, openTunLink, type TapOptions } from '../../src/driver/tuntap.ts'
import { Collector, eventually, idles, portOf } from './collect.ts'
import { type Ends, echoPacket, ip, pattern, udpFrame } from './frames.ts'
import { createLab, type Lab, labUnavailable } from './netns.ts'

const NOW = 0 as Micros
const KERNEL = parseCidr('10.1.0.1/24')!
const OURS = ip('10.1.0.2')
const OUR_MAC = 0x020000000002 as MacAddr
const KERNEL_MAC = 0x020000000001 as MacAddr

const RECEIVER = `
const [port, count] = process.argv.slice(1).map(Number)
const socket = require('dgram').createSocket({ type: 'udp4', recvBufferSize: 4 << 20 })
const seen = []
socket.on('message', (m) => {
  seen.push(m.length)
  if (seen.length === count) { console.log(JSON.stringify(seen)); socket.close() }
})
socket.bind(port, () => console.log('ready'))`

describe('TAP and TUN', { skip: labUnavailable() }, () => {
  let lab: Lab
  const links: PortLink[] = []
  const ends: Ends = { srcMac: OUR_MAC, dstMac: KERNEL_MAC, src: OURS, dst: KERNEL.addr }

  const tap = (options: Partial<TapOptions> = {}): PortLink => {
    const link = openTapLink({
      name: 'tap%d',
      netns: lab.host('a').netns,
      kernelAddress: KERNEL,
      kernelMac: formatMac(KERNEL_MAC),
      mac: formatMac(OUR_MAC),
      ...options,
    })
    links.push(link)
    return link
  }
  const tun = (options: Partial<TapOptions> = {}): PortLink => {
    const link = openTunLink({ name: 'tun%d', netns: lab.host('a').netns, kernelAddress: KERNEL, ...options })
    links.push(link)
    return link
  }
  const facts = (link: PortLink) => inNamespace(lab.host('a').netns, () => findInterface(link.interface))
  const exists = (name: string) => lab.host('a').ip('-o', 'link').includes(` ${name}:`)

  before(() => {
    lab = createLab({ hosts: ['a'] })
    lab.host('a').sysctl('ipv6.conf.default.disable_ipv6', 1)
  })
  after(() => {
    for (const link of links) link.close()
    lab.close()
  })

  it('sets the device up with what was asked, and takes it away at close', () => {
    const link = tap({ name: 'gotap', mtu: 9000 })
    assert.equal(link.name, 'tap gotap')
    assert.equal(link.medium, 'ethernet')
    assert.equal(link.mac, OUR_MAC)
    assert.equal(link.mtu, 9000)
    assert.deepEqual(link.offload, { checksum: true, segmentation: true })
    const { mac, mtu, up, addresses } = facts(link)
    assert.deepEqual({ mac, mtu, up, addresses }, { mac: KERNEL_MAC, mtu: 9000, up: true, addresses: [KERNEL] })
    const routes = inNamespace(lab.host('a').netns, listRoutes)
    assert.ok(routes.some((route) => route.interface === 'gotap' && route.destination.prefix === 24))
    link.close()
    assert.equal(exists('gotap'), false)
  })

  it('lets the kernel count the names, and refuses one that is taken or impossible', () => {
    const [one, other] = [tap(), tap({ kernelAddress: undefined })]
    assert.notEqual(one.interface, other.interface)
    assert.throws(() => tap({ name: one.interface }), /another process holds it.*Choose another name.*\(EADDRINUSE\)/)
    assert.throws(() => tun({ name: one.interface }), { code: 'EINVAL' })
    assert.throws(() => tap({ name: 'a-name-much-too-long' }), { code: 'EINVAL' })
    assert.throws(() => tap({ name: 'bad', mtu: 1 }), /Cannot set MTU 1 of "bad".*\(EINVAL\)/)
    assert.equal(exists('bad'), false)
    one.close()
    other.close()
  })

  for (const offload of [true, false]) {
    it(`moves frames through a TAP ${offload ? 'with' : 'without'} offloads`, async () => {
      const link = tap({ offload })
      assert.equal(link.features !== 0, offload)
      const collector = new Collector(link)
      const receiver = await lab.host('a').start(RECEIVER, '4000', offload ? '42' : '2')
      const text = new Promise<string>((resolve) => receiver.child.stdout?.once('data', (d) => resolve(String(d))))
      link.send(udpFrame(ends, [1, 4000], { bytes: pattern(9) }), NOW)
      if (offload) link.send(udpFrame(ends, [1, 4000], { bytes: pattern(40_000), cutAt: 777, segmentSize: 1000 }), NOW)
      link.send(udpFrame(ends, [1, 4000], { bytes: pattern(1400) }), NOW)
      link.flush(NOW)
      assert.deepEqual(JSON.parse(await text), [9, ...(offload ? new Array(40).fill(1000) : []), 1400])
      lab.host('a').ip('neigh', 'replace', '10.1.0.2', 'lladdr', '02:00:00:00:00:02', 'dev', link.interface)
      await lab
        .host('a')
        .node(`const s=require('dgram').createSocket('udp4');s.send('up',4001,'10.1.0.2',()=>s.close())`)
      await collector.until((frames) => frames.some((frame) => portOf(frame) === 4001), 'a datagram')
      const frame = collector.frames.find((each) => portOf(each) === 4001)!
      assert.equal(frame.checksum, offload ? 'partial' : 'verified')
      assert.equal(frame.bytes.length, 44)
      link.close()
    })
  }

  it('moves bare packets through a TUN', async () => {
    const link = tun()
    assert.equal(link.medium, 'ip')
    assert.equal(link.mac, 0)
    const collector = new Collector(link)
    link.send(echoPacket(OURS, KERNEL.addr), NOW)
    link.flush(NOW)
    await collector.until((frames) => frames.some((frame) => frame.bytes[9] === 1), 'the echo reply')
    const reply = collector.frames.find((frame) => frame.bytes[9] === 1)!
    assert.equal(reply.bytes[0], 0x45)
    assert.equal(reply.bytes[20], 0)
    assert.equal(reply.bytes.length, 28)
    const receiver = await lab.host('a').start(RECEIVER, '4002', '40')
    const text = new Promise<string>((resolve) => receiver.child.stdout?.once('data', (d) => resolve(String(d))))
    link.send(udpFrame(ends, [1, 4002], { bytes: pattern(40_000), segmentSize: 1000 }, { bare: true }), NOW)
    link.flush(NOW)
    assert.deepEqual(JSON.parse(await text), new Array(40).fill(1000))
    link.close()
  })

  it('opens a TUN that somebody else owns as a packet link of bare packets', async () => {
    const device = tun()
    const link = openPacketLink({
      interface: device.interface,
      netns: lab.host('a').netns,
      ignoreOutgoing: false,
    })
    links.push(link)
    assert.equal(link.medium, 'ip')
    const collector = new Collector(link)
    await lab.host('a').node(`const s=require('dgram').createSocket('udp4');s.send('x',4003,'10.1.0.2',()=>s.close())`)
    await collector.until((frames) => frames.some((frame) => frame.bytes[0] === 0x45), 'the packet')
    const packet = collector.frames.find((frame) => frame.bytes[0] === 0x45)!
    assert.equal(packet.bytes.length, 29)
    assert.equal(packet.outgoing, true)
    link.close()
    device.close()
  })

  it('loses frames while the device is down, and works when it is up again', async () => {
    const link = tun()
    const errors: NetError[] = []
    link.onError = (error) => errors.push(error)
    const collector = new Collector(link)
    lab.host('a').ip('link', 'set', link.interface, 'down')
    link.send(echoPacket(OURS, KERNEL.addr), NOW)
    link.flush(NOW)
    assert.equal(link.counters.sendFailures, 1)
    assert.deepEqual(
      errors.map((error) => error.code),
      ['ENETDOWN'],
    )
    await idles()
    lab.host('a').ip('link', 'set', link.interface, 'up')
    link.send(echoPacket(OURS, KERNEL.addr), NOW)
    link.flush(NOW)
    await collector.until((frames) => frames.some((frame) => frame.bytes[9] === 1), 'the echo reply')
    assert.equal(link.error, undefined)
    link.close()
  })

  for (const kind of ['tap', 'tun'] as const) {
    it(`says once that a ${kind} was removed, and never spins`, async () => {
      const link = kind === 'tap' ? tap() : tun()
      const errors: NetError[] = []
      link.onError = (error) => errors.push(error)
      lab.host('a').ip('link', 'delete', link.interface)
      await eventually(() => errors.length > 0, 'the error')
      await idles()
      assert.deepEqual(
        errors.map((error) => error.code),
        ['ENODEV'],
      )
      assert.equal(link.send(echoPacket(OURS, KERNEL.addr), NOW), false)
      link.close()
    })
  }
})
