import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Worker } from 'node:worker_threads'

import type { MacAddr } from '../../src/base/address.ts'
import type { Micros } from '../../src/base/types.ts'
import { BpfAssembler } from '../../src/driver/bpf.ts'
import { findInterface } from '../../src/driver/interfaces.ts'
import { inNamespace } from '../../src/driver/namespace.ts'
import { openPacketLink, type PacketLinkOptions } from '../../src/driver/packet.ts'
import type { PortLink } from '../../src/driver/port-link.ts'
import { OutFrame } from '../../src/link/link.ts'
import { attach, OUR_ADDRESS } from './attachment.ts'
import { Collector, eventually, idles, portOf } from './collect.ts'
import { asClient, asServer, fromEnv, MIB } from './exchange.ts'
import { type Ends, ip, pattern, udpFrame } from './frames.ts'
import { createLab, type Lab, labUnavailable, outputOf } from './netns.ts'

const NOW = 0 as Micros
const A = '10.0.0.1'
const B = '10.0.0.2'
const SEED = fromEnv('GOTCP_TEST_SEED', Math.floor(Math.random() * 2 ** 31))
const FRAMES = 2000
const AMOUNT = fromEnv('GOTCP_TEST_MIB', 32) * MIB
/** Opened and closed one after the other; each time the kernel waits for all processors, twice. */
const RINGS = fromEnv('GOTCP_TEST_RINGS', 100)
const LIMIT = { timeout: fromEnv('GOTCP_TEST_TIMEOUT_S', 120) * 1000 }
const PACKET_URL = new URL('../../src/driver/packet.js', import.meta.url).href

/** A generator of numbers below a bound (mulberry32). */
function random(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let x = Math.imul(state ^ (state >>> 15), 1 | state)
    x ^= x + Math.imul(x ^ (x >>> 7), 61 | x)
    return ((x ^ (x >>> 14)) >>> 0) % below
  }
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const turn = () => new Promise((resolve) => setImmediate(resolve))
/** The rings that are mapped into this process. */
const mappings = () =>
  readFileSync('/proc/self/maps', 'latin1')
    .split('\n')
    .filter((line) => line.includes('socket:'))
const descriptors = () => readdirSync('/proc/self/fd').length
const addressSpace = () => Number(/VmSize:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'latin1'))![1]) * 1024

const TEST_SOURCE = 0x065e

/**
 * A frame of an experimental protocol (IEEE 802), of any length that Ethernet has; every other one has a tag, which the
 * kernel takes out and the link puts back.
 */
function testFrame(to: MacAddr, number: number, below: (bound: number) => number): Buffer {
  const bytes = Buffer.alloc(60 + below(1455), below(256))
  bytes.writeUIntBE(to, 0, 6)
  bytes.writeUInt16BE(TEST_SOURCE, 6)
  bytes.writeUInt32BE(number, 8)
  const hasTag = below(2) === 0
  if (hasTag) bytes.writeUInt32BE(0x8100_0000 + below(0x10000), 12)
  bytes.writeUInt16BE(0x88b5, hasTag ? 16 : 12)
  return bytes
}

const isTestFrame = (bytes: Uint8Array) => bytes[6] === TEST_SOURCE >> 8 && bytes[7] === (TEST_SOURCE & 0xff)

/** A frame that goes down as it stands. */
function whole(bytes: Uint8Array): OutFrame {
  const frame = new OutFrame()
  frame.payload = bytes
  frame.payloadTo = bytes.length
  return frame
}

