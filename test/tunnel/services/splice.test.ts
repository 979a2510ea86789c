import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { describe, it } from 'node:test'
import type { SessionStream, StreamEvents } from '../../../src/session/streams/stream-types.ts'
import { SOCKET_BUFFER, Splice } from '../../../src/tunnel/services/splice.ts'
import { Backend, closing, until } from './world.ts'

const PIECE = Buffer.alloc(3000, 7)

/** A stream that always has something to read, until it is told to end, and takes whatever is written. */
class EndlessStream implements SessionStream {
  readonly id = 1
  readonly service = 'x'
  readonly target = ''
  readonly source = ''
  readonly room = 65_536
  events: StreamEvents = {}
  readonly written: Uint8Array[] = []
  onRead: () => void = () => undefined
  taken = 0
  last = Number.POSITIVE_INFINITY
  hasEnded = false
  resetCode: number | undefined = undefined

  get isEnded(): boolean {
    return this.taken >= this.last
  }

  read(): Uint8Array | undefined {
    if (this.isEnded) return undefined
    this.onRead()
    this.taken += PIECE.length
    return PIECE
  }

  write(bytes: Uint8Array): boolean {
    this.written.push(bytes)
    return true
  }

  end(): void {
    this.hasEnded = true
  }

  reset(code: number): void {
    this.resetCode = code
  }

  accept(): void {}
  stop(): void {}
}

describe('Splice', () => {
  /** A splice with that stream, and the socket at the other end of its connection. */
  const joined = async (stream: SessionStream, onSocket: (socket: Socket) => void) => {
    let far: Socket | undefined
    const backend = await Backend.open((socket) => {
      far = socket.pause()
    })
    const settings = { allowHalfOpen: true, highWaterMark: SOCKET_BUFFER }
    const socket = connect({ port: backend.port, host: '127.0.0.1', ...settings })
    await once(socket, 'connect')
    await until(() => far !== undefined)
    onSocket(socket)
    const [fromSocket, fromStream] = [{ octets: 0 }, { octets: 0 }]
    let ended: { readonly code: number | undefined } | undefined
    const onEnd = (code: number | undefined): void => {
      ended = { code }
    }
    const splice = new Splice({ socket }, stream, { fromSocket, fromStream, onEnd })
    return { splice, backend, far: far!, fromStream, ended: () => ended }
  }

  it('asks its stream for nothing while the socket has enough, and for all of it in the end', async () => {
    const stream = new EndlessStream()
    const { backend, far, fromStream, ended } = await joined(stream, (socket) => {
      stream.onRead = () => assert.ok(socket.writableLength < SOCKET_BUFFER)
    })
    // However long the peer does not read, what has been taken is what the kernel holds and one buffer.
    const before = stream.taken
    far.resume()
    await until(() => stream.taken > before + 16 * 1024 * 1024)
    stream.last = stream.taken
    let heard = 0
    far.on('data', (chunk) => {
      heard += chunk.length
    })
    far.on('end', () => far.end())
    stream.events.onReadable?.()
    await until(() => stream.hasEnded)
    assert.equal(fromStream.octets, stream.taken)
    assert.ok(heard > 0)
    assert.equal(ended(), undefined)
    stream.events.onClosed?.()
    await until(() => ended() !== undefined)
    assert.deepEqual(ended(), { code: undefined })
    await backend.close()
  })

  it('resets its stream when it is told to end at once, and is over once', async () => {
    const stream = new EndlessStream()
    const { splice, backend, far, ended } = await joined(stream, () => undefined)
    // What is reset behind octets that were not read may look like an end; see hidden-reset.ts.
    far.on('end', () => far.destroy())
    const gone = closing(far)
    splice.abort(7)
    splice.abort(5)
    await gone
    assert.deepEqual([stream.resetCode, ended()], [7, { code: 7 }])
    await backend.close()
  })
})
