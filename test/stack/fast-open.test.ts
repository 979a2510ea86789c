import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hosts } from './net.ts'

/** Two hosts, of which the second serves with Fast Open; the first has its cookie. */
async function served() {
  const world = hosts()
  const { a, b, run } = world
  const listener = b.tcp.listen({ port: 80, fastOpen: 8 })
  const connect = () => a.tcp.connect({ host: '10.0.0.2', port: 80, fastOpen: true })
  const first = await run(connect())
  const warmUp = await run(listener.accept())
  first.abort()
  await run(warmUp.closed.catch(() => undefined))
  return { ...world, listener, connect }
}

const textOf = (bytes: Uint8Array | null): string => new TextDecoder().decode(bytes ?? undefined)

describe('Fast Open between two hosts', () => {
  it('brings the question with the SYN and the answer in one round trip (RFC 7413 §2)', async () => {
    const { a, b, connect, listener, run, simulation } = await served()
    const begin = simulation.now
    const socket = await run(connect())
    assert.ok(socket.isWaitingForData)
    await socket.write('question')
    const answering = listener.accept().then(async (peer) => {
      assert.equal(textOf(await peer.read()), 'question')
      await peer.write('answer')
      return peer
    })
    assert.equal(textOf(await run(socket.read())), 'answer')
    assert.ok(simulation.now - begin < 2500, `one round trip of 2 ms, not two: ${simulation.now - begin} µs`)
    const peer = await run(answering)
    assert.equal(socket.info().fastopen, true)
    assert.equal(peer.info().fastopen, true)
    assert.equal(a.tcp.fastOpen.stats.active, 1)
    assert.equal(b.tcp.fastOpen.stats.passive, 1)
    socket.end()
    peer.end()
    await run(Promise.all([socket.closed, peer.closed]))
  })

  it('lets the SYN go when its data is not waited for: to read, to see it open, to end', async () => {
    const { connect, listener, run } = await served()
    for (const release of ['read', 'opened', 'end'] as const) {
      const socket = await run(connect())
      assert.ok(socket.isWaitingForData)
      const [peer] = await run(
        Promise.all([
          listener.accept(),
          release === 'end'
            ? socket.end()
            : release === 'opened'
              ? socket.opened
              : void socket.read().catch(() => undefined),
        ]),
      )
      assert.equal(socket.isWaitingForData, false)
      await peer.write('hello')
      peer.abort()
    }
  })

  it('opens nothing when it is closed before the first write', async () => {
    const { b, connect, run, listener } = await served()
    const before = b.tcp.fastOpen.stats.passive
    const socket = await run(connect())
    await run(socket.close())
    await assert.rejects(socket.write('late'))
    assert.equal(b.tcp.fastOpen.stats.passive, before)
    listener.close()
  })

  it('sends what does not fit on the SYN after it', async () => {
    const { connect, listener, run } = await served()
    const socket = await run(connect())
    const sent = new Uint8Array(100_000).map((_, i) => i & 255)
    const writing = socket.write(sent).then(() => socket.end())
    const peer = await run(listener.accept())
    const chunks: Uint8Array[] = []
    await run(
      (async () => {
        for await (const chunk of peer) chunks.push(chunk)
        await writing
      })(),
    )
    assert.ok(Buffer.concat(chunks).equals(Buffer.from(sent)))
    assert.equal(socket.info().fastopen, true)
  })
})