describe('a receive ring', { skip: labUnavailable() }, () => {
  let lab: Lab
  let netns: string
  let ends: Ends
  let sender: PortLink
  const links: PortLink[] = []

  const open = (options: Partial<PacketLinkOptions> = {}): PortLink => {
    const link = openPacketLink({ interface: 'eth0', netns, ring: 64, ...options })
    links.push(link)
    return link
  }
  const send = (...frames: OutFrame[]) => {
    for (const frame of frames) assert.equal(sender.send(frame, NOW), true)
    sender.flush(NOW)
  }
  const datagram = (port: number, bytes = pattern(100)) => udpFrame(ends, [1, port], { bytes })

  before(() => {
    lab = createLab({ hosts: ['a', 'b'] })
    lab.veth('a', 'b', { a: `${A}/24`, b: `${B}/24` })
    netns = lab.host('a').netns
    const mac = (host: string) => inNamespace(lab.host(host).netns, () => findInterface('eth0').mac)
    ends = { srcMac: mac('b'), dstMac: mac('a'), src: ip(B), dst: ip(A) }
    sender = openPacketLink({ interface: 'eth0', netns: lab.host('b').netns })
    links.push(sender)
  })
  after(() => {
    for (const link of links) link.close()
    lab.close()
  })

  for (const offload of [true, false]) {
    it(`hands up every frame once, in order, octet for octet, offload: ${offload}`, LIMIT, async (t) => {
      t.diagnostic(`GOTCP_TEST_SEED=${SEED}`)
      const below = random(SEED)
      const link = open({ offload, ring: 1 + below(40), slots: 1 + below(20), filter: 'none' })
      const collector = new Collector(link)
      const ours = () => collector.frames.filter(({ bytes }) => isTestFrame(bytes))
      for (let count = 0; count < FRAMES; ) {
        // No more at a time than the smallest ring has slots.
        const burst = Array.from({ length: 1 + below(6) }, () => testFrame(ends.dstMac, count++, below))
        for (const bytes of burst) sender.send(whole(bytes), NOW)
        sender.flush(NOW)
        await collector.until(() => ours().length >= burst.length, `frame ${count}`)
        assert.deepEqual(
          ours().map(({ bytes }) => Buffer.from(bytes)),
          burst,
        )
        collector.frames.length = 0
      }
      assert.equal(link.kernelDrops(), 0)
      link.close()
    })
  }

  it('tells what a filter cut, and counts what is larger than any slot', async () => {
    const link = open({ filter: new BpfAssembler().accept(50).assemble() })
    const seen: number[][] = []
    link.onWake = () => link.receive(NOW, ({ start, end }) => seen.push([end - start, link.wireLength, link.timestamp]))
    send(datagram(4001))
    await eventually(() => seen.some(([, wire]) => wire === 142), 'the frame')
    assert.deepEqual(
      seen.find(([, wire]) => wire === 142),
      [50, 142, 0],
    )
    assert.equal(link.counters.truncated, 0)
    link.close()

    lab.host('a').ip('link', 'set', 'lo', 'mtu', '200000')
    const loopback = open({ interface: 'lo', filter: 'none' })
    const self = new Collector(loopback)
    for (const length of [65_000, 100_000]) loopback.send(whole(pattern(length)), NOW)
    loopback.send(whole(pattern(70)), NOW)
    loopback.flush(NOW)
    await self.until((frames) => frames.length === 2, 'the frames that find room')
    assert.deepEqual(
      self.frames.map(({ bytes }) => Buffer.from(bytes)),
      [65_000, 70].map((length) => Buffer.from(pattern(length))),
    )
    assert.equal(loopback.counters.truncated, 1)
    loopback.close()
  })

  it('puts the IP header on a word boundary, with a virtio-net header or without', async () => {
    for (const offload of [true, false]) {
      const link = open({ offload })
      const starts: number[] = []
      link.onWake = () => link.receive(NOW, ({ start }) => starts.push(start))
      send(...Array.from({ length: 5 }, () => datagram(4002)))
      await eventually(() => starts.length >= 5, 'the frames')
      assert.ok(starts.every((start) => (start + 14) % 4 === 0))
      link.close()
    }
  })

  it('drops and counts what finds no slot, and goes on once slots are given back', async () => {
    const link = open({ ring: 7 })
    for (let i = 0; i < 20; i++) sender.send(datagram(4100 + i), NOW)
    sender.flush(NOW)
    await eventually(() => link.kernelDrops() > 0, 'a dropped frame')
    const drops = link.kernelDrops()
    const collector = new Collector(link)
    collector.drain()
    send(datagram(4200))
    await collector.until((frames) => frames.some((each) => portOf(each) === 4200), 'a frame after the flood')
    // Seven slots, or nine where the kernel had no blocks for seven.
    assert.ok(drops === 13 || drops === 11)
    const held = Array.from({ length: 20 - drops }, (_, i) => 4100 + i)
    assert.deepEqual(collector.frames.map(portOf), [...held, 4200])
    assert.equal(link.kernelDrops(), drops)
    link.close()
  })

  it('sleeps when all slots are read, and before anybody reads them', async () => {
    const link = open()
    send(datagram(4300))
    await idles()
    const collector = new Collector(link)
    collector.drain()
    send(datagram(4301))
    await collector.until((frames) => frames.length === 2, 'both frames')
    await idles()
    link.close()
  })

  it('keeps a frame until its reader is done, closed or not, and the ring no longer', async () => {
    const link = open()
    const before = mappings().length
    const slabs: Uint8Array[] = []
    let count = 0
    link.onWake = () =>
      link.receive(NOW, (frame) => {
        count++
        link.close()
        const { bytes, start, end } = frame
        assert.deepEqual(bytes.subarray(start + 42, end), pattern(100))
        slabs.push(bytes)
      })
    send(datagram(4400), datagram(4401))
    await eventually(() => count > 0, 'a frame')
    assert.equal(count, 1)
    assert.equal(mappings().length, before - 1)
    // Zeros lie there for whoever still has a view of it.
    assert.ok(slabs[0]!.every((octet) => octet === 0))
    assert.equal(link.descriptor, -1)
  })

  it('is given back when it is closed before anybody reads', async () => {
    const before = mappings().length
    const link = open()
    send(datagram(4500))
    await idles()
    assert.equal(mappings().length, before + 1)
    link.close()
    assert.equal(mappings().length, before)
    link.receive(NOW, () => assert.fail('a closed link received'))
  })

  it('leaves neither descriptors nor memory behind after so many rings', LIMIT, async () => {
    const once = () => {
      open({ promiscuous: true }).close()
      links.pop()
    }
    const settle = async () => {
      for (let i = 0; i < 3; i++) {
        collectGarbage()
        await turn()
      }
    }
    once()
    await settle()
    const before = [descriptors(), mappings().length]
    const space = addressSpace()
    for (let i = 1; i <= RINGS; i++) {
      once()
      if (i % 50 === 0) await settle()
    }
    assert.deepEqual([descriptors(), mappings().length], before)
    assert.equal(
      inNamespace(netns, () => findInterface('eth0').promiscuity),
      0,
    )
    // The rings had five mebibytes each.
    assert.ok(addressSpace() - space < 250 * MIB)
  })

  it('ends with its process or thread while frames come', LIMIT, async () => {
    const burst = setInterval(() => send(datagram(4600), datagram(4601)), 1)
    try {
      const script = (then: string) => `import('${PACKET_URL}').then(({ openPacketLink }) => {
        const link = openPacketLink({ interface: 'eth0', ring: 64, promiscuous: true })
        let count = 0
        link.onWake = () => link.receive(0, () => { if (++count === 20) { ${then} } }) })`
      assert.equal(await lab.host('a').node(script(`console.log('ends'); process.exit()`)), 'ends\n')
      assert.equal(await lab.host('a').node(script(`console.log('closes'); link.close()`)), 'closes\n')
      const killed = outputOf(
        lab.host('a').spawn(process.execPath, '-e', script(`process.kill(process.pid, 'SIGKILL')`)),
      )
      await assert.rejects(killed)

      const before = [descriptors(), mappings().length]
      for (let i = 0; i < 5; i++) {
        const code = `const { parentPort, workerData } = require('node:worker_threads')
          import('${PACKET_URL}').then(({ openPacketLink }) => {
            const link = openPacketLink({ interface: 'eth0', ring: 64, netns: workerData })
            link.onWake = () => link.receive(0, () => parentPort.postMessage(0)) })`
        const worker = new Worker(code, { eval: true, workerData: netns })
        await new Promise((resolve) => worker.once('message', resolve))
        await worker.terminate()
      }
      await eventually(() => descriptors() === before[0] && mappings().length === before[1], 'the end of the rings')
      assert.equal(
        inNamespace(netns, () => findInterface('eth0').promiscuity),
        0,
      )
    } finally {
      clearInterval(burst)
    }
  })

  it('says what does not fit, and what would', async () => {
    assert.throws(() => open({ ring: -1 }), { name: 'RangeError', message: /ring -1.*0 to 8192/ })
    assert.throws(() => open({ ring: 8193 }), { name: 'RangeError' })
    const script = `const { execFileSync } = require('node:child_process')
      import('${PACKET_URL}').then(({ openPacketLink }) => {
        openPacketLink({ interface: 'eth0', ring: 0 }).close()
        const [, size] = /VmSize:\\s+(\\d+)/.exec(require('node:fs').readFileSync('/proc/self/status', 'latin1'))
        execFileSync('prlimit', ['--pid', process.pid, '--as=' + (size * 1024 + (40 << 20))])
        openPacketLink({ interface: 'eth0', ring: 1400 })
      }).catch((error) => console.log(error.code, error.message))`
    assert.match(
      await lab.host('a').node(script),
      /^ENOBUFS Cannot open a receive ring on "eth0": no memory\. Ask for fewer slots than ring: 1400, .*\(ENOBUFS\)\n$/,
    )
  })
})

