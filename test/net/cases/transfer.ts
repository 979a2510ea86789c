import type { NetConnectOpts, Socket } from 'node:net'
import { pipeline, Readable, Writable } from 'node:stream'
import { pipeline as pipelined } from 'node:stream/promises'
import { once, sleep, until } from '../worlds.ts'
import type { Case } from './case.ts'

const MIB = 1024 * 1024

/** Bytes that tell their place. */
const pattern = (length: number): Buffer => {
  const bytes = Buffer.allocUnsafe(length)
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >> 8)) & 0xff
  return bytes
}

/** A number that differs when the bytes or their order do. */
class Sum {
  length = 0
  value = 0

  add(chunk: Buffer): void {
    for (const byte of chunk) this.value = (Math.imul(this.value, 31) + byte) | 0
    this.length += chunk.length
  }

  toString(): string {
    return `${this.length}:${this.value}`
  }
}

export const transfer: readonly Case[] = [
  [
    'cork and uncork',
    async (scene) => {
      const { here, there, closed } = await scene.pair()
      scene.read('server', there)
      here.resume()
      here.cork()
      here.write('a', () => scene.note('client', 'a is written'))
      here.write(Buffer.from('b'), () => scene.note('client', 'b is written'))
      here.write('Y2M=', 'base64', () => scene.note('client', 'c is written'))
      here.write('\u20ac', 'utf8')
      here.write('ab', 'utf16le')
      here.write('ff', 'hex')
      scene.note('client', `${here.writableLength} ${here.bytesWritten}`)
      here.uncork()
      scene.note('client', `${here.writableLength} ${here.bytesWritten}`)
      here.end()
      await closed
      scene.note('server', `bytesRead ${there.bytesRead}`)
    },
  ],
  [
    'many small writes keep their order',
    async (scene) => {
      const { here, there, closed } = await scene.pair()
      scene.read('server', there)
      here.resume()
      for (let i = 0; i < 300; i++) here.write(`${i},`)
      here.end()
      await closed
      scene.note('client', `bytesWritten ${here.bytesWritten}`)
    },
  ],
  [
    'a large transfer to a slow reader',
    async (scene) => {
      const { here, there, closed } = await scene.pair()
      const sent = new Sum()
      const received = new Sum()
      const bytes = pattern(8 * MIB)
      sent.add(bytes)
      there.on('data', (chunk) => {
        received.add(chunk)
        there.pause()
        setImmediate(() => there.resume())
      })
      here.resume()
      here.write(bytes, () => scene.note('client', 'written'))
      here.end()
      await closed
      scene.note('server', `${received}`, `${received}` === `${sent}`, there.bytesRead === bytes.length)
    },
  ],
  [
    'large transfers both ways at once',
    async (scene) => {
      scene.unordered.push('client', 'server')
      const { here, there, closed } = await scene.pair({ allowHalfOpen: true }, { allowHalfOpen: true })
      const sums = [here, there].map((socket) => {
        const sum = new Sum()
        socket.on('data', (chunk) => sum.add(chunk))
        socket.end(pattern(4 * MIB))
        return sum
      })
      await closed
      for (const sum of sums) scene.note('both', `${sum}`)
    },
  ],
  [
    'back-pressure: write says no, and drain comes',
    async (scene) => {
      const { here, there, closed } = await scene.pair()
      there.pause()
      let writes = 0
      const chunk = pattern(256 * 1024)
      // More than any buffer takes: the reader is asleep.
      while (here.write(chunk) || writes < 100) writes++
      scene.note('client', `needs drain ${here.writableNeedDrain}`, here.writableLength > 0)
      await sleep(50)
      scene.note('client', 'waits', here.writableLength > 0)
      here.once('drain', () => {
        scene.note('client', 'drain', here.writableLength)
        here.end()
      })
      here.resume()
      there.resume()
      await closed
      scene.note('server', `all ${there.bytesRead === here.bytesWritten}`)
    },
  ],
  [
    'pause and resume',
    async (scene) => {
      const { here, there, closed } = await scene.pair()
      scene.read('server', there)
      there.pause()
      scene.note('server', `paused ${there.isPaused()}`)
      here.write('one')
      await sleep(20)
      scene.note('server', 'resume')
      there.resume()
      await once(there, 'data')
      there.pause()
      here.end('two')
      await sleep(20)
      scene.note('server', 'resume')
      there.resume()
      here.resume()
      await closed
    },
  ],
  [
    'a server that pauses its connections',
    async (scene) => {
      const { here, there, closed } = await scene.pair({}, { pauseOnConnect: true })
      scene.note('server', `paused ${there.isPaused()} ${there.readableFlowing}`)
      scene.read('server', there)
      here.end('x')
      here.resume()
      await sleep(20)
      scene.note('server', `read ${there.bytesRead}`)
      there.resume()
      await closed
    },
  ],
  [
    'read in pieces with read()',
    async (scene) => {
      const { here, there, closed } = await scene.pair()
      there.on('readable', () => {
        for (let piece = there.read(3); piece !== null; piece = there.read(3)) scene.note('server', 'piece', piece)
      })
      here.end('abcdefgh')
      here.resume()
      await closed
    },
  ],
  [
    'setEncoding, with characters cut in two',
    async (scene) => {
      const { here, there, closed } = await scene.pair()
      there.setEncoding('utf8')
      let text = ''
      there.on('data', (part: string) => {
        text += part
      })
      const bytes = Buffer.from('\u20ac\u{1f600}\u00e9')
      here.setNoDelay()
      for (const byte of bytes) {
        here.write(Buffer.of(byte))
        await sleep(1)
      }
      here.end()
      here.resume()
      await closed
      scene.note('server', Buffer.from(text).toString('hex'))
    },
  ],
  [
    'for await, to the end',
    async (scene) => {
      const { here, there, closed } = await scene.pair()
      here.write('abc')
      here.end('def')
      here.resume()
      for await (const chunk of there) scene.note('server', 'data', chunk)
      scene.note('server', 'loop is over')
      await closed
    },
  ],
  [
    'for await, left early',
    async (scene) => {
      const { here, there, closed } = await scene.pair()
      here.write('abc')
      here.resume()
      for await (const chunk of there) {
        scene.note('server', 'data', chunk)
        break
      }
      scene.note('server', `destroyed ${there.destroyed}`)
      await closed
    },
  ],
  [
    'for await of a connection that is reset',
    async (scene) => {
      const { here, there } = await scene.pair()
      setTimeout(() => here.resetAndDestroy(), 5)
      try {
        for await (const chunk of there) scene.note('server', 'data', chunk)
      } catch (error) {
        scene.note('server', 'caught', error)
      }
    },
  ],
  [
    'pipe to itself: an echo',
    async (scene) => {
      const { here, there, closed } = await scene.pair()
      there.pipe(there)
      scene.read('client', here)
      here.end('echo me')
      await closed
    },
  ],
  [
    'pipeline from a source to a sink',
    async (scene) => {
      const { here, there } = await scene.pair()
      const sum = new Sum()
      const sink = new Writable({
        write: (chunk, _encoding, done) => {
          sum.add(chunk)
          setImmediate(done)
        },
      })
      here.resume()
      const source = Readable.from([pattern(100_000), pattern(200_000), pattern(300_000)])
      const [sent] = await Promise.all([
        new Promise((resolve) => pipeline(source, here, (error) => resolve(error ?? 'no error'))),
        pipelined(there, sink).then(() => there.end()),
      ])
      scene.note('pipeline', `${sent}`)
      scene.note('sink', `${sum}`)
    },
  ],
  [
    'onread: into memory of the caller',
    async (scene) => {
      const { port } = await scene.serve((socket) => {
        socket.write('0123456789')
        socket.end('abc')
      })
      const buffer = Buffer.alloc(4)
      let text = ''
      const client = scene.socket()
      client.destroy()
      await once(client, 'close')
      const reader = scene.world.client.connect({
        port,
        host: scene.world.host,
        onread: {
          buffer,
          callback: (count, bytes) => {
            text += Buffer.from(bytes.subarray(0, count)).toString()
            return true
          },
        },
      })
      scene.log.watch('reader', reader)
      reader.resume()
      await once(reader, 'close')
      scene.note('reader', text, `${reader.bytesRead}`)
    },
  ],
  [
    'onread without room',
    async (scene) => {
      const { port } = await scene.serve((socket) => socket.on('error', () => undefined).write('abcd'))
      // Its end may reach the server as an end or as a reset.
      scene.unordered.push('server')
      const onread = { buffer: Buffer.alloc(0), callback: () => true }
      const reader = scene.world.client.connect({ port, host: scene.world.host, onread })
      scene.log.watch('reader', reader)
      await once(reader, 'close')
    },
  ],
  [
    'onread that says no, until resume()',
    async (scene) => {
      const { port } = await scene.serve((socket) => socket.end('abcd'))
      let text = ''
      const reader = scene.world.client.connect({
        port,
        host: scene.world.host,
        onread: {
          buffer: () => Buffer.alloc(2),
          callback: (count, bytes) => {
            text += Buffer.from(bytes.subarray(0, count)).toString()
            return false
          },
        },
      })
      scene.log.watch('reader', reader)
      await until(() => text.length >= 2)
      await sleep(5)
      scene.note('reader', text)
      reader.resume()
      await until(() => text.length >= 4)
      scene.note('reader', text)
      reader.resume()
      await once(reader, 'close')
    },
  ],
  [
    'onread that says no, and reads on by read() or by pause() and resume()',
    async (scene) => {
      const { port } = await scene.serve((socket) => socket.end('abcdef'))
      for (const goOn of ['read', 'resume'] as const) {
        let text = ''
        const reader = scene.world.client.connect({
          port,
          host: scene.world.host,
          onread: {
            buffer: Buffer.alloc(1),
            callback: (count, bytes) => {
              text += Buffer.from(bytes.subarray(0, count)).toString()
              if (goOn === 'read') setImmediate(() => reader.read(0))
              else reader.pause().resume()
              return false
            },
          },
        })
        scene.log.watch(goOn, reader)
        await once(reader, 'close')
        scene.note(goOn, text)
      }
    },
  ],
  [
    'onread with one buffer for several',
    async (scene) => {
      const sockets: Socket[] = []
      const { port } = await scene.serve((socket) => {
        if (sockets.push(socket) === 6) sockets.forEach((each, i) => void each.end(Buffer.alloc(1_000_000, i)))
      })
      const buffer = Buffer.alloc(65_536)
      const readers = Array.from({ length: 6 }, () => {
        const seen = new Set<number>()
        const callback = (length: number, bytes: Uint8Array): boolean => {
          for (const byte of bytes.subarray(0, length)) seen.add(byte)
          return true
        }
        const reader = scene.world.client.connect({ port, host: scene.world.host, onread: { buffer, callback } })
        return { reader, seen }
      })
      for (const { reader, seen } of readers) {
        reader.resume()
        if (!reader.closed) await once(reader, 'close')
        scene.note('reader', `${reader.bytesRead} octets of ${seen.size} streams`)
      }
    },
  ],
  [
    'onread that lacks something is none',
    async (scene) => {
      const { port } = await scene.serve((socket) => socket.end('abc'))
      for (const onread of [null, { buffer: Buffer.alloc(10) }, { callback: () => true }]) {
        const options = { port, host: scene.world.host, onread } as unknown as NetConnectOpts
        const reader = scene.read('reader', scene.world.client.connect(options))
        await once(reader, 'close')
      }
    },
  ],
  [
    'a large transfer into memory of the caller, who pauses now and then',
    async (scene) => {
      const bytes = pattern(4 * MIB)
      const { port } = await scene.serve((socket) => socket.end(bytes))
      const [sent, received] = [new Sum(), new Sum()]
      sent.add(bytes)
      let count = 0
      const reader = scene.world.client.connect({
        port,
        host: scene.world.host,
        onread: {
          buffer: Buffer.alloc(50_000),
          callback: (length, buffer) => {
            received.add(Buffer.from(buffer.subarray(0, length)))
            if (++count % 3 !== 0) return true
            setImmediate(() => reader.resume())
            return false
          },
        },
      })
      reader.resume()
      await once(reader, 'close')
      scene.note('reader', `${received}`, `${received}` === `${sent}`, reader.bytesRead === bytes.length)
    },
  ],
  [
    'bursts of every size, one after another',
    async (scene) => {
      const { here, there, closed } = await scene.pair()
      const [sent, received] = [new Sum(), new Sum()]
      there.on('data', (chunk) => received.add(chunk))
      here.resume()
      for (const length of [1, 100_000, 7, 40_000, 1_000_000, 5000, 300_000, 2, 70_000]) {
        const bytes = pattern(length)
        sent.add(bytes)
        here.write(bytes)
        await sleep(4)
      }
      here.end()
      await closed
      scene.note('server', `${received}`, `${received}` === `${sent}`)
    },
  ],
]
