import type { AddressInfo, Socket } from 'node:net'
import { once, sleep } from '../worlds.ts'
import type { Case } from './case.ts'

/** The facts of a socket at one moment. */
const state = (socket: Socket): string =>
  [
    socket.readyState,
    `connecting=${socket.connecting}`,
    `pending=${socket.pending}`,
    `destroyed=${socket.destroyed}`,
    `remote=${socket.remoteAddress !== undefined}`,
  ].join(' ')

/** A socket for those who have no types. */
type Loose = { connect(...args: readonly unknown[]): unknown }

export const connecting: readonly Case[] = [
  [
    'connect, data both ways, end',
    async (scene) => {
      const { port } = await scene.serve((socket) => {
        scene.read('server', socket)
        socket.on('data', (data) => socket.write(`<${data}>`))
      })
      const client = scene.read('client', scene.connect(port))
      client.write('hello')
      client.once('data', () => client.end())
      await once(client, 'close')
    },
  ],
  [
    'states and addresses through a life',
    async (scene) => {
      const { port } = await scene.serve((socket) => scene.note('server', state(socket)))
      const client = scene.socket()
      scene.note('client', state(client))
      client.connect(port, scene.world.host)
      scene.note('client', state(client))
      await once(client, 'connect')
      scene.note('client', state(client), client.remoteAddress, client.remoteFamily, client.localFamily)
      scene.note(
        'client',
        `${client.remotePort === port}`,
        `${(client.address() as AddressInfo).port === client.localPort}`,
      )
      client.end()
      scene.note('client', state(client))
      await once(client, 'close')
      scene.note('client', state(client), client.localAddress)
    },
  ],
  [
    'write and end before connect',
    async (scene) => {
      const { port } = await scene.serve((socket) => scene.read('server', socket))
      const client = scene.socket()
      client.connect(port, scene.world.host)
      client.write('one ', () => scene.note('client', 'written'))
      client.end('two', () => scene.note('client', 'ended'))
      client.resume()
      scene.note('client', `bytesWritten ${client.bytesWritten}`)
      await once(client, 'close')
      scene.note('client', `bytesWritten ${client.bytesWritten}`)
    },
  ],
  [
    'write on a socket that was never connected',
    async (scene) => {
      const client = scene.socket()
      client.write('x', (error) => scene.note('client', 'written', error))
      await once(client, 'close')
    },
  ],
  [
    'destroy before connect',
    async (scene) => {
      const { port } = await scene.serve(() => undefined)
      const client = scene.connect(port)
      client.write('x', (error) => scene.note('client', 'written', error))
      client.destroy()
      scene.note('client', state(client))
      await once(client, 'close')
    },
  ],
  [
    'destroy with an error while connecting',
    async (scene) => {
      const { port } = await scene.serve(() => undefined)
      scene.unordered.push('server')
      const client = scene.connect(port)
      setImmediate(() => client.destroy(Object.assign(new Error('mine'), { code: 'MINE' })))
      client.removeAllListeners('connect')
      client.removeAllListeners('ready')
      await once(client, 'close')
    },
  ],
  [
    'destroy of a new socket',
    async (scene) => {
      const client = scene.socket()
      client.destroy()
      client.destroy()
      await once(client, 'close')
    },
  ],
  [
    'connection refused',
    async (scene) => {
      const { server, port } = await scene.serve(() => undefined)
      server.close()
      await once(server, 'close')
      const client = scene.connect(port)
      client.write('x', (error) => scene.note('client', 'written', error))
      client.end(() => scene.note('client', 'ended'))
      await once(client, 'close')
      scene.note('client', state(client))
    },
  ],
  [
    'connect again after close, with the same socket',
    async (scene) => {
      const { port } = await scene.serve((socket) => socket.end('x'))
      const client = scene.read('client', scene.connect(port))
      await once(client, 'close')
      client.connect(port, scene.world.host)
      await once(client, 'close')
    },
  ],
  [
    'arguments that are none',
    async (scene) => {
      const attempts: Record<string, () => unknown> = {
        nothing: () => (scene.socket() as unknown as Loose).connect(),
        undefined: () => (scene.socket() as unknown as Loose).connect(undefined),
        null: () => (scene.socket() as unknown as Loose).connect(null),
        'a listener alone': () => (scene.socket() as unknown as Loose).connect(() => undefined),
        'an empty name': () => scene.socket().connect(''),
        'no port': () => scene.socket().connect({} as never),
        'a port of null': () => scene.socket().connect({ port: null as never }),
        'port too large': () => scene.socket().connect(65536),
        'port of words': () => scene.socket().connect({ port: 'http' as never }),
        'port of no type': () => scene.socket().connect({ port: true as never }),
        'local address': () => scene.socket().connect({ port: 80, localAddress: 'here' }),
        'local port of words': () => scene.socket().connect({ port: 80, localPort: 'abc' as never }),
        'local port of digits': () => scene.socket().connect({ port: 80, localPort: '99' as never }),
        'a choice of no type': () => scene.socket().connect({ port: 80, autoSelectFamily: 9 as never }),
        'patience of words': () => scene.socket().connect({ port: 80, autoSelectFamilyAttemptTimeout: 'x' as never }),
        'no patience': () => scene.socket().connect({ port: 80, autoSelectFamilyAttemptTimeout: 0 }),
        'half of patience': () => scene.socket().connect({ port: 80, autoSelectFamilyAttemptTimeout: 20.5 }),
        'all patience': () => scene.socket().connect({ port: 80, autoSelectFamilyAttemptTimeout: 2 ** 31 }),
        'family of no such number': () => scene.socket().connect({ port: 80, host: 'a.name', family: 9 }),
        'family of no such name': () => scene.socket().connect({ port: 80, host: 'a.name', family: 'IPv5' as never }),
        'hints of words': () => scene.socket().connect({ port: 80, host: 'a.name', hints: 'x' as never }),
        'a lookup that is none': () => scene.socket().connect({ port: 80, host: 'a.name', lookup: 5 as never }),
        'no callback of a timeout': () => scene.socket().setTimeout(5, 'x' as never),
        'null for a callback': () => scene.socket().setTimeout(0, null as never),
        'delay of words': () => scene.socket({ keepAliveInitialDelay: 'x' } as never),
        'objects for bytes': () => scene.socket({ objectMode: true } as never),
        'objects to read': () => scene.socket({ readableObjectMode: true } as never),
        'objects to write': () => scene.socket({ writableObjectMode: true } as never),
        'timeout of words': () => scene.socket().setTimeout('x' as never),
        'timeout below zero': () => scene.socket().setTimeout(-1),
      }
      for (const [name, attempt] of Object.entries(attempts)) {
        try {
          attempt()
          scene.note('client', name, 'is taken')
        } catch (error) {
          scene.note('client', name, (error as Error).name, (error as { code: string }).code)
        }
      }
      scene.close()
    },
  ],
  [
    'lookup of a name',
    async (scene) => {
      const { port } = await scene.serve((socket) => socket.end())
      const client = scene.socket().resume()
      const { host } = scene.world
      client.connect({ port, host: 'a.name', family: 4, lookup: (_name, _options, found) => found(null, host, 4) })
      await once(client, 'close')
    },
  ],
  [
    'lookup that fails',
    async (scene) => {
      const client = scene.socket()
      const error = Object.assign(new Error('no such name'), { code: 'ENOTFOUND' })
      client.connect({ port: 1, host: 'a.name', family: 4, lookup: (_name, _options, found) => found(error, '', 4) })
      await once(client, 'close')
    },
  ],
  [
    'a local address that is not ours',
    async (scene) => {
      const client = scene.socket()
      client.connect({ port: 9, host: scene.world.host, localAddress: '192.0.2.77' })
      await once(client, 'close')
    },
  ],
  [
    'a local address that is of IPv6',
    async (scene) => {
      const client = scene.socket()
      client.connect({ port: 9, host: scene.world.host, localAddress: '::1' })
      await once(client, 'close')
    },
  ],
  [
    'refused from a local port of choice',
    async (scene) => {
      const client = scene.socket()
      client.connect({ port: 9, host: scene.world.closed[0], localPort: 45_679 })
      client.on('error', ({ localPort }: { localPort?: number }) => scene.note('client', 'from', `${localPort}`))
      await once(client, 'close')
    },
  ],
  [
    'connect while connecting',
    async (scene) => {
      const { port } = await scene.serve((socket) => socket.resume())
      scene.unordered.push('server')
      const client = scene.connect(port)
      client.connect(port, scene.world.host, () => scene.note('client', 'callback'))
      scene.note('client', state(client))
      await once(client, 'close')
    },
  ],
  [
    'connect while connecting, by names',
    async (scene) => {
      const { port } = await scene.serve((socket) => socket.resume())
      scene.unordered.push('server')
      const client = scene.socket()
      const { host } = scene.world
      for (const name of ['a.name', 'b.name']) {
        client.connect({ port, host: name, family: 4, lookup: (_name, _options, found) => found(null, host, 4) })
      }
      await once(client, 'close')
    },
  ],
  [
    'connect while connecting, the second name is found first',
    async (scene) => {
      const { port } = await scene.serve((socket) => socket.resume())
      scene.unordered.push('server')
      const client = scene.socket()
      const { host } = scene.world
      let answer = (): void => undefined
      client.connect({
        port: 9,
        host: 'a.name',
        family: 4,
        lookup: (_name, _options, found) => {
          answer = () => found(null, host, 4)
        },
      })
      client.connect({ port, host: 'b.name', family: 4, lookup: (_name, _options, found) => found(null, host, 4) })
      answer()
      await once(client, 'close')
    },
  ],
  [
    'a local port of choice',
    async (scene) => {
      const { port } = await scene.serve((socket) => {
        scene.note('server', `${socket.remotePort === 45_678}`)
        socket.end()
      })
      const client = scene.socket().resume()
      client.connect({ port, host: scene.world.host, localPort: 45_678 })
      await once(client, 'close')
      await sleep(1)
    },
  ],
  [
    'a signal that aborts the socket',
    async (scene) => {
      const { port } = await scene.serve((socket) => socket.resume())
      scene.unordered.push('server')
      const controller = new AbortController()
      const client = scene.connect(port, { signal: controller.signal })
      await once(client, 'ready')
      controller.abort()
      await once(client, 'close')
    },
  ],
  [
    'a signal that was aborted before',
    async (scene) => {
      const client = scene.connect(9, { signal: AbortSignal.abort() })
      await once(client, 'close')
    },
  ],
]
