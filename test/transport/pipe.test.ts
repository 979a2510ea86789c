import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { afterEach, describe, it } from 'node:test'
import { hasNative } from '../../src/driver/native.ts'
import { SocketPipe, type SocketPipeOptions } from '../../src/transport/pipe.ts'
import { Listener, securePair, socketPair } from './sockets.ts'

const LIMIT = { timeout: 60_000 }
const MIB = 1024 * 1024
const noAddon = hasNative() ? false : 'the addon is not built'

for (const [kind, makePair] of [
  ['TCP', socketPair],
  ['TLS', securePair],
] as const) {
  describe(`SocketPipe over ${kind}`, () => {
    let open: Socket[] = []
    afterEach(() => {
      for (const socket of open) socket.destroy()
      open = []
    })

    async function pair(): Promise<readonly [Socket, Socket, Socket]> {
      const [near, far, raw] = await makePair()
      open.push(near, far)
      return [near, far, raw]
    }

    function started(socket: Socket, options: SocketPipeOptions = {}): { pipe: SocketPipe; heard: Listener } {
      const pipe = new SocketPipe(socket, options)
      const heard = new Listener()
      pipe.start(heard)
      return { pipe, heard }
    }

    it('carries everything in order, both ways at once, at the pace of the slower', LIMIT, async () => {
      const [a, b] = await pair()
      const total = 24 * MIB
      const ends = [started(a), started(b)]
      const sums = ends.map(({ pipe, heard }) => {
        const sent = createHash('sha256')
        let left = total
        const send = (): void => {
          while (left > 0) {
            const header = Buffer.alloc(9, left)
            const piece = Buffer.alloc(Math.min(left, 1 + (left % 65_536)), left % 251)
            left -= piece.length
            sent.update(header).update(piece)
            if (!pipe.write([header, piece])) break
          }
          if (left === 0) pipe.end()
        }
        heard.onWritable = send
        send()
        return { sent, got: heard }
      })
      await Promise.all(sums.map(({ got }) => got.until(() => got.reasons.length === 1)))
      const digests = sums.map(({ sent }) => sent.digest('hex'))
      const heard = sums.map(({ got }) => createHash('sha256').update(Buffer.concat(got.chunks)).digest('hex'))
      assert.deepEqual(heard, digests.reverse())
    })

    it('makes one write of several pieces', async () => {
      const [a, b] = await pair()
      const { pipe } = started(a)
      const { heard } = started(b)
      assert.equal(pipe.write([Buffer.from('head'), Buffer.from('body'), Buffer.from('tail')]), true)
      await heard.until(() => heard.length > 0)
      assert.equal(heard.text, 'headbodytail')
      assert.equal(heard.chunks.length, 1)
    })

    it('hands up first what had come before it was started', async () => {
      const [a, b] = await pair()
      const { pipe } = started(a)
      const late = new SocketPipe(b)
      pipe.write([Buffer.from('early ')])
      await new Promise((resolve) => setTimeout(resolve, 20))
      const heard = new Listener()
      late.start(heard)
      pipe.write([Buffer.from('late')])
      await heard.until(() => heard.length === 10)
      assert.equal(heard.text, 'early late')
    })

    it('says when it is enough, and once when it is not any more', LIMIT, async () => {
      const [a, b] = await pair()
      const { pipe, heard } = started(a)
      assert.equal(pipe.queued, 0)
      let count = 0
      while (pipe.write([Buffer.alloc(64 * 1024)]) || count < 1000) {
        count++
        // Until the kernel's buffers are full; the peer does not read.
        if (count % 16 === 0) await new Promise(setImmediate)
        if (pipe.queued > MIB) break
      }
      assert.ok(pipe.queued > 0)
      const waited = heard.writable
      b.resume()
      await heard.until(() => heard.writable > waited)
      assert.ok(pipe.queued < pipe.limit)
      assert.equal(pipe.write([Buffer.from('little')]), true)
      while (pipe.queued > 0) await new Promise(setImmediate)
      assert.equal(heard.writable, waited + 1)
    })

    it('sends what was handed over before it ends, and both sides learn that it has', LIMIT, async () => {
      const [a, b] = await pair()
      const { pipe, heard } = started(a)
      const far = started(b)
      pipe.write([Buffer.alloc(3 * MIB)])
      pipe.end()
      assert.equal(pipe.write([Buffer.from('more')]), false)
      await far.heard.until(() => far.heard.reasons.length > 0)
      assert.equal(far.heard.length, 3 * MIB)
      assert.deepEqual(far.heard.reasons, ['the peer ended the connection'])
      await heard.until(() => heard.reasons.length > 0)
      assert.deepEqual(heard.reasons, ['we ended the connection'])
    })

    it('ends, too, where the peer never does', LIMIT, async () => {
      const [a] = await pair()
      const { pipe, heard } = started(a, { linger: 20 })
      pipe.end()
      await heard.until(() => heard.reasons.length > 0)
      assert.deepEqual(heard.reasons, ['we ended the connection'])
    })

    it('ends where the peer goes on and on, too', LIMIT, async () => {
      const [a, b] = await pair()
      const { pipe, heard } = started(a, { linger: 100 })
      const talk = setInterval(() => b.write('x'), 10)
      pipe.end()
      await heard.until(() => heard.reasons.length > 0)
      clearInterval(talk)
      assert.ok(a.destroyed)
    })

    it('says nothing once it is destroyed, and the peer learns of it', async () => {
      const [a, b] = await pair()
      const { pipe, heard } = started(a)
      const far = started(b)
      pipe.destroy()
      pipe.destroy()
      assert.equal(pipe.write([Buffer.from('x')]), false)
      await far.heard.until(() => far.heard.reasons.length > 0)
      assert.deepEqual(heard.reasons, [])
      assert.equal(pipe.tcpInfo(), undefined)
    })

    it('says why, when it breaks', async () => {
      const [a, , raw] = await pair()
      const { pipe, heard } = started(a)
      setImmediate(() => raw.resetAndDestroy())
      await heard.until(() => heard.reasons.length > 0)
      assert.match(heard.reasons.join(), kind === 'TCP' ? /^read ECONNRESET$/ : /ECONNRESET$|^the peer ended/)
      assert.equal(pipe.write([Buffer.from('x')]), false)
      pipe.end()
      pipe.destroy()
    })

    it('says so, too, when it broke before it was started', async () => {
      const [a] = await pair()
      const pipe = new SocketPipe(a)
      a.destroy(new Error('it melted'))
      await new Promise((resolve) => a.once('close', resolve))
      const heard = new Listener()
      pipe.start(heard)
      assert.deepEqual(heard.reasons, [], 'not within the call')
      await heard.until(() => heard.reasons.length > 0)
      assert.deepEqual(heard.reasons, ['it melted'])
    })

    it('knows what the kernel knows', { skip: noAddon }, async () => {
      const [a, b] = await pair()
      const { pipe } = started(a)
      const far = started(b)
      pipe.write([Buffer.alloc(100_000)])
      await far.heard.until(() => far.heard.length === 100_000)
      const info = pipe.tcpInfo()!
      assert.ok(info.rtt > 0 && info.rtt < 60_000_000, `${info.rtt}`)
      assert.ok(info.minRtt <= info.rtt + info.rttVar * 8)
      for (const value of Object.values(info)) assert.ok(Number.isSafeInteger(value) && value >= 0)
      pipe.limitUnsent(1)
      assert.equal(pipe.limit, 1)
      for (let i = 0; i < 1000 && pipe.queued === 0; i++) pipe.write([Buffer.alloc(64 * 1024)])
      assert.ok(pipe.queued > 0)
    })
  })
}

describe('SocketPipe over any Duplex', () => {
  it('needs neither a descriptor nor options of TCP', async () => {
    const written: string[] = []
    const duplex = new Duplex({
      read: () => undefined,
      write: (chunk, _, done) => {
        written.push(String(chunk))
        done()
      },
    })
    const pipe = new SocketPipe(duplex)
    const heard = new Listener()
    pipe.start(heard)
    duplex.push('in')
    pipe.write([Buffer.from('out')])
    await heard.until(() => heard.length === 2)
    assert.deepEqual(written, ['out'])
    assert.equal(pipe.tcpInfo(), undefined)
    duplex.destroy(new Error('it melted'))
    await heard.until(() => heard.reasons.length > 0)
    assert.deepEqual(heard.reasons, ['it melted'])
  })
})
