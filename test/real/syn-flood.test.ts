import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TcpListenOptions } from '../../src/stack/host.ts'
import type { TcpListener } from '../../src/stack/tcp-listener.ts'
import { OUR_ADDRESS } from './attachment.ts'
import { eventually } from './collect.ts'
import { exchange } from './exchange.ts'
import { flood, SYNS } from './flood.ts'
import { onPath, type PathAttachment, pathUnavailable } from './routed.ts'

const LIMIT = { timeout: 60_000 }
const PORT = 7000
const CLIENTS = 20

/** Serves whoever comes, and collects what was agreed with them. */
async function serve(listener: TcpListener): Promise<object[]> {
  const agreed: object[] = []
  for (let i = 0; i < CLIENTS; i++) {
    const socket = await listener.accept()
    const { wscale, sack, ts } = socket.info()
    agreed.push({ theirs: wscale[0] > 0, ours: wscale[1] > 0, sack, ts })
    const { received, wrongAt } = await exchange(socket, { send: 100_000, end: 'first' })
    assert.deepEqual({ received, wrongAt }, { received: 100_000, wrongAt: -1 })
  }
  return agreed
}

async function attack(
  options: Partial<TcpListenOptions>,
  work: (listener: TcpListener, attachment: PathAttachment) => Promise<void>,
): Promise<void> {
  await onPath('own address', {}, async (attachment) => {
    const { stack, path } = attachment
    const listener = stack.tcp.listen({ port: PORT, ...options })
    const ended = flood(path, PORT)
    const { stats } = listener
    await eventually(() => stats.cookiesSent + stats.overflows > 0, 'the flood')
    await work(listener, attachment)
    assert.match(await ended, new RegExp(`sent ${SYNS}`))
    assert.ok(stack.machine.size < 2000, `${stack.machine.size} connections are remembered`)
    listener.close()
  })
}

describe('a flood of SYNs over a real wire (RFC 4987)', { skip: pathUnavailable() }, () => {
  it('does not keep out a kernel, whose window scale and SACK come back in the timestamp of the cookie', LIMIT, (t) =>
    attack({ synAckRetries: 0 }, async (listener, { peer }) => {
      const theirs = peer.connect(OUR_ADDRESS, PORT, { send: 100_000, end: 'first' }, CLIENTS)
      const agreed = await serve(listener)
      for (const each of agreed) assert.deepEqual(each, { theirs: true, ours: true, sack: true, ts: true })
      const { connections, received, wrongAt, errors } = await theirs
      assert.deepEqual(
        { connections, received, wrongAt, errors },
        { connections: CLIENTS, received: CLIENTS * 100_000, wrongAt: -1, errors: [] },
      )
      const { stats } = listener
      assert.ok(stats.cookiesAccepted > 0)
      t.diagnostic(JSON.stringify(stats))
    }),
  )

  it('fills one listener, and not the one beside it', LIMIT, () =>
    attack({ synCookies: 'never', halfOpen: 16 }, async (flooded, { stack, peer }) => {
      const calm = stack.tcp.listen({ port: PORT + 1 })
      const theirs = peer.connect(OUR_ADDRESS, PORT + 1, { send: 100_000, end: 'first' }, CLIENTS)
      await serve(calm)
      assert.deepEqual((await theirs).errors, [])
      assert.deepEqual(calm.stats, { accepted: CLIENTS, cookiesSent: 0, cookiesAccepted: 0, overflows: 0 })
      assert.ok(flooded.stats.overflows > 0)
      assert.equal(flooded.stats.accepted, 0)
      calm.close()
    }),
  )
})