describe('a transfer with the kernel through a ring', { skip: labUnavailable() }, () => {
  for (const [frames, segments, offload] of [
    ['super-segments', 65_535, true],
    ['super-segments without virtio-net headers', 65_535, false],
    ['segments', 1, true],
    ['segments without virtio-net headers', 1, false],
  ] as const) {
    it(`arrives byte by byte, both ways, in ${frames}`, LIMIT, async () => {
      const attachment = attach('own address', {
        ring: 64,
        offload,
        prepare: (kernel) => kernel.ip('link', 'set', 'eth0', 'gso_max_segs', String(segments)),
      })
      try {
        await asClient(attachment, { up: AMOUNT, down: 0 })
        await asClient(attachment, { up: 0, down: AMOUNT })
        await asServer(attachment, { up: AMOUNT, down: AMOUNT })
      } finally {
        attachment.close()
      }
    })
  }

  it('is awake while it lasts, with spin, and asleep afterwards', LIMIT, async () => {
    const attachment = attach('own address', { ring: 64, spin: 50 })
    try {
      await asClient(attachment, { up: 0, down: AMOUNT })
      await asServer(attachment, { up: MIB, down: MIB })
      await idles()
    } finally {
      attachment.close()
    }
  })

  it('arrives although the ring overflows again and again', LIMIT, async () => {
    const attachment = attach('shared address', { ring: 7 })
    const { kernel, link } = attachment
    // While more comes than there are slots, this thread waits for it, and reads nothing.
    const flood = () => kernel.run('bash', '-c', `for i in {1..50}; do echo > /dev/udp/${OUR_ADDRESS}/9; done`)
    let floods = 0
    const flooding = setInterval(() => (floods++ < 10 ? flood() : clearInterval(flooding)), 10)
    try {
      await asClient(attachment, { up: 0, down: AMOUNT })
      await asServer(attachment, { up: MIB, down: MIB })
      flood()
      assert.ok(link.kernelDrops() > 0)
    } finally {
      clearInterval(flooding)
      attachment.close()
    }
  })
})
