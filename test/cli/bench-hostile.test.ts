import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseIpv4 } from '../../src/base/address.ts'
import { type Rng, seededRng } from '../../src/base/rng.ts'
import { runClient } from '../../src/cli/bench/engine/client.ts'
import { encodeParameters, type Parameters } from '../../src/cli/bench/iperf/parameters.ts'
import { COOKIE_LENGTH, makeCookie, State } from '../../src/cli/bench/iperf/protocol.ts'
import { createStack } from '../../src/driver/create-stack.ts'
import { Cable } from '../../src/link/cable.ts'
import type { Host } from '../../src/stack/host.ts'
import type { TcpSocket } from '../../src/stack/tcp-socket.ts'
import { type BenchPair, Notes, parameters, SERVER, withServer } from './bench-pair.ts'

const never = new AbortController().signal

const framed = (text: string, length = Buffer.byteLength(text)): Uint8Array => {
  const bytes = Buffer.alloc(4 + Buffer.byteLength(text))
  bytes.writeUInt32BE(length >>> 0)
  bytes.write(text, 4)
  return bytes
}

const json = (init: Partial<Parameters> = {}): string => JSON.stringify(encodeParameters(parameters(init)))

const measure = (
  host: Host,
  init: Partial<Parameters> = {},
  { signal = never, observer = new Notes() }: { signal?: AbortSignal; observer?: Notes } = {},
): Promise<boolean> =>
  runClient({
    host,
    remote: SERVER,
    port: 5201,
    parameters: parameters({ time: 0.05, ...init }),
    interval: 0,
    connectTimeout: 5000,
    observer,
    signal,
  })

const connect = (host: Host): Promise<TcpSocket> => host.tcp.connect({ host: SERVER, port: 5201 })

/** All that comes until the peer ends or resets, and no more than 64 KiB. */
async function hear(socket: TcpSocket): Promise<number[]> {
  const heard: number[] = []
  try {
    for await (const chunk of socket) {
      heard.push(...chunk.map((byte) => byte))
      if (heard.length > 65_536) break
    }
  } catch {
    // A reset ends it as well.
  }
  return heard
}

/** Reads states to the one that is wanted. */
async function until(control: TcpSocket, state: State): Promise<void> {
  const said = new Uint8Array(1)
  do assert.equal(await control.readInto(said), 1)
  while (said[0] !== state)
}

/** A client that says `says` after its cookie, and closes its half. What the server answers. */
async function visit({ client }: BenchPair, ...says: readonly Uint8Array[]): Promise<number[]> {
  const socket = await connect(client)
  await socket.write(makeCookie())
  for (const bytes of says) await socket.write(bytes)
  socket.end()
  return hear(socket)
}

const TROUBLE = State.SERVER_ERROR & 0xff

