import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { describe, it } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

import type { TcpSocket } from '../../src/index.ts'
import { type Attachment, type AttachmentKind, attach, KERNEL_ADDRESS, OUR_ADDRESS } from './attachment.ts'
import { eventually } from './collect.ts'
import { exchange, fromEnv } from './exchange.ts'
import { labUnavailable } from './netns.ts'
import type { PeerPlan } from './peer-protocol.ts'

/** Connections one after another, on each attachment; 20000 for the full check. */
const COUNT = fromEnv('GOTCP_TEST_CONNECTIONS', 2000)
const AT_ONCE = 200
const LIMIT = { timeout: fromEnv('GOTCP_TEST_TIMEOUT_S', 120) * 1000 }
/** Short, so that what is left after TIME-WAIT can be seen in a test. */
const TIME_WAIT = 50
/** What the heap may grow by between the first tenth of the connections and the last, in bytes. */
const HEAP_GROWTH = 2 << 20

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

const descriptors = (): number => readdirSync('/proc/self/fd').length

/** The heap after everything that nobody holds has gone. */
async function heap(): Promise<number> {
  for (let i = 0; i < 4; i++) {
    collect()
    await new Promise((resolve) => setImmediate(resolve))
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** Everything of a stack that a connection could leave behind. */
async function nothingLeft({ stack }: Attachment, idleDescriptors: number): Promise<void> {
  await eventually(() => stack.machine.size === 0, 'the end of TIME-WAIT')
  assert.deepEqual([...stack.machine.connections], [])
  assert.equal(stack.stack.ports.size, 0)
  assert.ok(stack.machine.pollAt() > Number.MAX_SAFE_INTEGER, 'a timer is still armed')
  // What the test before has left is still being closed, so there may be fewer.
  await eventually(() => descriptors() <= idleDescriptors, `${idleDescriptors} descriptors`)
}

const oursFirst = (i: number) => i % 2 === 0
const plans = (i: number): { ours: 'first' | 'last'; theirs: PeerPlan } => ({
  ours: oursFirst(i) ? 'first' : 'last',
  theirs: { send: 100, end: oursFirst(i) ? 'last' : 'first' },
})

for (const kind of ['own address', 'shared address', 'TUN'] as const satisfies readonly AttachmentKind[]) {
  describe(`many connections, ${kind}`, { skip: labUnavailable() }, () => {
    it(`${AT_ONCE} at once, made by us and by the kernel, leave nothing behind`, LIMIT, async (t) => {
      const attachment = attach(kind, { prepare: (kernel) => kernel.sysctl('ipv4.tcp_max_tw_buckets', 500) })
      const { stack, peer } = attachment
      try {
        await stack.ping(KERNEL_ADDRESS)
        const idle = descriptors()
        const half = AT_ONCE / 2
        const server = await peer.listen({ send: 20_000, end: 'first' })
        const listener = stack.tcp.listen({ port: 0, timeWait: TIME_WAIT })
        const clients = peer.connect(OUR_ADDRESS, listener.localPort, { send: 20_000, end: 'first' }, half, half)
        const sockets: TcpSocket[] = await Promise.all(
          Array.from({ length: half }, () =>
            stack.tcp.connect({ host: KERNEL_ADDRESS, port: server.port, timeWait: TIME_WAIT }),
          ),
        )
        while (sockets.length < AT_ONCE) sockets.push(await listener.accept())
        assert.equal(stack.machine.size, AT_ONCE)
        const checkers = await Promise.all(sockets.map((socket) => exchange(socket, { send: 20_000, end: 'last' })))
        for (const { received, wrongAt } of checkers) {
          assert.deepEqual({ received, wrongAt }, { received: 20_000, wrongAt: -1 })
        }
        for (const tally of [await server.report(half), await clients]) {
          const { connections, received, wrongAt, errors, ends } = tally
          assert.deepEqual(
            { connections, received, wrongAt, errors, ends },
            { connections: half, received: half * 20_000, wrongAt: -1, errors: [], ends: half },
          )
        }
        listener.close()
        await nothingLeft(attachment, idle)
        t.diagnostic(`drops: ${JSON.stringify(stack.stack.counters)}`)
      } finally {
        attachment.close()
      }
    })

    it(`${COUNT} one after another, half closed by each side in turn, leave nothing behind`, LIMIT, async (t) => {
      const attachment = attach(kind, { prepare: (kernel) => kernel.sysctl('ipv4.tcp_max_tw_buckets', 500) })
      const { stack, peer } = attachment
      try {
        await stack.ping(KERNEL_ADDRESS)
        const idle = descriptors()
        const servers = [await peer.listen(plans(0).theirs), await peer.listen(plans(1).theirs)]
        const listener = stack.tcp.listen({ port: 0, timeWait: TIME_WAIT })
        const asClient = (i: number) =>
          stack.tcp.connect({ host: KERNEL_ADDRESS, port: servers[i % 2]!.port, timeWait: TIME_WAIT })
        const once = async (i: number, socket: TcpSocket): Promise<void> => {
          const { received, wrongAt } = await exchange(socket, { send: 100, end: plans(i).ours })
          assert.deepEqual({ received, wrongAt }, { received: 100, wrongAt: -1 })
        }
        const run = async (count: number): Promise<void> => {
          for (let i = 0; i < count / 2; i++) await once(i, await asClient(i))
          for (const turn of [0, 1]) {
            const clients = peer.connect(OUR_ADDRESS, listener.localPort, plans(turn).theirs, count / 4)
            for (let i = 0; i < count / 4; i++) await once(turn, await listener.accept())
            assert.deepEqual((await clients).errors, [])
          }
          await eventually(() => stack.machine.size === 0, 'the end of TIME-WAIT')
        }
        await run(Math.ceil(COUNT / 40) * 4)
        const before = await heap()
        await run(COUNT)
        const growth = (await heap()) - before
        t.diagnostic(`${COUNT} connections; heap growth ${growth} bytes, ${(growth / COUNT).toFixed(1)} each`)
        for (const server of servers) {
          const { errors, wrongAt } = await server.report()
          assert.deepEqual({ errors, wrongAt }, { errors: [], wrongAt: -1 })
        }
        listener.close()
        await nothingLeft(attachment, idle)
        assert.ok(growth < HEAP_GROWTH, `the heap grew by ${growth} bytes over ${COUNT} connections`)
      } finally {
        attachment.close()
      }
    })
  })
}
