import type { Socket, TcpSocketConnectOpts } from 'node:net'
import { once, sleep } from '../worlds.ts'
import type { Case, Scene } from './case.ts'

type Lookup = NonNullable<TcpSocketConnectOpts['lookup']>

/** A lookup that finds these addresses. */
export const finding =
  (addresses: readonly string[], family = 4): Lookup =>
  (_name, _options, found) =>
    found(
      null,
      addresses.map((address) => ({ address, family })),
    )

/** A socket that is to connect to one of these addresses, watched as `client`. */
function choose(
  scene: Scene,
  port: number,
  addresses: readonly string[],
  options: Partial<TcpSocketConnectOpts> = {},
): Socket {
  const client = scene.socket()
  return client.connect({ host: 'a.name', lookup: finding(addresses), ...options, port }).resume()
}

/** Notes what a socket has tried, once it is closed. */
async function over(scene: Scene, client: Socket): Promise<void> {
  await once(client, 'close')
  scene.note('client', 'tried', client.autoSelectFamilyAttemptedAddresses)
}

/** Connects with options by which one address alone is asked for: one where nobody listens. */
async function tryFirst(scene: Scene, options: Parameters<typeof choose>[3]): Promise<void> {
  const { port } = await scene.serve(() => undefined)
  const [closed] = scene.world.closed
  const lookup: Lookup = (_name, { all }, found) => {
    scene.note('client', 'asked for all', `${all}`)
    found(null, closed, 4)
  }
  await over(scene, choose(scene, port, [], { ...options, lookup }))
}

export const names: readonly Case[] = [
  [
    'several addresses, the first is open',
    async (scene) => {
      const { port } = await scene.serve((socket) => socket.resume().end('x'))
      await over(scene, choose(scene, port, [scene.world.host, ...scene.world.closed]))
    },
  ],
  [
    'several addresses, the last is open',
    async (scene) => {
      const { port } = await scene.serve((socket) => socket.resume().end('x'))
      const client = choose(scene, port, [...scene.world.closed, scene.world.host])
      client.write('early', (error) => scene.note('client', 'written', error))
      await over(scene, client)
    },
  ],
  [
    'several addresses, the first gives no answer',
    async (scene) => {
      const { port } = await scene.serve((socket) => socket.resume().end('x'))
      await scene.world.silence(port)
      const addresses = [scene.world.silent, scene.world.closed[0], scene.world.host]
      await over(scene, choose(scene, port, addresses, { autoSelectFamilyAttemptTimeout: 60 }))
    },
  ],
  [
    'several addresses, none is open',
    async (scene) => {
      const { port } = await scene.serve(() => undefined)
      const client = choose(scene, port, scene.world.closed)
      client.write('early', (error) => scene.note('client', 'written', error))
      await over(scene, client)
    },
  ],
  [
    'several addresses, none is open or answers',
    async (scene) => {
      const { port } = await scene.serve(() => undefined)
      await scene.world.silence(port)
      const addresses = [scene.world.silent, scene.world.closed[0]]
      await over(scene, choose(scene, port, addresses, { autoSelectFamilyAttemptTimeout: 1 }))
    },
  ],
  [
    'several addresses, from a local port',
    async (scene) => {
      const { port } = await scene.serve((socket) => {
        scene.note('server', `${socket.remotePort === 45_681}`)
        socket.resume().end('x')
      })
      const client = choose(scene, port, [scene.world.closed[0], scene.world.host], { localPort: 45_681 })
      await over(scene, client)
    },
  ],
  [
    'several addresses, and a local one: only the first is tried',
    (scene) => tryFirst(scene, { localAddress: scene.world.local }),
  ],
  ['several addresses, of which the first alone is wanted', (scene) => tryFirst(scene, { autoSelectFamily: false })],
  [
    'the same address several times is one',
    async (scene) => {
      const { port } = await scene.serve(() => undefined)
      const [closed] = scene.world.closed
      await over(scene, choose(scene, port, [closed, closed]))
    },
  ],
  [
    'what a lookup is asked',
    async (scene) => {
      const asked = async (options: Partial<TcpSocketConnectOpts>): Promise<void> => {
        const lookup: Lookup = (name, { all, family, hints }, found) => {
          scene.note('client', `${name} ${family} ${hints}`, `${all}`)
          found(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }), '', 4)
        }
        const client = scene.socket().connect({ port: 1, host: 'a.name', lookup, ...options })
        await once(client, 'close')
      }
      await asked({ family: 4 })
      await asked({ family: 4, hints: 1024 })
      await asked({ family: 6 })
      await asked({ family: 'IPv6' as never })
    },
  ],
  [
    'a lookup of all that fails',
    async (scene) => {
      const error = Object.assign(new Error('no such name'), { code: 'ENOTFOUND' })
      const lookup: Lookup = (_name, _options, found) => found(error, [])
      await over(scene, choose(scene, 1, [], { lookup }))
    },
  ],
  [
    'a lookup that throws',
    async (scene) => {
      const client = scene.socket()
      const lookup: Lookup = () => {
        throw new RangeError('thrown')
      }
      try {
        client.connect({ port: 1, host: 'a.name', lookup })
      } catch (error) {
        scene.note('client', 'thrown', error, `${client.connecting}`)
      }
      client.destroy()
      await once(client, 'close')
    },
  ],
  [
    'answers that are no addresses',
    async (scene) => {
      await over(scene, choose(scene, 1, ['here', 'there']))
      await over(scene, choose(scene, 1, [], { family: 4, lookup: (_name, _options, found) => found(null, 'here', 4) }))
    },
  ],
  [
    'destroyed while it is looked up',
    async (scene) => {
      for (const family of [0, 4]) {
        const lookup: Lookup = (_name, { all }, found) => {
          setImmediate(() => (all ? found(null, [{ address: '10.0.0.9', family: 4 }]) : found(null, '10.0.0.9', 4)))
        }
        const client = choose(scene, 1, [], { family, lookup })
        client.destroy()
        await once(client, 'close')
        await sleep(5)
      }
    },
  ],
  [
    'destroyed by the first of several answers',
    async (scene) => {
      const client = choose(scene, 1, scene.world.closed, {
        lookup: (_name, _options, found) => setImmediate(() => finding(scene.world.closed)('', {}, found)),
      })
      client.once('lookup', () => client.destroy())
      await over(scene, client)
    },
  ],
  [
    'destroyed during the first attempt of several',
    async (scene) => {
      const { port } = await scene.serve(() => undefined)
      await scene.world.silence(port)
      for (const error of [undefined, new Error('mine')]) {
        const client = choose(scene, port, [scene.world.silent, scene.world.host])
        setTimeout(() => client.destroy(error), 20)
        await over(scene, client)
      }
    },
  ],
  [
    'destroyed between two attempts',
    async (scene) => {
      const { port } = await scene.serve(() => undefined)
      const client = choose(scene, port, [scene.world.closed[0], scene.world.host])
      client.once('connectionAttemptFailed', () => client.destroy())
      await over(scene, client)
    },
  ],
  [
    'a timeout while several are tried',
    async (scene) => {
      const { port } = await scene.serve((socket) => socket.resume().end('x'))
      await scene.world.silence(port)
      const client = choose(scene, port, [scene.world.silent, scene.world.host], { autoSelectFamilyAttemptTimeout: 90 })
      client.setTimeout(30, () => client.setTimeout(0))
      await over(scene, client)
    },
  ],
]
