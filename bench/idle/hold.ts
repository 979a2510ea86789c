// Holds many idle connections: node hold.js '<order>'; prints one line of JSON.
import assert from 'node:assert/strict'
import { Cable, createStack, type Host, openPacketLink, type TcpSocket } from '../../src/index.ts'
import { type Memory, measureMemory } from '../memory.ts'
import { FIRST_PORT, type HoldOrder, type HoldResult, PER_PORT } from './order.ts'

/** Opened before anything is measured: what the first ones need is needed only once. */
const WARM = 1000
const AT_ONCE = 500

/** A connection, and the peer's end of it where that is ours as well. */
interface Held {
  readonly client: TcpSocket
  readonly server: TcpSocket | undefined
}

/** Where connections come from. */
interface Source {
  open(index: number): Promise<Held>
  close(): void
}

const connect = (host: Host, address: string, index: number): Promise<TcpSocket> =>
  host.tcp.connect({ host: address, port: FIRST_PORT + Math.floor(index / PER_PORT), noDelay: true })

/** Two stacks of this process on a cable in memory. */
function twoStacks(connections: number): Source {
  const cable = new Cable({ offload: true })
  const [a, b] = [createStack(), createStack()]
  a.addInterface(cable.a, { address: '10.0.0.1/24' })
  b.addInterface(cable.b, { address: '10.0.0.2/24' })
  const ports = Math.ceil(connections / PER_PORT)
  const listeners = Array.from({ length: ports }, (_, i) => b.tcp.listen({ port: FIRST_PORT + i, backlog: AT_ONCE }))
  return {
    open: async (index) => {
      const accepted = listeners[Math.floor(index / PER_PORT)]!.accept()
      const client = await connect(a, '10.0.0.2', index)
      return { client, server: (await accepted)! }
    },
    close: () => {
      a.close()
      b.close()
    },
  }
}

/** A stack of ours, and the kernel at the other end of a veth. */
function toKernel(netns: string): Source {
  const stack = createStack()
  stack.addInterface(openPacketLink({ interface: 'eth0', addresses: ['10.0.0.3/24'], netns }), {
    address: '10.0.0.3/24',
  })
  return {
    open: async (index) => ({ client: await connect(stack, '10.0.0.2', index), server: undefined }),
    close: () => stack.close(),
  }
}

/** Does something with each of so many, a few hundred at a time. */
async function each(from: number, to: number, work: (index: number) => Promise<void>): Promise<void> {
  for (let first = from; first < to; first += AT_ONCE) {
    const last = Math.min(to, first + AT_ONCE)
    await Promise.all(Array.from({ length: last - first }, (_, i) => work(first + i)))
  }
}

/** Four bytes there, and the same back. */
async function converse({ client, server }: Held, index: number): Promise<void> {
  const question = Buffer.alloc(4)
  question.writeUInt32BE(index)
  await client.write(question)
  if (server !== undefined) await server.write((await server.read())!)
  for (let got = 0; got < question.length; ) {
    const part = await client.read()
    assert.ok(part !== null, `connection ${index} ended instead of answering`)
    assert.deepEqual(Buffer.from(part), question.subarray(got, got + part.length))
    got += part.length
  }
}

const difference = (after: Memory, before: Memory): Memory => ({
  heap: after.heap - before.heap,
  external: after.external - before.external,
  buffers: after.buffers - before.buffers,
  rss: after.rss - before.rss,
})

async function hold({ connections, netns }: HoldOrder): Promise<HoldResult> {
  const total = WARM + connections
  const source = netns === undefined ? twoStacks(total) : toKernel(netns)
  const held: Held[] = []
  const open = async (index: number): Promise<void> => {
    held[index] = await source.open(index)
  }
  await each(0, WARM, open)
  await each(0, WARM, (index) => converse(held[index]!, index))
  const before = await measureMemory()
  const begin = performance.now()
  await each(WARM, total, open)
  const opened = performance.now()
  const idle = await measureMemory()
  const asked = performance.now()
  await each(0, total, (index) => converse(held[index]!, index))
  const answered = performance.now()
  const afterwards = await measureMemory()
  for (const { client, server } of held) {
    client.abort()
    server?.abort()
  }
  source.close()
  return {
    ends: netns === undefined ? 2 * connections : connections,
    answers: total,
    idle: difference(idle, before),
    afterwards: difference(afterwards, before),
    opening: (opened - begin) / connections,
    answering: (answered - asked) / total,
  }
}

console.log(JSON.stringify(await hold(JSON.parse(process.argv[2] ?? '{}'))))
process.exit()
