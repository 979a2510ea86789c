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
    'a group that is joined twice, and left twice',
    async (scene) => {
      const client = scene.socket('server')
      client.bind(0)
      await once(client, 'listening')
      for (const time of ['once', 'twice']) {
        attempt(scene, time, () => client.addMembership('224.0.0.251', scene.world.host))
      }
      for (const time of ['once', 'twice']) {
        attempt(scene, time, () => client.dropMembership('224.0.0.251', scene.world.host))
      }
    },
  ],
  [
    'a group of its own',
    async (scene) => {
      const server = scene.socket('server')
      const other = scene.socket('server')
      for (const socket of [server, other]) {
        socket.bind(0)
        await once(socket, 'listening')
        socket.setMulticastInterface(scene.world.host)
      }
      server.addMembership('224.0.0.251', scene.world.host)
      const { port } = server.address()
      for (const [socket, text] of [
        [server, 'to itself'],
        [other, 'by another'],
      ] as const) {
        socket.send(text, port, '224.0.0.251')
        await once(server, 'message')
      }
      attempt(scene, 'loopback', () => server.setMulticastLoopback(true))
      server.setMulticastTTL(0)
      server.send('no further', port, '224.0.0.251')
      await once(server, 'message')
    },
  ],
  [
    'descriptors',
    async (scene) => {
      const client = scene.socket('client')
      attempt(scene, 'none', () => client.bind({ fd: 999 } as never))
      attempt(scene, 'again', () => client.bind(0))
      const other = scene.socket('client')
      attempt(scene, 'no number', () => other.bind({ fd: 'x' } as never))
      await once(other, 'listening')
    },
  ],
  [
    'IPv6 addresses for an IPv4 socket',
    async (scene) => {
      const bound = scene.socket('client')
      bound.bind(0, '::1')
      await once(bound, 'error')
      const sender = scene.socket('client')
      const sent = new Promise<void>((resolve) => {
        sender.send('x', 9, '::1', (error) => {
          scene.note('client', 'sent', error)
          resolve()
        })
      })
      await sent
      const connecting = scene.socket('client')
      connecting.connect(9, '::1')
      await once(connecting, 'error')
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

  it('keeps what it sends to a group from its own where it is told to', LIMIT, async () => {
    const { a, b, close } = stacks()
    const [here, near, far] = [a, a, b].map((stack) => createDgram(stack).createSocket('udp4')) as [
      Socket,
      Socket,
      Socket,
    ]
    const heard: string[] = []
    for (const [name, socket, host] of [
      ['near', near, '10.0.0.1'],
      ['far', far, '10.0.0.2'],
    ] as const) {
      socket.bind(5353)
      await once(socket, 'listening')
      socket.addMembership('224.0.0.251', host)
      socket.on('message', (message) => heard.push(`${name} ${message}`))
    }
    here.send('one', 5353, '224.0.0.251')
    await once(far, 'message')
    assert.equal(here.setMulticastLoopback(false), false)
    here.send('two', 5353, '224.0.0.251')
    await once(far, 'message')
    await sleep(5)
    assert.deepEqual(heard.sort(), ['far one', 'far two', 'near one'])
    close()
  })

  it('takes the lowest 16 bits of a port, as node:dgram does', LIMIT, async () => {
    const { a, close } = stacks()
    const socket = createDgram(a).createSocket('udp4').bind(70_000)
    await once(socket, 'listening')
    assert.equal(socket.address().port, 4464)
    close()
  })

  it('hears a group by the loopback interface once', LIMIT, async () => {
    const { a, close } = stacks()
    const socket = createDgram(a).createSocket('udp4').bind(5353)
    await once(socket, 'listening')
    socket.addMembership('239.1.1.1', '127.0.0.1')
    socket.setMulticastInterface('127.0.0.1')
    let heard = 0
    socket.on('message', () => heard++)
    socket.send('to a group', 5353, '239.1.1.1')
    await once(socket, 'message')
    await sleep(5)
    assert.equal(heard, 1)
    close()
  })

  it('has no IPv6: a socket of it fails as on a host without', LIMIT, async () => {
    const { a, close } = stacks()
    const bad: [way: string, (socket: Socket) => void, message: string][] = [
      ['bind', (socket) => socket.bind(), 'bind EAFNOSUPPORT ::'],
      ['bind to', (socket) => socket.bind(53, 'fe80::1'), 'bind EAFNOSUPPORT fe80::1:53'],
      ['send', (socket) => socket.send('x', 9, '::1'), 'bind EAFNOSUPPORT ::'],
      ['connect', (socket) => socket.connect(9, '::1'), 'bind EAFNOSUPPORT ::'],
    ]
    for (const [way, act, message] of bad) {
      const socket = createDgram(a).createSocket('udp6')
      socket.on('listening', () => assert.fail(way))
      act(socket)
      const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException]
      assert.deepEqual([error.code, error.syscall, error.message], ['EAFNOSUPPORT', 'bind', message], way)
      socket.close()
    }
    close()
  })
})
