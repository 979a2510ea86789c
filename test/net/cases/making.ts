import type { Socket } from 'node:net'
import { once } from '../worlds.ts'
import type { Case, Scene } from './case.ts'

/** Socket and Server for those who have no types. */
type Maker = (...args: readonly unknown[]) => Socket
type Loose = Readonly<Record<'Socket' | 'Server' | 'Stream' | 'createServer', Maker>>

const loose = ({ world }: Scene, side: 'client' | 'server' = 'client'): Loose => world[side] as unknown as Loose

export const making: readonly Case[] = [
  [
    'a socket without new',
    async (scene) => {
      const { port } = await scene.serve((socket) => socket.end('x'))
      const client = scene.read('client', loose(scene).Socket({ allowHalfOpen: true }))
      scene.log.watch('client', client)
      scene.note('client', `${client instanceof scene.world.client.Socket} ${client.allowHalfOpen}`)
      scene.note('client', `${client.constructor === scene.world.client.Socket}`, client.constructor.name)
      client.connect(port, scene.world.host)
      await once(client, 'end')
      client.end()
      await once(client, 'close')
    },
  ],
  [
    'a socket of null, and of nothing',
    async (scene) => {
      const { Socket } = scene.world.client
      for (const socket of [new Socket(null as never), loose(scene).Socket(null), loose(scene).Socket()]) {
        scene.note('client', `${socket instanceof Socket} ${socket.allowHalfOpen} ${socket.readyState}`)
      }
    },
  ],
  [
    'a socket of a class of its own',
    async (scene) => {
      class Own extends scene.world.client.Socket {
        readonly own = true
      }
      const { port } = await scene.serve((socket) => socket.end('x'))
      const client = new Own({ allowHalfOpen: true })
      scene.log.watch('client', client)
      scene.note('client', `${client instanceof Own} ${client instanceof scene.world.client.Socket} ${client.own}`)
      scene.read('client', client.connect(port, scene.world.host)).on('end', () => client.end())
      await once(client, 'close')
    },
  ],
  [
    'a server without new',
    async (scene) => {
      const { Server } = scene.world.server
      const listener = (): void => undefined
      const made = [
        loose(scene, 'server').Server(),
        loose(scene, 'server').Server(listener),
        loose(scene, 'server').Server({ pauseOnConnect: true }, listener),
        loose(scene, 'server').Server(null, listener),
        loose(scene, 'server').createServer(null, listener),
        loose(scene, 'server').createServer({}, null),
        new Server(null as never, listener),
      ]
      for (const server of made) {
        const { pauseOnConnect } = server as unknown as { pauseOnConnect: boolean }
        const facts = [server instanceof Server, server.constructor === Server, pauseOnConnect]
        scene.note('server', facts.join(), `${server.listenerCount('connection')}`)
      }
    },
  ],
  [
    'what else there is',
    async (scene) => {
      const { client: net } = scene.world
      const names = ['BlockList', 'SocketAddress', 'isIP', 'isIPv4', 'isIPv6'] as const
      for (const name of names) scene.note('client', name, typeof net[name])
      scene.note('client', `${net.isIP('10.0.0.1')} ${net.isIPv4('::1')} ${net.isIPv6('::1')}`)
      scene.note('client', `${loose(scene).Stream === loose(scene).Socket}`)
      scene.note('client', `${new net.SocketAddress({ address: '10.0.0.1' }).address}`)
      scene.note('client', `${net.getDefaultAutoSelectFamily()} ${net.getDefaultAutoSelectFamilyAttemptTimeout()}`)
      net.setDefaultAutoSelectFamilyAttemptTimeout(300)
      scene.note('client', `${net.getDefaultAutoSelectFamilyAttemptTimeout()}`)
      net.setDefaultAutoSelectFamilyAttemptTimeout(250)
    },
  ],
]
