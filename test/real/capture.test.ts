import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { PcapTap } from '../../src/index.ts'
import { PcapReader } from '../../src/wire/pcap.ts'
import { type Attachment, attach, KERNEL_ADDRESS, OUR_ADDRESS, ResetWatch } from './attachment.ts'
import { eventually } from './collect.ts'
import { asClient, asServer, MIB } from './exchange.ts'
import { labUnavailable } from './netns.ts'

const LIMIT = { timeout: 60_000 }

/** Frames of a capture: how many, and how many of them are TCP resets from the shared address. */
function count(chunks: readonly Uint8Array[]): { frames: number; resets: number } {
  const reader = new PcapReader()
  for (const chunk of chunks) reader.push(chunk)
  let frames = 0
  let resets = 0
  for (let record = reader.next(); record !== undefined; record = reader.next()) {
    frames++
    const { bytes } = record
    const isOurs = bytes.subarray(26, 30).join('.') === OUR_ADDRESS
    if (bytes[12] === 8 && bytes[13] === 0 && bytes[23] === 6 && isOurs && (bytes[47]! & 4) !== 0) resets++
  }
  return { frames, resets }
}

describe('a shared address', { skip: labUnavailable() }, () => {
  async function watched(work: (attachment: Attachment, watch: ResetWatch) => Promise<void>) {
    const chunks: Uint8Array[] = []
    const attachment = attach('shared address', {
      wrap: (link) => new PcapTap(link, { write: (chunk) => chunks.push(chunk) }),
    })
    const watch = new ResetWatch(attachment.kernel)
    try {
      await work(attachment, watch)
    } finally {
      attachment.close()
      watch.close()
    }
    return count(chunks)
  }

  it('sees no reset from the kernel that shares it, as client and as server', LIMIT, async () => {
    const { frames, resets } = await watched(async (attachment, watch) => {
      for (const first of ['ours', 'kernel', 'both'] as const) {
        await asClient(attachment, { up: MIB, down: MIB, first })
        await asServer(attachment, { up: MIB, down: MIB, first })
      }
      watch.drain()
      assert.equal(watch.resets, 0)
    })
    assert.ok(frames > 100, `only ${frames} frames were captured`)
    assert.equal(resets, 0)
  })

  it('leaves the kernel its own ports', LIMIT, async () => {
    const { resets } = await watched(async ({ lab, stack, peer }, watch) => {
      const server = await lab
        .host('ours')
        .start(`require('net').createServer((s) => s.end('kernel')).listen(9000, () => console.log('ready'))`)
      const listener = stack.tcp.listen({ port: 0 })
      const script = (port: number) =>
        `require('net').connect(${port}, '${OUR_ADDRESS}').on('data', (d) => console.log(String(d)))`
      assert.equal(await lab.host('kernel').node(script(9000)), 'kernel\n')
      const reply = lab.host('kernel').node(script(listener.localPort))
      const socket = await listener.accept()
      await socket.write('ours')
      await socket.close()
      assert.equal(await reply, 'ours\n')
      assert.throws(() => stack.tcp.listen({ port: 9000 }), { code: 'EADDRINUSE' })
      watch.drain()
      assert.equal(watch.resets, 0)
      // A port of nobody is still refused, by the kernel: the witness can see a reset.
      const tally = await peer.connect(OUR_ADDRESS, 9001, { send: 1, end: 'first' })
      assert.deepEqual(tally.errors, ['ECONNREFUSED'])
      watch.drain()
      assert.equal(watch.resets, 1)
      server.child.kill()
    })
    assert.equal(resets, 0)
  })

  it('would see the reset of an unguarded port', LIMIT, async () => {
    await watched(async ({ stack, peer }, watch) => {
      stack.stack.ports.reserver = undefined
      const { port } = await peer.listen({ send: 0, end: 'last' })
      await stack.tcp.connect({ host: KERNEL_ADDRESS, port }).catch(() => undefined)
      await eventually(() => {
        watch.drain()
        return watch.resets > 0
      }, 'the reset')
    })
  })
})
