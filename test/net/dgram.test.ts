import assert from 'node:assert/strict'
import nodeDgram, { type RemoteInfo, type Socket, type SocketOptions } from 'node:dgram'
import { after, describe, it } from 'node:test'
import { createDgram, type Dgram } from '../../src/net/dgram.ts'
import { Log, once, sleep, stacks } from './worlds.ts'

const LIMIT = { timeout: 20_000 }
const EVENTS = ['listening', 'connect', 'close', 'error'] as const

interface World {
  readonly here: Dgram
  readonly there: Dgram
  readonly host: string
}

class Scene {
  readonly world: World
  readonly log: Log
  readonly #sockets: Socket[] = []

  constructor(world: World) {
    this.world = world
    this.log = new Log({ [world.host]: 'HOST' })
  }

  note(party: string, what: string, ...details: readonly unknown[]): void {
    this.log.note(party, what, ...details)
  }

  /** A socket that is watched and not bound yet. */
  socket(party: 'client' | 'server', options: Partial<SocketOptions> = {}): Socket {
    const socket = this.world[party === 'client' ? 'here' : 'there'].createSocket({ type: 'udp4', ...options })
    this.#sockets.push(socket)
    this.log.watch(party, socket, EVENTS)
    socket.on('message', (message, { family, size, port }: RemoteInfo) => {
      this.note(party, 'message', message, family, `${size}`, port)
    })
    return socket
  }

  /** A bound socket of the server's side; its port. */
  async bound(options: Partial<SocketOptions> = {}): Promise<{ server: Socket; port: number }> {
    const server = this.socket('server', options)
    server.bind(0, this.world.host)
    await once(server, 'listening')
    return { server, port: server.address().port }
  }

  close(): void {
    for (const socket of this.#sockets) {
      try {
        socket.close()
      } catch {
        // It is closed already.
      }
    }
  }
}

/** Notes what an attempt throws. */
function attempt(scene: Scene, name: string, action: () => unknown): void {
  try {
    action()
    scene.note('client', name, 'is taken')
  } catch (error) {
    scene.note('client', name, error)
  }
}

type Case = readonly [title: string, run: (scene: Scene) => Promise<void>]

