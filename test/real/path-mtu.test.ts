import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TcpSocket } from '../../src/stack/tcp-socket.ts'
import { counterOf } from './counters.ts'
import { asClient, asServer, exchange, MIB, sendStream } from './exchange.ts'
import { onPath, PATHS, type PathAttachment, pathUnavailable, type RoutedPath } from './routed.ts'

const LIMIT = { timeout: 30_000 }
const AMOUNT = 4 * MIB
/** What the hop in the middle carries, and how near to it a search must come (RFC 8899 §5.3). */
const MTU = 1300
const RESOLUTION = 8

/** "Fragmentation needed" and the like that the first router has sent, to us. */
const complaints = ({ near }: RoutedPath): number => counterOf(near, 'Icmp', 'OutDestUnreachs')

/** Sends the amount over a new connection; what is then known of the path. */
async function send({ stack, peer }: PathAttachment, options: object = {}): Promise<ReturnType<TcpSocket['info']>> {
  const listener = await peer.listen({ send: 0, end: 'last' })
  const socket = await stack.tcp.connect({ host: peer.address, port: listener.port, ...options })
  await exchange(socket, { send: AMOUNT, end: 'first' })
  const { received, wrongAt, errors } = await listener.report()
  assert.deepEqual({ received, wrongAt, errors }, { received: AMOUNT, wrongAt: -1, errors: [] })
  return socket.info()
}

for (const kind of PATHS) {
  describe(`a path with a narrow hop between two kernels, ${kind}`, { skip: pathUnavailable() }, () => {
    it('is found out from what the router says, and remembered (RFC 1191)', LIMIT, () =>
      onPath(kind, { mtu: MTU }, async (attachment) => {
        const { path, stack, peer } = attachment
        const { pmtu, mss } = await send(attachment)
        assert.deepEqual({ pmtu, mss }, { pmtu: MTU, mss: MTU - 52 })
        const said = complaints(path)
        assert.ok(said > 0)
        await asClient({ stack, peer }, { up: AMOUNT, down: AMOUNT })
        await asServer({ stack, peer }, { up: AMOUNT, down: AMOUNT })
        assert.equal(complaints(path), said)
      }),
    )

    it('that gets narrower under way is found out again', LIMIT, () =>
      onPath(kind, {}, async (attachment) => {
        const { path, stack, peer } = attachment
        const listener = await peer.listen({ send: 0, end: 'last' })
        const socket = await stack.tcp.connect({ host: peer.address, port: listener.port })
        for (const mtu of [1500, 1300, 900]) {
          for (const router of [path.near, path.far]) router.ip('link', 'set', 'middle', 'mtu', String(mtu))
          await sendStream(socket, AMOUNT)
        }
        socket.end()
        await socket.closed
        assert.equal((await listener.report()).received, 3 * AMOUNT)
        assert.equal(socket.info().pmtu, 900)
      }),
    )

    it('that swallows in silence is found out by probing, once large packets vanish (RFC 8899 §4.3)', LIMIT, () =>
      onPath(kind, { mtu: MTU }, async (attachment) => {
        attachment.path.silence()
        const { pmtu, timeouts } = await send(attachment)
        assert.ok(pmtu <= MTU && pmtu > MTU - RESOLUTION, `${pmtu}`)
        assert.ok(timeouts > 0)
      }),
    )

    it('that swallows in silence stops nobody who probes from the beginning (RFC 4821 §7.2)', LIMIT, () =>
      onPath(kind, { mtu: MTU }, async (attachment) => {
        attachment.path.silence()
        const { pmtu } = await send(attachment, { mtuProbing: 'always' })
        assert.ok(pmtu <= MTU && pmtu > MTU - RESOLUTION, `${pmtu}`)
      }),
    )
  })
}

describe('a hop that swallows large packets in silence', { skip: pathUnavailable() }, () => {
  it('ends a connection that may not probe', LIMIT, () =>
    onPath('own address', { mtu: MTU }, async (attachment) => {
      const { path, stack, peer } = attachment
      path.silence()
      const listener = await peer.listen({ send: 0, end: 'last' })
      const options = { mtuProbing: 'off', userTimeout: 1500 } as const
      const socket = await stack.tcp.connect({ host: peer.address, port: listener.port, ...options })
      const isLate = { code: 'ETIMEDOUT' }
      await Promise.all([
        assert.rejects(sendStream(socket, AMOUNT * 2), isLate),
        assert.rejects(socket.closed, isLate),
        assert.rejects(socket.read(), isLate),
      ])
    }),
  )

  it('is found out by a kernel that probes, with us as the receiver', LIMIT, () =>
    onPath(
      'own address',
      { mtu: MTU, prepare: (kernel) => kernel.sysctl('ipv4.tcp_mtu_probing', 2) },
      async ({ path, stack, peer }) => {
        path.silence()
        await asServer({ stack, peer }, { up: 0, down: AMOUNT })
      },
    ),
  )
})
