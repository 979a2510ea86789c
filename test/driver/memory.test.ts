import assert from 'node:assert/strict'
import { Session } from 'node:inspector/promises'
import { after, describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Cable, createStack, type TcpSocket } from '../../src/index.ts'

const MIB = 1024 * 1024
const SEGMENT = 1448
const LIMIT = { timeout: 60_000 }

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Two stacks of this process on a cable; with `offload`, it carries super-segments. */
function hosts(offload = true) {
  const cable = new Cable({ offload })
  const [a, b] = [createStack(), createStack()]
  a.addInterface(cable.a, { address: '10.9.0.1/16' })
  b.addInterface(cable.b, { address: '10.9.0.2/16' })
  after(() => {
    a.close()
    b.close()
  })
  const listener = b.tcp.listen({ port: 80, backlog: 256 })
  const connect = (): Promise<[TcpSocket, TcpSocket]> =>
    Promise.all([a.tcp.connect({ host: '10.9.0.2', port: 80 }), listener.accept()])
  return { connect }
}

/** What the heap holds once garbage is collected: the least that several collections leave. */
async function heapInUse(): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let i = 0; i < 4; i++) {
    collect()
    least = Math.min(least, process.memoryUsage().heapUsed)
    await setImmediate()
  }
  return least
}

interface ProfileNode {
  readonly selfSize: number
  readonly children: readonly ProfileNode[]
}

const sizeOf = ({ selfSize, children }: ProfileNode): number =>
  children.reduce((sum, child) => sum + sizeOf(child), selfSize)

/** All that `work` allocates on the heap, in octets, whether it lives on or not. */
async function allocationsOf(work: () => Promise<void>): Promise<number> {
  const session = new Session()
  session.connect()
  await session.post('HeapProfiler.startSampling', {
    samplingInterval: 512,
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: true,
  } as object)
  await work()
  const { profile } = await session.post('HeapProfiler.stopSampling')
  session.disconnect()
  return sizeOf(profile.head as ProfileNode)
}

describe('Memory', () => {
  /** Octets of heap for each segment of a long transfer, both sides together, once the code is warm. */
  async function perSegment(offload: boolean): Promise<number> {
    const [client, server] = await hosts(offload).connect()
    const chunk = new Uint8Array(MIB / 4)
    const memory = new Uint8Array(MIB)
    const send = async (bytes: number): Promise<void> => {
      for (let sent = 0; sent < bytes; sent += chunk.length) await client.write(chunk)
    }
    const reading = (async () => {
      while ((await server.readInto(memory)) > 0);
    })()
    const bytes = (offload ? 256 : 64) * MIB
    await send(2 * bytes)
    const each = (await allocationsOf(() => send(bytes))) / (bytes / SEGMENT)
    client.end()
    await reading
    await server.close()
    return each
  }

  it('takes less than 64 octets of heap for a segment of a super-segment', LIMIT, async () => {
    const octets = await perSegment(true)
    assert.ok(octets < 64, octets.toFixed(1))
  })

  it('takes less than 96 octets of heap for a segment that is a frame of its own', LIMIT, async () => {
    const octets = await perSegment(false)
    assert.ok(octets < 96, octets.toFixed(1))
  })

  it('takes less than 2.25 KiB of heap for an idle connection, its socket included', LIMIT, async () => {
    const { connect } = hosts()
    const sockets: TcpSocket[] = []
    const open = async (count: number): Promise<void> => {
      while (sockets.length < count) sockets.push(...(await connect()))
    }
    await open(400)
    const before = await heapInUse()
    await open(20_400)
    const each = ((await heapInUse()) - before) / 20_000
    assert.ok(each < 2.25 * 1024, `${each.toFixed(0)}`)
    const [client, server] = sockets.slice(-2) as [TcpSocket, TcpSocket]
    const [count] = await Promise.all([server.readInto(new Uint8Array(10)), client.write('still here')])
    assert.equal(count, 10)
    for (const socket of sockets) socket.abort()
  })
})