const CASES: readonly Case[] = [
  [
    'bind, address, close',
    async (scene) => {
      const server = scene.socket('server')
      server.bind({ port: 0, address: scene.world.host }, () => scene.note('server', 'callback'))
      await once(server, 'listening')
      const { address, family, port } = server.address()
      scene.note('server', 'bound', address, family, port)
      server.close(() => scene.note('server', 'closed'))
      await once(server, 'close')
    },
  ],
  [
    'send before bind, in all its forms, and answers',
    async (scene) => {
      const { server, port } = await scene.bound()
      server.on('message', (message, sender) => server.send(`<${message}>`, sender.port, sender.address))
      const client = scene.socket('client')
      const { host } = scene.world
      client.send('text', port, host, (error, bytes) => scene.note('client', 'sent', error, `${bytes}`))
      await once(client, 'message')
      client.send(Buffer.from('__part__'), 2, 4, port, host)
      await once(client, 'message')
      client.send([Buffer.from('of '), 'several ', new Uint8Array([0x21])], port, host)
      await once(client, 'message')
      client.send([], port, host)
      await once(client, 'message')
    },
  ],
  [
    'connect, send, disconnect',
    async (scene) => {
      const { server, port } = await scene.bound()
      server.on('message', (message, sender) => server.send(message, sender.port, sender.address))
      const client = scene.socket('client')
      client.connect(port, scene.world.host, () => scene.note('client', 'callback'))
      await once(client, 'connect')
      scene.note('client', 'peer', client.remoteAddress().address, client.remoteAddress().port)
      client.send('hello', (error, bytes) => scene.note('client', 'sent', error, `${bytes}`))
      await once(client, 'message')
      attempt(scene, 'send elsewhere', () => client.send('x', 0, 1, port, scene.world.host))
      attempt(scene, 'connect twice', () => client.connect(port, scene.world.host))
      client.disconnect()
      attempt(scene, 'disconnect twice', () => client.disconnect())
      attempt(scene, 'no peer', () => client.remoteAddress())
      client.send('again', port, scene.world.host)
      await once(client, 'message')
    },
  ],
  [
    'nobody listens there',
    async (scene) => {
      const { server, port } = await scene.bound()
      server.close()
      const client = scene.socket('client')
      client.connect(port, scene.world.host)
      await once(client, 'connect')
      client.send('x')
      await once(client, 'error')
    },
  ],
  [
    'the address is in use',
    async (scene) => {
      const { port } = await scene.bound()
      const other = scene.socket('server')
      other.bind(port, scene.world.host, () => scene.note('server', 'never'))
      await once(other, 'error')
    },
  ],
  [
    'an address that is not ours',
    async (scene) => {
      const client = scene.socket('client')
      client.bind(0, '192.0.2.77')
      await once(client, 'error')
    },
  ],
  [
    'bind twice, and after close',
    async (scene) => {
      const client = scene.socket('client')
      client.bind(0)
      attempt(scene, 'bind again', () => client.bind(0))
      await once(client, 'listening')
      attempt(scene, 'bind when bound', () => client.bind(0))
      client.close()
      attempt(scene, 'bind when closed', () => client.bind(0))
      attempt(scene, 'close again', () => client.close())
      attempt(scene, 'send when closed', () => client.send('x', 9, scene.world.host))
      await once(client, 'close')
    },
  ],
  [
    'close while binding',
    async (scene) => {
      const client = scene.socket('client')
      client.bind(0)
      client.close()
      await once(client, 'close')
      await sleep(5)
    },
  ],
  [
    'datagrams that are too large, and a port that is none',
    async (scene) => {
      const client = scene.socket('client')
      const huge = Buffer.alloc(65_508)
      client.send(huge, 9, scene.world.host, (error) => scene.note('client', 'sent', error))
      await sleep(20)
      attempt(scene, 'port', () => client.send('x', 70_000, scene.world.host))
      attempt(scene, 'data', () => client.send(5 as never, 9, scene.world.host))
    },
  ],
  [
    'options',
    async (scene) => {
      const client = scene.socket('client', { recvBufferSize: 100_000 })
      client.bind(0)
      await once(client, 'listening')
      scene.note('client', `${client.setTTL(7)} ${client.setMulticastTTL(8)} ${client.ref().unref().ref() === client}`)
      client.setBroadcast(true)
      attempt(scene, 'TTL', () => client.setTTL(256))
      attempt(scene, 'group', () => client.addMembership('10.0.0.1'))
      attempt(scene, 'no group', () => client.addMembership('' as never))
      attempt(scene, 'not joined', () => client.dropMembership('224.0.0.251'))
    },
  ],
  [
    'a signal that closes',
    async (scene) => {
      const controller = new AbortController()
      const client = scene.socket('client', { signal: controller.signal })
      client.bind(0)
      await once(client, 'listening')
      controller.abort()
      await once(client, 'close')
    },
  ],
  ['a type that is none', async (scene) => attempt(scene, 'type', () => scene.world.here.createSocket('tcp' as never))],
]

async function play(world: World, run: Case[1]) {
  const scene = new Scene(world)
  try {
    await run(scene)
  } finally {
    scene.close()
  }
  await sleep(5)
  return scene.log.entries
}

describe('gotcp/dgram does what node:dgram does', () => {
  const world = stacks()
  after(() => world.close())
  const kernel: World = { here: nodeDgram, there: nodeDgram, host: '127.0.0.1' }
  const stack: World = { here: createDgram(world.a), there: createDgram(world.b), host: '10.0.0.2' }
  for (const [title, run] of CASES) {
    it(title, LIMIT, async () => {
      const expected = await play(kernel, run)
      assert.deepEqual(await play(stack, run), expected)
    })
  }
})

describe('gotcp/dgram', () => {
  it('hears groups, and broadcasts', LIMIT, async () => {
    const { a, b, close } = stacks()
    const [here, there] = [createDgram(a).createSocket('udp4'), createDgram(b).createSocket('udp4')]
    there.bind(5353)
    await once(there, 'listening')
    there.addMembership('224.0.0.251', '10.0.0.2')
    here.send('to a group', 5353, '224.0.0.251')
    assert.equal(String((await once(there, 'message'))[0]), 'to a group')
    here.setBroadcast(true)
    here.send('to all', 5353, '10.0.0.255')
    assert.equal(String((await once(there, 'message'))[0]), 'to all')
    there.dropMembership('224.0.0.251', '10.0.0.2')
    close()
    await once(there, 'close')
    assert.equal(b.stack.udp.endpoints.size, 0)
  })
})
