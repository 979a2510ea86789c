import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import type { ConnectionOptions, TLSSocket } from 'node:tls'
import { once, sleep } from '../worlds.ts'
import type { Case, Scene } from './case.ts'
import { finding } from './names.ts'

/** Connects, and waits for the end. */
async function over(scene: Scene, options: ConnectionOptions): Promise<void> {
  const client = scene.connectTls(options).resume()
  await once(client, 'close')
  scene.note('client', 'tried', client.autoSelectFamilyAttemptedAddresses)
}

/** Connects to a server that knows no TLS: what it does once it was greeted. */
async function overGreeted(scene: Scene, onGreeted: (socket: Socket) => void): Promise<void> {
  const { port } = await scene.serve((socket) => {
    socket.once('data', () => onGreeted(socket))
  })
  scene.unordered.push('server')
  await over(scene, { port })
}

/** Reads into memory that is too small for it, on a client that `prepare` had first; `onPiece` says whether to go on. */
async function intoMemory(
  scene: Scene,
  prepare: (client: TLSSocket) => void,
  onPiece: (client: TLSSocket, bytes: string) => boolean = () => true,
): Promise<void> {
  const port = await scene.serveTls((socket) => {
    socket.write('more than there is memory for')
    // A second record: nobody asks for it while reading is stopped.
    setTimeout(() => socket.end('and more'), 60)
  })
  const buffer = Buffer.alloc(8)
  const callback = (count: number, bytes: Uint8Array): boolean => {
    const piece = Buffer.from(bytes.subarray(0, count))
    scene.note('client', 'read', piece, `${client.readableFlowing}`)
    return onPiece(client, `${piece}`)
  }
  const client: TLSSocket = scene.connectTls({ port, onread: { buffer, callback } } as ConnectionOptions)
  prepare(client)
  await once(client, 'close')
  scene.note('client', 'at last', `${client.readableFlowing}`)
}

/** Once what else was sent is there. */
function later(scene: Scene, act: () => unknown): void {
  setTimeout(() => {
    scene.note('client', 'goes on')
    act()
  }, 150)
}

/** The callback says no to its first piece, and later `goOn` has the rest come. */
const enough = (scene: Scene, goOn: (client: TLSSocket) => unknown): Promise<void> =>
  intoMemory(
    scene,
    () => undefined,
    (client, bytes) => {
      if (bytes === 'more tha') later(scene, () => goOn(client))
      return bytes !== 'more tha'
    },
  )

/** Connections of TLS that are made without a socket. */
export const tls: readonly Case[] = [
  ['refused', (scene) => over(scene, { host: scene.world.closed[0], port: 9 })],
  [
    'several addresses, the last is open',
    async (scene) => {
      const { host, closed } = scene.world
      const port = await scene.serveTls((socket) => socket.end('x'))
      await over(scene, { host: 'a.name', port, lookup: finding([closed[0], host]) })
    },
  ],
  [
    'several addresses, none is open',
    (scene) => over(scene, { host: 'a.name', port: 9, lookup: finding(scene.world.closed) }),
  ],
  [
    'a lookup that fails',
    async (scene) => {
      const error = Object.assign(new Error('no such name'), { code: 'ENOTFOUND' })
      await over(scene, { host: 'a.name', port: 9, lookup: (_name, _options, found) => found(error, []) })
    },
  ],
  [
    'destroyed while it connects',
    async (scene) => {
      const client = scene.connectTls({ host: scene.world.host, port: 9 })
      client.destroy(new Error('mine'))
      await once(client, 'close')
    },
  ],
  [
    'options that TLS refuses',
    async (scene) => {
      const begin = () => scene.connectTls({ port: 9, minVersion: 'z' as 'TLSv1.2' })
      assert.throws(begin, { code: 'ERR_TLS_INVALID_PROTOCOL_VERSION' })
      // Nothing is left that could fail.
      await sleep(20)
    },
  ],
  ['a reset in the handshake', (scene) => overGreeted(scene, (socket) => socket.resetAndDestroy())],
  ['an end in the handshake', (scene) => overGreeted(scene, (socket) => socket.end())],
  [
    'a reset after the handshake',
    async (scene) => {
      let reset = (): void => undefined
      const port = await scene.serveTls(
        (socket) => {
          socket.on('error', () => undefined)
        },
        (below) => {
          reset = () => below.resetAndDestroy()
        },
      )
      const client = scene.connectTls({ port }).resume()
      await once(client, 'secureConnect')
      // What else the handshake says is through.
      await sleep(20)
      reset()
      await once(client, 'close')
    },
  ],
  [
    'memory for what is read',
    async (scene) => {
      const port = await scene.serveTls((socket) => socket.end('more than there is memory for'))
      const buffer = Buffer.alloc(8)
      const callback = (count: number, bytes: Uint8Array): boolean => {
        scene.note('client', 'read', count, Buffer.from(bytes.subarray(0, count)), `${bytes === buffer}`)
        return true
      }
      await over(scene, { port, onread: { buffer, callback } } as ConnectionOptions)
    },
  ],
  ['memory, and nobody else looks', (scene) => intoMemory(scene, () => undefined)],
  ['memory, and an encoding', (scene) => intoMemory(scene, (client) => client.setEncoding('utf8'))],
  ['memory, and a listener for data', (scene) => intoMemory(scene, (client) => scene.read('client', client))],
  [
    'memory, and no listeners for data any more',
    (scene) => intoMemory(scene, (client) => client.removeAllListeners('data').resume()),
  ],
  [
    'memory, and a listener that reads',
    (scene) => intoMemory(scene, (client) => client.on('readable', () => scene.note('client', 'got', client.read()))),
  ],
  ['memory, and a callback that has enough for a while', (scene) => enough(scene, (client) => client.resume())],
  ['memory, and a callback that has enough until somebody reads', (scene) => enough(scene, (client) => client.read())],
  [
    'memory, and a pause from within',
    (scene) =>
      intoMemory(
        scene,
        (client) => client.resume(),
        (client, bytes) => {
          if (bytes !== 'more tha') return true
          client.pause()
          later(scene, () => client.resume())
          return true
        },
      ),
  ],
  ['memory, and a pause before it is connected', (scene) => intoMemory(scene, (client) => client.pause())],
  [
    'memory, and destroyed from within',
    (scene) =>
      intoMemory(
        scene,
        () => undefined,
        (client) => client.destroy() === undefined,
      ),
  ],
]