describe('a server among strangers', () => {
  it('answers parameters that make no sense with an error, keeps no more than 8 KiB of them, and goes on', async () => {
    await withServer(async (pair) => {
      for (const says of [
        framed('', 0),
        framed('', 0xffffffff),
        framed('{}', 8193),
        framed('[]'),
        framed('not json'),
        framed(json().slice(0, -1)),
        framed('{"tcp":true,"parallel":1000000}'),
        framed('{"udp":true,"len":1}'),
      ]) {
        const heard = await visit(pair, says)
        assert.equal(heard[0], State.PARAM_EXCHANGE)
        assert.equal(heard[1], TROUBLE, Buffer.from(says).toString())
        assert.equal(heard.length, 10)
      }
      assert.equal(pair.notes.failures.length, 8)
      assert.ok(await measure(pair.client))
    })
  })

  it('does not let a connection with another cookie into a test', async () => {
    await withServer(async ({ client, notes }) => {
      const control = await connect(client)
      await control.write(makeCookie())
      await control.write(framed(json({ time: 1 })))
      await until(control, State.CREATE_STREAMS)
      const stream = await connect(client)
      await stream.write(makeCookie())
      assert.deepEqual(await hear(stream), [State.ACCESS_DENIED & 0xff])
      assert.equal(notes.starts.length, 0)
      const idle = notes.idle()
      control.abort()
      await idle
      assert.ok(await measure(client))
    })
  })

  it('ends a test whose client says what is not due, whatever it is', async () => {
    await withServer(async (pair) => {
      const rng = seededRng(7)
      for (let i = 0; i < 40; i++) {
        const { client, notes } = pair
        const idle = notes.idle()
        const cookie = makeCookie()
        const control = await connect(client)
        await control.write(cookie)
        await control.write(framed(json({ time: 1, parallel: 1 })))
        await until(control, State.CREATE_STREAMS)
        const stream = await connect(client)
        await stream.write(cookie)
        await until(control, State.TEST_RUNNING)
        await control.write(garbage(rng))
        control.end()
        await idle
        assert.equal(notes.failures.length, i + 1)
        stream.abort()
      }
      assert.ok(await measure(pair.client))
    })
  })

  it('serves on while others say nothing, or only half of a cookie', async () => {
    await withServer(async ({ client }) => {
      const silent = await Promise.all(Array.from({ length: 50 }, () => connect(client)))
      for (const [i, socket] of silent.entries()) if (i % 2 === 0) await socket.write(makeCookie().subarray(0, i % 36))
      assert.ok(await measure(client))
      for (const socket of silent) socket.abort()
    })
  })

  it('lets nobody shut out others by a flood of silence', async () => {
    await withServer(async ({ client }) => {
      const silent: TcpSocket[] = []
      for (let i = 0; i < 1100; i++) silent.push(await connect(client))
      assert.ok(await measure(client))
      const alive = silent.filter((socket) => socket.info().state === 'ESTABLISHED')
      assert.ok(alive.length <= 1024)
      for (const socket of silent) socket.abort()
    })
  })

  it('takes any noise on a new connection for a cookie or for something to echo', async () => {
    await withServer(async ({ client }) => {
      const rng = seededRng(3)
      for (let i = 0; i < 30; i++) {
        const socket = await connect(client)
        const noise = Uint8Array.from({ length: 1 + (rng() % 30) }, () => rng() & 0xff)
        await socket.write(noise)
        socket.end()
        const heard = await hear(socket)
        if (heard.length > 0) assert.deepEqual(heard, [...noise])
      }
      assert.ok(await measure(client))
    })
  })

  it('is not stopped by datagrams from elsewhere, or of no length', async () => {
    await withServer(async ({ client }) => {
      const stranger = client.udp.open()
      const noise = setInterval(() => {
        for (const length of [0, 3, 5, 16]) void stranger.send(new Uint8Array(length), SERVER, 5201)
      }, 5)
      assert.ok(await measure(client, { protocol: 'udp', time: 0.2, bitrate: 1e6, length: 500 }))
      clearInterval(noise)
      stranger.close()
    })
  })
})

/** One to twenty bytes that are neither an end nor a farewell. */
function garbage(rng: Rng): Uint8Array {
  const bytes = Uint8Array.from({ length: 1 + (rng() % 20) }, () => rng() & 0xff)
  if (bytes[0] === State.TEST_END || bytes[0] === State.CLIENT_TERMINATE) bytes[0] = 0x55
  return bytes
}

/** Runs a client against a server that says `says`, byte for byte, whatever it hears. */
async function meet(says: Uint8Array): Promise<unknown> {
  const cable = new Cable()
  const [client, host] = [createStack(), createStack()]
  client.addInterface(cable.a, { address: '10.0.0.1/24' })
  host.addInterface(cable.b, { address: '10.0.0.2/24' })
  const listener = host.tcp.listen({ host: parseIpv4('10.0.0.2')!, port: 5201 })
  void listener.accept().then(async (socket) => {
    await socket.readInto(new Uint8Array(COOKIE_LENGTH))
    await socket.write(says)
    socket.end()
    for await (const other of listener) other.abort()
  })
  try {
    return await measure(client).then(
      () => undefined,
      (error: unknown) => error,
    )
  } finally {
    client.close()
    host.close()
  }
}

