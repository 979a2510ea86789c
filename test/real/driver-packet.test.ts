import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'

import { type MacAddr, parseCidr } from '../../src/base/address.ts'
import type { NetError } from '../../src/base/errors.ts'
import type { Micros } from '../../src/base/types.ts'
import { BpfAssembler } from '../../src/driver/bpf.ts'
import { createStack } from '../../src/driver/create-stack.ts'
import { findInterface } from '../../src/driver/interfaces.ts'
import { inNamespace } from '../../src/driver/namespace.ts'
import { openPacketLink, type PacketLinkOptions } from '../../src/driver/packet.ts'
import type { PortLink } from '../../src/driver/port-link.ts'
import type { OutFrame } from '../../src/link/link.ts'
import { Collector, eventually, idles, portOf, udpPayload } from './collect.ts'
import { type Ends, ip, pattern, tcpFrame, udpFrame } from './frames.ts'
import { createLab, type Lab, labUnavailable } from './netns.ts'

const NOW = 0 as Micros
const A = '10.0.0.1'
const B = '10.0.0.2'

/** Prints the length and the first four bytes of each datagram as JSON, when `count` have come. */
const RECEIVER = `
const [port, count] = process.argv.slice(1).map(Number)
const socket = require('dgram').createSocket({ type: 'udp4', recvBufferSize: 4 << 20 })
const seen = []
socket.on('message', (m) => {
  seen.push([m.length, m.length < 4 ? 0 : m.readUInt32LE(0)])
  if (seen.length === count) { console.log(JSON.stringify(seen)); socket.close() }
})
socket.bind(port, () => console.log('ready'))`

const FLOOD = `
const [port, to] = process.argv.slice(1)
const socket = require('dgram').createSocket('udp4')
const burst = () => { for (let i = 0; i < 64; i++) socket.send(Buffer.alloc(200), Number(port), to); setImmediate(burst) }
socket.bind(0, () => { burst(); console.log('ready') })`

const sendUdp = (payload: string, port: number, to: string) =>
  `const s=require('dgram').createSocket('udp4');s.send(${payload},${port},'${to}',()=>s.close())`

