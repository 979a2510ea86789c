import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TcpSocket } from '../../src/stack/tcp-socket.ts'
import { CONGESTION_CONTROLS } from '../../src/tcp/congestion/control.ts'
import { OUR_ADDRESS } from './attachment.ts'
import { counterOf } from './counters.ts'
import { exchange, MIB } from './exchange.ts'
import { FAR_ADDRESS, onPath, PATHS, type PathAttachment, pathUnavailable } from './routed.ts'

const LIMIT = { timeout: 30_000 }
const AMOUNT = 8 * MIB
/** Linux's tcp_ecn: asks for it, and grants it. */
const REQUEST = 1

/** The router marks each tenth packet of either side that may be marked, and counts what each side says of it. */
function mark({ path }: PathAttachment): void {
  for (const [side, address] of Object.entries({ ours: OUR_ADDRESS, theirs: FAR_ADDRESS })) {
    path.when(`${side}_ce`, `ip saddr ${address} ip ecn ect0 numgen inc mod 10 == 0`, 'ip ecn set ce')
    path.when(`${side}_ece`, `ip saddr ${address} tcp flags & (syn|ecn) == ecn`)
    path.when(`${side}_cwr`, `ip saddr ${address} tcp flags & (syn|cwr) == cwr`)
  }
}

async function assertArrives(socket: TcpSocket, up: number, down: number): Promise<void> {
  const { received, wrongAt } = await exchange(socket, { send: up, end: 'first' })
  assert.deepEqual({ received, wrongAt }, { received: down, wrongAt: -1 })
}

for (const kind of PATHS) {
  describe(`a router that marks congestion (RFC 3168), ${kind}`, { skip: pathUnavailable() }, () => {
    for (const congestion of CONGESTION_CONTROLS) {
      it(`slows us down by the kernel's echo, and we say so, ${congestion}`, LIMIT, () =>
        onPath(kind, {}, async (attachment) => {
          const { path, stack, kernel, peer } = attachment
          mark(attachment)
          const listener = await peer.listen({ send: 0, end: 'last' })
          const socket = await stack.tcp.connect({
            host: peer.address,
            port: listener.port,
            ecn: 'request',
            congestion,
          })
          await assertArrives(socket, AMOUNT, 0)
          const { received, wrongAt } = await listener.report()
          assert.deepEqual({ received, wrongAt }, { received: AMOUNT, wrongAt: -1 })
          assert.ok(path.met('ours_ce') > 0)
          assert.ok(counterOf(kernel, 'IpExt', 'InCEPkts') > 0)
          assert.ok(path.met('theirs_ece') > 0)
          assert.ok(path.met('ours_cwr') > 0)
          assert.ok(socket.info().bbr !== undefined || socket.info().ssthresh !== undefined)
        }),
      )
    }

    it('slows the kernel down by our echo, which lasts until it says so', LIMIT, () =>
      onPath(kind, { prepare: (kernel) => kernel.sysctl('ipv4.tcp_ecn', REQUEST) }, async (attachment) => {
        const { path, stack, kernel, peer } = attachment
        mark(attachment)
        const listener = stack.tcp.listen({ port: 0 })
        const theirs = peer.connect(OUR_ADDRESS, listener.localPort, { send: AMOUNT, end: 'first' })
        const socket = await listener.accept()
        await assertArrives(socket, 0, AMOUNT)
        assert.deepEqual((await theirs).errors, [])
        assert.ok(socket.info().ecn && socket.info().ecnseen)
        assert.ok(path.met('theirs_ce') > 0)
        assert.ok(path.met('ours_ece') > 0)
        assert.ok(path.met('theirs_cwr') > 0)
        assert.ok(counterOf(kernel, 'TcpExt', 'TCPDeliveredCE') > 0)
      }),
    )

    it('slows both down at once, each by its own marks', LIMIT, () =>
      onPath(kind, { prepare: (kernel) => kernel.sysctl('ipv4.tcp_ecn', REQUEST) }, async (attachment) => {
        const { path, stack, peer } = attachment
        mark(attachment)
        const listener = await peer.listen({ send: AMOUNT, end: 'first' })
        const socket = await stack.tcp.connect({ host: peer.address, port: listener.port, ecn: 'request' })
        await assertArrives(socket, AMOUNT, AMOUNT)
        assert.equal((await listener.report()).received, AMOUNT)
        for (const counter of ['ours_ece', 'ours_cwr', 'theirs_ece', 'theirs_cwr']) assert.ok(path.met(counter) > 0)
      }),
    )
  })
}