describe('a client among strangers', () => {
  const { PARAM_EXCHANGE, CREATE_STREAMS, SERVER_ERROR, ACCESS_DENIED, SERVER_TERMINATE } = State

  it('says what a server does that is none', async () => {
    for (const [says, code, text] of [
      [[0x48, 0x54, 0x54, 0x50], 'EPROTO', /says state 72 where PARAM_EXCHANGE is due/],
      [[PARAM_EXCHANGE, PARAM_EXCHANGE], 'EPROTO', /says PARAM_EXCHANGE where CREATE_STREAMS is due/],
      [[ACCESS_DENIED], 'EBUSY', /busy/],
      [[PARAM_EXCHANGE, SERVER_TERMINATE], 'ECONNRESET', /was ended/],
      [[PARAM_EXCHANGE, SERVER_ERROR, 0, 0, 0, 27, 0, 0, 0, 0], 'EPROTO', /bit rate is above/],
      [[PARAM_EXCHANGE, SERVER_ERROR, 0, 0, 3, 231, 0, 0, 0, 0], 'EPROTO', /error 999/],
      [[PARAM_EXCHANGE, SERVER_ERROR, 0, 0], 'ECONNRESET', /closed the control connection/],
      [[], 'ECONNRESET', /closed the control connection/],
    ] as const) {
      const error = (await meet(Uint8Array.from(says, (each) => each & 0xff))) as NodeJS.ErrnoException
      assert.equal(error?.code, code, JSON.stringify(says))
      assert.match(error.message, text)
    }
  })

  it('ends with an error whatever a server says', async () => {
    const rng = seededRng(11)
    for (let i = 0; i < 60; i++) {
      const noise = Uint8Array.from({ length: rng() % 40 }, () => rng() & 0xff)
      const start = rng() % 2 === 0 ? [PARAM_EXCHANGE, CREATE_STREAMS] : []
      const error = (await meet(Uint8Array.from([...start, ...noise]))) as NodeJS.ErrnoException
      assert.match(error?.code ?? 'none', /^(EPROTO|EBUSY|ECONNRESET|EPIPE|ECONNABORTED)$/)
    }
  })

  it('believes no results that are not those of its streams, and no length that is too long', async () => {
    for (const results of [framed('{"streams":[{"id":9,"bytes":1}]}'), framed('', 0x7fffffff), framed('[]')]) {
      await withForger(results, async (client) => {
        await assert.rejects(measure(client), (error: NodeJS.ErrnoException) => {
          assert.equal(error.code, 'EPROTO', error.stack)
          return true
        })
      })
    }
  })

  it('can be interrupted while a server that has heard the end of the test says nothing', async () => {
    await withForger(undefined, async (client) => {
      const controller = new AbortController()
      const observer = new Notes()
      observer.onStart = () => void setTimeout(() => controller.abort(), 200)
      assert.equal(await measure(client, {}, { signal: controller.signal, observer }), false)
    })
  })
})

async function swallow(stream: TcpSocket): Promise<void> {
  const bin = new Uint8Array(65_536)
  try {
    while ((await stream.readInto(bin)) > 0);
  } catch {
    // The client has gone.
  }
}

/** A server that keeps to the protocol but for its results; without any, it says nothing more. */
async function withForger(results: Uint8Array | undefined, work: (client: Host) => Promise<void>): Promise<void> {
  const cable = new Cable()
  const [client, host] = [createStack(), createStack()]
  client.addInterface(cable.a, { address: '10.0.0.1/24' })
  host.addInterface(cable.b, { address: '10.0.0.2/24' })
  const listener = host.tcp.listen({ port: 5201 })
  void (async () => {
    const control = await listener.accept()
    await control.write(Uint8Array.of(State.PARAM_EXCHANGE, State.CREATE_STREAMS))
    const stream = await listener.accept()
    void swallow(stream)
    await control.write(Uint8Array.of(State.TEST_START, State.TEST_RUNNING))
    const said = new Uint8Array(1)
    // The last byte before the results: the cookie and the parameters have no 4.
    while ((await control.readInto(said)) > 0 && said[0] !== State.TEST_END);
    if (results === undefined) return
    await control.write(Uint8Array.of(State.EXCHANGE_RESULTS))
    await control.write(results)
  })().catch(() => undefined)
  try {
    await work(client)
  } finally {
    client.close()
    host.close()
  }
}
