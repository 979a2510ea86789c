import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { describe, it } from 'node:test'
import { addMicros, fromMs } from '../../src/base/types.ts'
import type { TcpSocket } from '../../src/stack/tcp-socket.ts'
import { hosts } from './net.ts'

const MIB = 1024 * 1024

/** A connection with a small send buffer: the side that connected, and the side that accepted. */
async function connection() {
  const world = hosts()
  const listener = world.b.tcp.listen({ port: 80 })
  const connecting = world.a.tcp.connect({ host: '10.0.0.2', port: 80, sendBuffer: 64 * 1024 })
  const [client, server] = await world.run(Promise.all([connecting, listener.accept()]))
  return { ...world, client, server }
}

async function readAll(socket: TcpSocket): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of socket) chunks.push(chunk)
  return Buffer.concat(chunks)
}

const codeOf = (promise: Promise<unknown>): Promise<unknown> => promise.then(String, (error) => error.code)

describe('TcpSocket.write()', () => {
  it('keeps writes that nobody awaits whole and in order, and ends after the last', async () => {
    const { client, server, run } = await connection()
    const parts = [1, 2, 3, 4].map((value) => new Uint8Array(value === 3 ? 7 : MIB).fill(value))
    const writes = parts.map((part) => client.write(part))
    client.end()
    assert.equal(await codeOf(client.write('late')), 'EPIPE')
    const [all] = await run(Promise.all([readAll(server), ...writes]))
    assert.ok(all.equals(Buffer.concat(parts)))
  })

  it('is all sent when close() follows at once', async () => {
    const { client, server, run } = await connection()
    const writing = client.write(new Uint8Array(MIB))
    const closing = client.close()
    const [all] = await run(Promise.all([readAll(server), writing]))
    assert.equal(all.length, MIB)
    server.end()
    await run(closing)
  })

  it('tells the peer that what it writes is urgent, to its end, where it also has to wait for room (RFC 9293 MUST-30)', async () => {
    const { client, server, run } = await connection()
    const writes = [client.write(new Uint8Array(3000)), client.write('now!', { urgent: true })]
    await run(Promise.all(writes))
    assert.equal(await run(server.readInto(new Uint8Array(1000))), 1000)
    assert.equal(server.urgentBytes, 2004)
    writes.push(client.write(new Uint8Array(100 * 1024)), client.write('!', { urgent: true }))
    client.end()
    const [all] = await run(Promise.all([readAll(server), ...writes]))
    assert.equal(all.length, 2004 + 100 * 1024 + 1)
    assert.equal(server.urgentBytes, 0)
  })

  it('fails for all who wait when the connection does', async () => {
    const { client, server, run } = await connection()
    const outcomes = Promise.all([MIB, MIB, 1].map((length) => codeOf(client.write(new Uint8Array(length)))))
    server.abort()
    assert.deepEqual(await run(outcomes), ['ECONNRESET', 'ECONNRESET', 'ECONNRESET'])
  })
})

describe('TcpSocket.readInto()', () => {
  const BYTES = Uint8Array.from({ length: 3 * MIB }, (_, i) => (i * 31 + (i >> 8)) & 0xff)

  it('fills whatever memory waits, in the order of the calls, and loses nothing between them', async () => {
    const { client, server, run } = await connection()
    const writing = client.write(BYTES)
    client.end()
    const got: Uint8Array[] = []
    const sizes = [1, 1447, 100_000, 7, 300_000]
    const readAll = async (): Promise<void> => {
      for (let i = 0; ; i++) {
        const memory = [0, 1].map((k) => new Uint8Array(sizes[(i + k) % sizes.length]!))
        const counts = await Promise.all(memory.map((each) => server.readInto(each)))
        memory.forEach((each, k) => {
          got.push(each.subarray(0, counts[k]))
        })
        if (counts[0] === 0) return
      }
    }
    await run(Promise.all([writing, readAll()]))
    assert.ok(Buffer.concat(got).equals(BYTES))
  })

  it('gives the memory back when it is called off, and the next call gets what comes', async () => {
    const { client, server, run } = await connection()
    const controller = new AbortController()
    const lost = new Uint8Array(8)
    const reading = codeOf(server.readInto(lost, { signal: controller.signal }))
    controller.abort()
    assert.equal(await reading, 'ABORT_ERR')
    const memory = new Uint8Array(8)
    const [count] = await run(Promise.all([server.readInto(memory), client.write('kept')]))
    assert.equal(Buffer.from(memory.subarray(0, count)).toString(), 'kept')
    assert.deepEqual([...lost], new Array(8).fill(0))
  })

  it('hands over what has arrived when it is called off in the same moment', async () => {
    const { client, server, run } = await connection()
    const controller = new AbortController()
    const memory = new Uint8Array(8)
    const reading = server.readInto(memory, { signal: controller.signal })
    const user = server.tcb.user!
    const tell = user.onReadable.bind(user)
    user.onReadable = () => {
      controller.abort()
      tell()
    }
    const [count] = await run(Promise.all([reading, client.write('kept')]))
    assert.equal(Buffer.from(memory.subarray(0, count)).toString(), 'kept')
  })

  it('fills nothing where there is no room, and keeps nobody else from what comes', async () => {
    const { client, server, run } = await connection()
    const memory = new Uint8Array(8)
    const counts = Promise.all([server.readInto(new Uint8Array(0)), server.readInto(memory), client.write('kept')])
    assert.deepEqual((await run(counts)).slice(0, 2), [0, 4])
  })

  it('hands over what came before a reset, then the error', async () => {
    const { client, server, run } = await connection()
    const memory = new Uint8Array(100)
    const reading = server.readInto(memory)
    await run(client.write('last words'))
    client.abort()
    assert.equal(await run(reading), 10)
    assert.equal(await run(codeOf(server.readInto(memory))), 'ECONNRESET')
  })
})

