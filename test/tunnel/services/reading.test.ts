import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { connectReading, limitReads } from '../../../src/tunnel/services/reading.ts'

const MIB = 1_048_576
const pattern = Buffer.from(Uint8Array.from({ length: MIB }, (_, i) => (i * 7 + (i >> 8)) & 0xff))

describe('connectReading()', { timeout: 20_000 }, () => {
  it('gives each piece memory of its own size, however often its reader pauses', async (t) => {
    const server = createServer((socket) => socket.on('error', () => undefined).end(pattern))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => server.close())
    const { port } = server.address() as AddressInfo
    // All share the memory that is read into.
    const dial = () => connectReading({ port, host: '127.0.0.1' })
    const [socket, other] = [dial(), dial()]
    // Asked after each read, for the next.
    let room = 0
    const limits = [8192]
    limitReads(socket, () => {
      room = (room + 7777) % 100_000
      limits.push(Math.max(8192, room))
      return room
    })
    const pieces: Buffer[] = []
    socket.on('data', (piece: Buffer) => {
      pieces.push(piece)
      if (pieces.length % 3 !== 0) return
      socket.pause()
      sleep(1).then(() => socket.resume(), assert.fail)
    })
    other.resume()
    await Promise.all([once(socket, 'end'), once(other, 'end')])
    assert.ok(Buffer.concat(pieces).equals(pattern))
    for (const { buffer, length } of pieces) assert.equal(buffer.byteLength, length)
    assert.ok(pieces.some(({ length }) => length > 8192))
    for (const [i, { length }] of pieces.entries()) assert.ok(length <= limits[i]!, `${length} octets, piece ${i}`)
  })
})
