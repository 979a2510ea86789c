import type { AddressInfo, Server, Socket } from 'node:net'
import { once, sleep } from '../worlds.ts'
import type { Case, Scene } from './case.ts'

const SERVER_EVENTS = ['listening', 'connection', 'drop', 'close', 'error'] as const

/** A server that is watched and does not listen yet. */
function bare(scene: Scene, onConnection?: (socket: Socket) => void): Server {
  const server = scene.world.server.createServer(onConnection)
  scene.log.watch('listener', server, SERVER_EVENTS)
  return server
}

const connections = (server: Server): Promise<number> =>
  new Promise((resolve, reject) => server.getConnections((error, count) => (error ? reject(error) : resolve(count))))

export const serving: readonly Case[] = [
  [
    'listen, address, close',
    async (scene) => {
      const server = bare(scene)
      scene.note('listener', `${server.listening} ${server.address()}`)
      server.listen({ port: 0, host: scene.world.host, backlog: 5 }, () => scene.note('listener', 'callback'))
      await once(server, 'listening')
      const { address, family, port } = server.address() as AddressInfo
      scene.note('listener', `${server.listening}`, address, family, port)
      server.close((error) => scene.note('listener', 'closed', error))
      scene.note('listener', `${server.listening} ${server.address()}`)
      await once(server, 'close')
    },
  ],
  [
    'listen twice',
    async (scene) => {
      const server = bare(scene)
      server.listen(0, scene.world.host)
      try {
        server.listen(0, scene.world.host)
      } catch (error) {
        scene.note('listener', 'thrown', error)
      }
      await once(server, 'listening')
      server.close()
      await once(server, 'close')
      server.listen(0, scene.world.host)
      await once(server, 'listening')
      server.close()
      await once(server, 'close')
    },
  ],
  [
    'the address is in use',
    async (scene) => {
      const { port } = await scene.serve(() => undefined)
      const server = bare(scene)
      server.listen(port, scene.world.host)
      await once(server, 'error')
      scene.note('listener', `${server.listening}`)
    },
  ],
  [
    'an address that is not ours',
    async (scene) => {
      const server = bare(scene)
      server.listen(0, '192.0.2.77')
      await once(server, 'error')
    },
  ],
  [
    'arguments that are none',
    async (scene) => {
      const attempts: Record<string, () => unknown> = {
        'port too large': () => bare(scene).listen(65536),
        'no port': () => bare(scene).listen({} as never),
        'options of no type': () => scene.world.server.createServer('x' as never),
      }
      for (const [name, attempt] of Object.entries(attempts)) {
        try {
          attempt()
          scene.note('listener', name, 'is taken')
        } catch (error) {
          scene.note('listener', name, error)
        }
      }
    },
  ],
  [
    'close of a server that does not listen',
    async (scene) => {
      const server = bare(scene)
      server.close((error) => scene.note('listener', 'closed', error))
      await once(server, 'close')
    },
  ],
  [
    'close waits for open connections',
    async (scene) => {
      const server = bare(scene, (socket) => socket.resume())
      server.listen(0, scene.world.host)
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      const client = scene.connect(port).resume()
      await once(server, 'connection')
      scene.note('listener', `${await connections(server)} connections`)
      server.close((error) => scene.note('listener', 'closed', error))
      await sleep(20)
      scene.note('listener', `${await connections(server)} connections`)
      const refused = scene.connect(port, {}, 'late')
      await once(refused, 'close')
      client.end()
      await once(server, 'close')
      scene.note('listener', `${await connections(server)} connections`)
    },
  ],
  [
    'more connections than the server wants',
    async (scene) => {
      const server = bare(scene, (socket) => socket.resume())
      server.maxConnections = 1
      server.listen(0, scene.world.host)
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      const first = scene.connect(port, {}, 'first').resume()
      await once(server, 'connection')
      const second = scene.connect(port, {}, 'second').resume()
      await once(second, 'close')
      first.end()
      await once(first, 'close')
      while ((await connections(server)) > 0) await sleep(1)
      const third = scene.connect(port, {}, 'third').resume()
      await once(server, 'connection')
      third.end()
      server.close()
      await once(server, 'close')
    },
  ],
  [
    'a signal that closes the server',
    async (scene) => {
      const server = bare(scene)
      const controller = new AbortController()
      server.listen({ port: 0, host: scene.world.host, signal: controller.signal })
      await once(server, 'listening')
      controller.abort()
      await once(server, 'close')
      scene.note('listener', `${server.listening}`)
    },
  ],
  [
    'ref and unref',
    async (scene) => {
      const server = bare(scene)
      scene.note('listener', `${server.unref() === server} ${server.ref() === server}`)
      server.unref().listen(0, scene.world.host)
      await once(server, 'listening')
      server.ref().close()
      await once(server, 'close')
    },
  ],
  [
    'many connections at once',
    async (scene) => {
      const server = bare(scene)
      let sum = 0
      server.removeAllListeners('connection')
      server.on('connection', (socket: Socket) => {
        socket.on('data', (data) => {
          sum += Number(data)
          socket.end(data)
        })
      })
      server.listen(0, scene.world.host)
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      const answers = await Promise.all(
        Array.from({ length: 100 }, async (_, index) => {
          const client = scene.world.client.connect(port, scene.world.host)
          client.write(String(index))
          let text = ''
          for await (const chunk of client) text += chunk
          return Number(text)
        }),
      )
      server.close()
      await once(server, 'close')
      scene.note('listener', `${sum} ${answers.reduce((total, each) => total + each, 0)}`)
    },
  ],
  [
    'what the options of a server give to its connections',
    async (scene) => {
      const { port } = await scene.serve(
        (socket) => {
          scene.note(
            'server',
            `${socket.allowHalfOpen} ${socket.readableHighWaterMark} ${socket.writableHighWaterMark}`,
          )
          socket.end()
        },
        {
          allowHalfOpen: true,
          noDelay: true,
          keepAlive: true,
          keepAliveInitialDelay: 5000,
          highWaterMark: 777,
        } as never,
      )
      const client = scene.connect(port).resume()
      await once(client, 'close')
    },
  ],
]
