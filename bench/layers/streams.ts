import { once } from 'node:events'
import type { Server, Socket } from 'node:net'
import { Cable, createStack, type Host } from '../../src/index.ts'
import { createNet } from '../../src/net/index.ts'
import type { Micro, Work } from './micro.ts'

const CHUNK = 64 * 1024
const PORT = 7

/** Two stacks of this process, driven by its event loop. */
function hosts(offload: boolean): readonly [Host, Host] {
  const cable = new Cable({ offload })
  const [a, b] = [createStack(), createStack()]
  a.addInterface(cable.a, { address: '10.0.0.1/24' })
  b.addInterface(cable.b, { address: '10.0.0.2/24' })
  return [a, b]
}

async function promises(): Promise<Work> {
  const [a, b] = hosts(true)
  const listener = b.tcp.listen({ port: PORT })
  const [sender, receiver] = await Promise.all([a.tcp.connect({ host: '10.0.0.2', port: PORT }), listener.accept()])
  const chunk = new Uint8Array(CHUNK).fill(1)
  const memory = new Uint8Array(CHUNK)
  return async (count) => {
    let sum = 0
    const reading = (async () => {
      for (let left = count * CHUNK; left > 0; sum += memory[0]!) left -= await receiver!.readInto(memory)
    })()
    for (let i = 0; i < count; i++) await sender.write(chunk)
    await reading
    return sum
  }
}

/** A connection by the sockets of `gotcp/net`. */
async function sockets(): Promise<readonly [Socket, Socket]> {
  const [a, b] = hosts(true)
  const server: Server = createNet(b).createServer()
  server.listen(PORT)
  await once(server, 'listening')
  const client = createNet(a).connect({ host: '10.0.0.2', port: PORT, noDelay: true })
  const [served] = (await once(server, 'connection')) as [Socket]
  return [client, served]
}

async function streams(length: number): Promise<Work> {
  const [client, served] = await sockets()
  const chunk = new Uint8Array(length).fill(1)
  let left = 0
  let sum = 0
  let done = (): void => undefined
  served.on('data', (data) => {
    sum += data[0]!
    left -= data.length
    if (left === 0) done()
  })
  return async (count) => {
    left += count * length
    const arrived = new Promise<void>((resolve) => {
      done = resolve
    })
    for (let i = 0; i < count; i++) if (!client.write(chunk)) await once(client, 'drain')
    await arrived
    return sum
  }
}

async function roundTrips(): Promise<Work> {
  const [client, served] = await sockets()
  served.setNoDelay(true)
  served.on('data', (data) => served.write(data))
  return (count) =>
    new Promise((resolve) => {
      let left = count
      const question = Uint8Array.of(1)
      client.removeAllListeners('data')
      client.on('data', () => {
        if (--left === 0) resolve(count)
        else client.write(question)
      })
      client.write(question)
    })
}

export const STREAMS: readonly Micro[] = [
  { layer: 'API', name: '64 KiB, write and readInto, both stacks', bytes: CHUNK, prepare: promises },
  {
    layer: 'API',
    name: "64 KiB, gotcp/net, write and 'data', both stacks",
    bytes: CHUNK,
    prepare: () => streams(CHUNK),
  },
  { layer: 'API', name: "1 KiB, gotcp/net, write and 'data', both stacks", bytes: 1024, prepare: () => streams(1024) },
  { layer: 'API', name: '1 byte there and back, gotcp/net, both stacks', prepare: roundTrips },
]