describe('Several who wait to read', () => {
  it('get one piece each, in the order of their calls, and nobody an end that is none', async () => {
    for (const ways of [
      ['read', 'read', 'read'],
      ['readInto', 'readInto', 'readInto'],
      ['read', 'readInto', 'read'],
      ['read', 'readInto', 'readInto'],
      ['readInto', 'read', 'readInto'],
      ['read', 'read', 'readInto'],
    ] as const) {
      const { a, client, server, run, simulation } = await connection()
      const got: string[] = []
      const take = async (how: 'read' | 'readInto', turn: number): Promise<void> => {
        const memory = new Uint8Array(5)
        const chunk = how === 'read' ? await server.read() : memory.subarray(0, await server.readInto(memory))
        got.push(`${turn}: ${chunk === null ? null : Buffer.from(chunk)}`)
      }
      const all = Promise.all(ways.map(take))
      for (const piece of ['one', 'two', 'three']) {
        await run(client.write(piece))
        simulation.run(addMicros(a.stack.now, fromMs(50)))
      }
      await run(all)
      assert.deepEqual(got, ['0: one', '1: two', '2: three'], ways.join())
    }
  })
})

describe('Arguments that are none', () => {
  it('are refused at once', async () => {
    const { client, a } = await connection()
    const code = 'ERR_INVALID_ARG_TYPE'
    const words = new Uint16Array(3) as unknown as Uint8Array
    await assert.rejects(client.write(words), {
      code,
      message: 'Cannot write [object Uint16Array]: it must be a Uint8Array',
    })
    await assert.rejects(client.write({ length: 3 } as never), { code })
    await assert.rejects(client.readInto('memory' as never), { code, message: /Cannot read into \[object String\]/ })
    const port = 7
    for (const localPort of [-1, 70_000, 1.5, 'abc', Number.NaN]) {
      const options = { host: '10.0.0.2', port, localPort: localPort as number }
      await assert.rejects(a.tcp.connect(options), { name: 'RangeError', code: 'ERR_OUT_OF_RANGE' })
    }
    for (const backlog of [-1, 1.5]) {
      assert.throws(() => a.tcp.listen({ port, backlog }), { code: 'ERR_OUT_OF_RANGE' })
    }
    assert.throws(() => a.tcp.listen({ port, backlog: 'abc' as never }), { code })
  })
})

describe('A listener', () => {
  it('lets go of its signal when it is closed', () => {
    const { a } = hosts()
    const { signal } = new AbortController()
    for (let i = 0; i < 3; i++) a.tcp.listen({ port: 0, signal }).close()
    assert.equal(getEventListeners(signal, 'abort').length, 0)
  })
})

describe('A signal', () => {
  const ABORTED = AbortSignal.abort()

  it('ends a read that waits, and nothing else', async () => {
    const { client, server, run } = await connection()
    await assert.rejects(server.read({ signal: ABORTED }), { code: 'ABORT_ERR', syscall: 'read' })
    const controller = new AbortController()
    const reading = codeOf(server.readInto(new Uint8Array(10), { signal: controller.signal }))
    controller.abort()
    assert.equal(await run(reading), 'ABORT_ERR')
    await run(client.write('still open'))
    assert.equal(
      Buffer.from((await run(server.read({ signal: new AbortController().signal })))!).toString(),
      'still open',
    )
  })

  it('takes back what a write could not hand over yet, and those behind it go on', async () => {
    const { client, server, run } = await connection()
    await assert.rejects(client.write('x', { signal: ABORTED }), { code: 'ABORT_ERR', syscall: 'write' })
    const controller = new AbortController()
    const first = client.write(new Uint8Array(MIB).fill(1))
    const second = codeOf(client.write(new Uint8Array(MIB).fill(2), { signal: controller.signal }))
    const third = client.write(new Uint8Array(MIB).fill(3))
    client.end()
    controller.abort()
    assert.equal(await run(second), 'ABORT_ERR')
    const [all] = await run(Promise.all([readAll(server), first, third]))
    assert.ok(all.equals(Buffer.alloc(2 * MIB, 1).fill(3, MIB)))
  })

  it('ends an accept that waits', async () => {
    const { b, run } = hosts()
    const listener = b.tcp.listen({ port: 80 })
    await assert.rejects(listener.accept({ signal: ABORTED }), { code: 'ABORT_ERR', syscall: 'accept' })
    const controller = new AbortController()
    const accepting = codeOf(listener.accept({ signal: controller.signal }))
    controller.abort()
    assert.equal(await run(accepting), 'ABORT_ERR')
    assert.equal(listener.isClosed, false)
  })
})

describe('An error', () => {
  it('says what could not be done with whom', async () => {
    const { client, server, run } = await connection()
    const failed = Promise.all([server.read(), server.write(new Uint8Array(8 * MIB))].map((each) => each.catch(String)))
    client.abort()
    const [read, write] = await run(failed)
    assert.match(String(read), /Cannot read from 10\.0\.0\.1:\d+: .* \(ECONNRESET\)/)
    assert.match(String(write), /Cannot write to 10\.0\.0\.1:\d+: .* \(ECONNRESET\)/)
  })
})