for (const ring of [0, 128]) {
  describe(`openPacketLink, ${ring === 0 ? 'by messages' : 'through a ring'}`, { skip: labUnavailable() }, () => {
    let lab: Lab
    let ends: Ends
    const links: PortLink[] = []

    const open = (options: Partial<PacketLinkOptions> = {}, host = 'a'): PortLink => {
      const link = openPacketLink({ interface: 'eth0', netns: lab.host(host).netns, ring, ...options })
      links.push(link)
      return link
    }
    const sendAll = (link: PortLink, ...frames: OutFrame[]) => {
      for (const frame of frames) assert.equal(link.send(frame, NOW), true)
      link.flush(NOW)
    }

    before(() => {
      lab = createLab({ hosts: ['a', 'b'] })
      lab.veth('a', 'b', { a: `${A}/24`, b: `${B}/24` })
      const mac = (host: string) => inNamespace(lab.host(host).netns, () => findInterface('eth0').mac)
      ends = { srcMac: mac('a'), dstMac: mac('b'), src: ip(A), dst: ip(B) }
    })
    after(() => {
      for (const link of links) link.close()
      lab.close()
    })

    it('reports the interface and what the kernel gave', () => {
      const link = open()
      assert.equal(link.name, 'eth0')
      assert.equal(link.medium, 'ethernet')
      assert.equal(link.mac, ends.srcMac)
      assert.equal(link.mtu, 1500)
      assert.deepEqual(link.offload, { checksum: true, segmentation: true })
      assert.ok(link.receiveBuffer >= 8 << 20)
      link.close()
      link.close()
      assert.equal(link.send(udpFrame(ends, [1, 2], { bytes: pattern(8) }), NOW), false)
    })

    it('receives what the kernel sends, checksums left partial', async () => {
      const link = open({ timestamps: true })
      const collector = new Collector(link)
      await lab.host('b').node(sendUdp(`'hello'`, 4001, A))
      await collector.until((frames) => frames.some((frame) => portOf(frame) === 4001), 'a datagram')
      const frame = collector.frames.find((each) => portOf(each) === 4001)!
      assert.equal(Buffer.from(udpPayload(frame)).toString(), 'hello')
      assert.equal(frame.checksum, 'partial')
      assert.ok(frame.timestamp > 1.6e15)
      assert.ok(link.counters.received >= 1)
      link.close()
    })

    it('hears the super-segments of TCP', async () => {
      const link = open()
      const collector = new Collector(link)
      const server = await lab
        .host('a')
        .start(`require('net').createServer((s) => s.resume()).listen(4100, () => console.log('ready'))`)
      await lab
        .host('b')
        .node(
          `const s=require('net').connect(4100,'${A}',()=>s.end(Buffer.alloc(4<<20)));s.on('close',()=>{});s.resume()`,
        )
      server.child.kill()
      const large = collector.frames.filter((frame) => portOf(frame) === 4100 && frame.bytes.length > 1514)
      assert.ok(large.length > 0)
      assert.ok(large.every((frame) => frame.segmentSize > 1300 && frame.checksum === 'partial'))
      link.close()
    })

    it('sends small and large frames, whole, in pieces and cut by the kernel', async () => {
      const link = open()
      const receiver = await lab.host('b').start(RECEIVER, '4200', String(3 + 40 + 20))
      const text = new Promise<string>((resolve) => receiver.child.stdout?.once('data', (d) => resolve(String(d))))
      const bytes = pattern(40_000)
      sendAll(
        link,
        udpFrame(ends, [1, 4200], { bytes: bytes.subarray(0, 64) }),
        udpFrame(ends, [1, 4200], { bytes: bytes.subarray(0, 1400), cutAt: 333 }),
        udpFrame(ends, [1, 4200], { bytes: bytes.subarray(0, 999) }, { complete: true }),
        // Super-segments: 40 of 1000 bytes in two pieces, 20 of 100 bytes from a copy.
        udpFrame(ends, [1, 4200], { bytes, segmentSize: 1000, cutAt: 12_345 }),
        udpFrame(ends, [1, 4200], { bytes: bytes.subarray(0, 2000), segmentSize: 100 }),
      )
      assert.equal(link.counters.sent, 5)
      const seen: [number, number][] = JSON.parse(await text)
      const expected = [
        [64, 0],
        [1400, 0],
        [999, 0],
        ...Array.from({ length: 40 }, (_, i) => [1000, i * 250]),
        ...Array.from({ length: 20 }, (_, i) => [100, i * 25]),
      ]
      assert.deepEqual(seen, expected)
      link.close()
    })

    it('passes a TCP super-segment to another link as it is', async () => {
      const link = open()
      const other = new Collector(open({}, 'b'))
      const bytes = pattern(60_000)
      sendAll(link, tcpFrame(ends, [1, 4300], { bytes, segmentSize: 1448 }))
      await other.until((frames) => frames.some((frame) => portOf(frame) === 4300), 'the super-segment')
      const frame = other.frames.find((each) => portOf(each) === 4300)!
      assert.equal(frame.segmentSize, 1448)
      assert.equal(frame.checksum, 'partial')
      assert.deepEqual(frame.bytes.subarray(54), bytes)
      link.close()
    })

    it('works without virtio-net headers', async () => {
      const link = open({ offload: false })
      assert.equal(link.features, 0)
      assert.deepEqual(link.offload, { checksum: true, segmentation: true })
      const collector = new Collector(link)
      const other = new Collector(open({}, 'b'))
      sendAll(link, udpFrame(ends, [1, 4400], { bytes: pattern(100) }))
      await other.until((frames) => frames.some((frame) => portOf(frame) === 4400), 'our frame')
      await lab.host('b').node(sendUdp(`'plain'`, 4401, A))
      await collector.until((frames) => frames.some((frame) => portOf(frame) === 4401), 'a datagram')
      assert.equal(collector.frames.find((frame) => portOf(frame) === 4401)!.checksum, 'partial')
      link.close()
    })

    it('does not let a frame the kernel refuses stop those behind it', async () => {
      const link = open()
      const other = new Collector(open({}, 'b'))
      const frame = (port: number, length: number) => udpFrame(ends, [1, port], { bytes: pattern(length) })
      sendAll(link, frame(4501, 10), frame(4502, 3000), frame(4503, 10))
      await other.until((frames) => frames.some((each) => portOf(each) === 4503), 'the last frame')
      assert.deepEqual(
        other.frames.map(portOf).filter((port) => port > 4500 && port < 4510),
        [4501, 4503],
      )
      assert.equal(link.counters.sendFailures, 1)
      assert.equal(link.counters.sent, 2)
      link.close()
    })

    it('cuts UDP super-segments back into their datagrams', async () => {
      const link = open()
      const other = new Collector(open({}, 'b'))
      sendAll(link, udpFrame(ends, [1, 4600], { bytes: pattern(5500), segmentSize: 1000 }))
      await other.until((frames) => frames.filter((each) => portOf(each) === 4600).length === 6, 'six datagrams')
      const datagrams = other.frames.filter((each) => portOf(each) === 4600)
      assert.deepEqual(
        datagrams.map((each) => udpPayload(each).length),
        [1000, 1000, 1000, 1000, 1000, 500],
      )
      assert.deepEqual(Buffer.concat(datagrams.map(udpPayload)), Buffer.from(pattern(5500)))
      link.close()
    })

    it('filters from the first frame on', async () => {
      const flood = await lab.host('b').start(FLOOD, '4700', A)
      const onlyPort4701 = new BpfAssembler()
        .load16(36)
        .ifEqual(4701, undefined, 'drop')
        .accept()
        .label('drop')
        .accept(0)
        .assemble()
      for (let i = 0; i < 30; i++) {
        const link = open({ filter: onlyPort4701 })
        const collector = new Collector(link)
        collector.drain()
        assert.deepEqual(collector.frames, [])
        link.close()
      }
      const link = open({ filter: onlyPort4701 })
      const collector = new Collector(link)
      await lab.host('b').node(sendUdp(`'x'`, 4701, A))
      await collector.until((frames) => frames.length > 0, 'the one that passes')
      assert.deepEqual(collector.frames.map(portOf), [4701])
      link.setFilter(new Uint8Array(0))
      await collector.until((frames) => frames.some((frame) => portOf(frame) === 4700), 'the flood')
      flood.child.kill()
      link.close()
    })

    it('hears only its own addresses and group addresses by default', async () => {
      const link = open({ addresses: [parseCidr('10.0.0.77/24')!] })
      const collector = new Collector(link)
      const sender = open({}, 'b')
      const to = (dst: string, port: number, dstMac = ends.srcMac) =>
        udpFrame({ srcMac: ends.dstMac, dstMac, src: ends.dst, dst: ip(dst) }, [1, port], { bytes: pattern(4) })
      const elsewhere = 0x020000000001 as MacAddr
      sendAll(
        sender,
        to(A, 1),
        to('10.0.0.77', 2, elsewhere),
        to('10.0.0.77', 3),
        to('10.0.0.255', 4, 0xffffffffffff as MacAddr),
        to('255.255.255.255', 5, 0xffffffffffff as MacAddr),
        to('224.0.0.251', 6, 0x01005e0000fb as MacAddr),
        to('10.0.0.78', 7),
        to('10.0.0.77', 8),
      )
      await collector.until((frames) => frames.some((frame) => portOf(frame) === 8), 'the last frame')
      assert.deepEqual(
        collector.frames.map(portOf).filter((port) => port > 0),
        [3, 4, 5, 6, 8],
      )
      link.close()
    })

    it('hears the addresses of the stack that has it, where nothing else was said', async () => {
      const stack = createStack({ netns: lab.host('a').netns })
      const iface = stack.addInterface(open(), { address: '10.0.0.88/24' })
      iface.addAddress(parseCidr('10.0.0.89/24')!)
      for (const source of ['10.0.0.88', '10.0.0.89']) {
        assert.equal((await stack.ping(B, { source, timeout: 2000 })).from, B)
      }
      iface.removeAddress(ip('10.0.0.89'))
      assert.equal((await stack.ping(B, { timeout: 2000 })).from, B)
      stack.close()
    })

    it('puts a VLAN tag back where it was, and lets none through by default', async () => {
      const untagged = new Collector(open())
      const tagged = new Collector(open({ vlan: 7 }))
      const all = new Collector(open({ filter: 'none' }))
      const sender = open({}, 'b')
      const plain = udpFrame(
        { srcMac: ends.dstMac, dstMac: ends.srcMac, src: ends.dst, dst: ends.src },
        [1, 4900],
        { bytes: pattern(20) },
        { complete: true },
      )
      const whole = new Uint8Array(plain.length)
      plain.copyTo(whole, 0)
      const withTag = Uint8Array.from([...whole.subarray(0, 12), 0x81, 0x00, 0x60, 0x07, ...whole.subarray(12)])
      const frame = plain
      frame.start = frame.end
      frame.payload = withTag
      frame.payloadFrom = 0
      frame.payloadTo = withTag.length
      frame.payload2To = frame.payload2From
      sendAll(sender, frame)
      const isIt = (bytes: Uint8Array) => Buffer.compare(bytes, withTag) === 0
      await all.until((frames) => frames.some((each) => isIt(each.bytes)), 'the tagged frame')
      await tagged.until((frames) => frames.some((each) => isIt(each.bytes)), 'the tagged frame')
      assert.equal(tagged.frames.length, 1)
      untagged.drain()
      assert.ok(!untagged.frames.some((each) => isIt(each.bytes)))
    })

    it('shows outgoing frames to a capture only', async () => {
      const capture = new Collector(open({ filter: 'none', ignoreOutgoing: false }))
      const plain = new Collector(open({ filter: 'none' }))
      const marker = new Collector(open({}, 'b'))
      await lab.host('a').node(sendUdp(`'out'`, 5000, B))
      await marker.until((frames) => frames.some((each) => portOf(each) === 5000), 'the frame at the other end')
      await capture.until((frames) => frames.some((each) => portOf(each) === 5000 && each.outgoing), 'our own frame')
      plain.drain()
      assert.ok(!plain.frames.some((each) => portOf(each) === 5000))
    })

    it('counts what the kernel drops, and goes on when somebody reads again', async () => {
      const link = open({ receiveBuffer: 4096, ring: Math.min(ring, 1) })
      const flood = await lab.host('b').start(FLOOD, '5100', A)
      await eventually(() => link.kernelDrops() > 100, 'dropped frames')
      flood.child.kill()
      const collector = new Collector(link)
      collector.drain()
      await lab.host('b').node(sendUdp(`'again'`, 5101, A))
      await collector.until((frames) => frames.some((each) => portOf(each) === 5101), 'a frame after the flood')
      link.close()
    })

    it('leaves the slab alone until its frames are taken', async () => {
      const link = open({ slots: 2 })
      const sender = open({}, 'b')
      const back = { srcMac: ends.dstMac, dstMac: ends.srcMac, src: ends.dst, dst: ends.src }
      const frames = Array.from({ length: 40 }, (_, i) => udpFrame(back, [1, 5200 + i], { bytes: pattern(8) }))
      sendAll(sender, ...frames)
      await new Promise((resolve) => setTimeout(resolve, 50))
      const collector = new Collector(link)
      collector.drain()
      await collector.until((seen) => seen.some((each) => portOf(each) === 5239), 'the last frame')
      assert.deepEqual(
        collector.frames.map(portOf).filter((p) => p >= 5200),
        Array.from({ length: 40 }, (_, i) => 5200 + i),
      )
      link.close()
    })

    for (const [full, limit] of [
      ['blocks', '4mb'],
      ['drops', '20kb'],
    ] as const) {
      it(`keeps order and loses nothing uncounted while the queue ${full}`, async () => {
        lab
          .host('a')
          .run('tc', 'qdisc', 'replace', 'dev', 'eth0', 'root', 'tbf', 'rate', '2mbit', 'burst', '10kb', 'limit', limit)
        const link = open({ sendBuffer: 32768 })
        const other = new Collector(open({}, 'b'))
        const ours = () => other.frames.filter((frame) => portOf(frame) === 5500)
        const count = 400
        let owned: Uint8Array[] = []
        for (let i = 0; i < count; i++) {
          // Every tenth is large enough to stay in its owner's memory, which is overwritten after the flush.
          const bytes = new Uint8Array(i % 10 === 0 ? 6000 : 200).fill(0x11)
          owned.push(bytes)
          link.send(udpFrame(ends, [10_000 + i, 5500], { bytes, segmentSize: 1000 }), NOW)
          if (i % 4 !== 3) continue
          link.flush(NOW)
          for (const each of owned) each.fill(0xee)
          owned = []
          if (i % 40 === 39) await new Promise((resolve) => setTimeout(resolve, 5))
        }
        const settled = () => link.counters.sent + link.counters.sendFailures === count
        for (let i = 0; i < 1000 && !settled(); i++) {
          await new Promise((resolve) => setTimeout(resolve, 5))
          link.receive(i as Micros, () => {})
          link.flush((i * 5000) as Micros)
        }
        assert.ok(settled())
        assert.ok(link.counters.delayed > 0)
        const sources = () => ours().map((frame) => frame.bytes[34]! * 256 + frame.bytes[35]!)
        await eventually(() => new Set(sources()).size === link.counters.sent, 'every frame that the queue took')
        lab.host('a').run('tc', 'qdisc', 'delete', 'dev', 'eth0', 'root')
        assert.deepEqual(
          sources(),
          sources().toSorted((x, y) => x - y),
        )
        assert.ok(ours().every((frame) => udpPayload(frame).every((octet) => octet === 0x11)))
        link.close()
      })
    }

    it('says once that the interface went down, and works when it is up again', async () => {
      const link = open()
      const errors: NetError[] = []
      link.onError = (error) => errors.push(error)
      const collector = new Collector(link)
      lab.host('a').ip('link', 'set', 'eth0', 'down')
      await eventually(() => errors.length > 0, 'the error')
      assert.match(
        errors[0]!.message,
        /^Cannot use eth0: the interface is down\. Bring it up: ip link set eth0 up \(ENETDOWN\)$/,
      )
      assert.throws(() => open(), { code: 'ENETDOWN' })
      sendAll(link, udpFrame(ends, [1, 2], { bytes: pattern(8) }))
      assert.ok(link.counters.sendFailures > 0)
      await idles()
      lab.host('a').ip('link', 'set', 'eth0', 'up')
      await lab.host('b').node(sendUdp(`'back'`, 5301, A))
      await collector.until((frames) => frames.some((each) => portOf(each) === 5301), 'a frame after the pause')
      assert.equal(errors.length, 1)
      assert.equal(link.error, undefined)
      link.close()
    })

    it('says once that the interface is gone, and never spins', async () => {
      lab.veth('a', 'b', {}, { name: 'doomed' })
      const link = open({ interface: 'doomed' })
      const errors: NetError[] = []
      link.onError = (error) => errors.push(error)
      const collector = new Collector(link)
      lab.host('a').ip('link', 'delete', 'doomed')
      await eventually(() => errors.some((error) => error.code === 'ENODEV'), 'the error')
      assert.equal(link.send(udpFrame(ends, [1, 2], { bytes: pattern(8) }), NOW), false)
      link.flush(NOW)
      collector.drain()
      await idles()
      assert.equal(errors.filter((error) => error.code === 'ENODEV').length, 1)
      assert.throws(
        () => open({ interface: 'doomed' }),
        /No interface is called "doomed"\. There are: lo 127\.0\.0\.1\/8, eth0/,
      )
      link.close()
    })

    it('refuses a filter that is no program', () => {
      assert.throws(() => open({ filter: [{ code: 0xffff, jt: 0, jf: 0, k: 0 }] }), /valid BPF program.*\(EINVAL\)/)
    })

    it('opens the loopback interface', async () => {
      const collector = new Collector(open({ interface: 'lo' }))
      await lab.host('a').node(sendUdp(`'self'`, 5400, '127.0.0.1'))
      await collector.until((frames) => frames.some((each) => portOf(each) === 5400), 'the frame')
      assert.equal(collector.frames.filter((each) => portOf(each) === 5400).length, 1)
    })
  })
}
