import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { NetError } from '../../src/base/errors.ts'
import { createStackWorker, type TcpSocket, type WorkerTcpSocket } from '../../src/index.ts'
import { BELL, BellListener, BellRinger, bellMemory } from '../../src/worker/bell.ts'
import { fromRecord, toRecord } from '../../src/worker/error-record.ts'
import { Outbox } from '../../src/worker/outbox.ts'
import { outcome } from './cases.ts'
import { type ChannelWorld, channelWorld, OURS, PEER, RING } from './worlds.ts'

const LIMIT = { timeout: 60_000 }
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Waits for something that messages between the sides bring about. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await turn()
}

/** Does something with a stack behind a channel, which must leave no lane in use and no call without its answer. */
async function inWorld(work: (world: ChannelWorld) => Promise<void>, ringSize?: number): Promise<void> {
  const world = await channelWorld(ringSize)
  try {
    await work(world)
    await until(() => world.crossing.pool.inUse === 0 && world.crossing.caller.pending === 0)
  } finally {
    await world.close()
  }
}

async function pairOf({ stack, peer }: ChannelWorld, port = 80): Promise<[WorkerTcpSocket, TcpSocket]> {
  const listener = peer.tcp.listen({ port })
  const pair = await Promise.all([stack.tcp.connect({ host: PEER, port, timeWait: 0 }), listener.accept()])
  listener.close()
  return pair
}

async function readAll(socket: WorkerTcpSocket | TcpSocket): Promise<number> {
  let count = 0
  for await (const chunk of socket) count += chunk.length
  return count
}

describe('createStackWorker()', () => {
  it('refuses options that are none before it starts a thread', () => {
    for (const options of [{ ringSize: 64 * 1024 }, { ringSize: 200_000 }, { spin: -1 }, { spin: 0.5 }]) {
      assert.throws(() => createStackWorker(options), { name: 'RangeError' })
    }
  })
})

describe('what goes between the threads', () => {
  it('is one message for all that a turn brings, and none for each write or read', LIMIT, () =>
    inWorld(async (world) => {
      const [ours, theirs] = await pairOf(world)
      await turn()
      world.messages()
      const writing = Promise.all(Array.from({ length: 1000 }, () => ours.write('ten bytes.')))
      assert.deepEqual(world.messages(), { up: 0, down: 0 })
      await writing
      const bytes = new Uint8Array(10_000)
      for (let have = 0; have < bytes.length; ) have += await theirs.readInto(bytes.subarray(have))
      const { up, down } = world.messages()
      assert.ok(up <= 2 && down <= 1, `${up} up, ${down} down`)
      ours.abort()
    }),
  )

  it('is one message for all calls of one turn', LIMIT, () =>
    inWorld(async (world) => {
      const { stack } = world
      world.messages()
      const calls = Array.from({ length: 32 }, (_, port) => stack.tcp.connect({ host: PEER, port: port + 1 }))
      const outcomes = await Promise.all(calls.map(outcome))
      assert.ok(outcomes.every((text) => text.includes('ECONNREFUSED')))
      assert.equal(world.messages().up, 1)
    }),
  )

  it('is one ring of the bell while the other side is busy', () => {
    const memory = bellMemory()
    let posts = 0
    const ringer = new BellRinger(memory, () => posts++)
    const listener = new BellListener(memory)
    const heard: number[] = []
    const hear = (): void =>
      listener.answer(
        (id) => heard.push(id),
        () => heard.push(-1),
      )
    for (let id = 1; id <= 3; id++) ringer.ring(id)
    assert.equal(posts, 1)
    hear()
    assert.deepEqual(heard, [1, 2, 3])
    for (let i = 0; i < 5000; i++) ringer.ring(7)
    assert.equal(posts, 2)
    heard.length = 0
    hear()
    assert.deepEqual([heard.length, heard.at(-1)], [4097, -1], 'more than it remembers means all')
    ringer.ring(8)
    hear()
    assert.equal(heard.at(-1), 8)
    assert.equal(BELL, 0)
  })

  it('fails the call whose arguments no message can carry, and no other', LIMIT, () =>
    inWorld(async ({ stack }) => {
      const wrong = { interface: 'none', filter: (() => undefined) as never }
      const calls = [
        stack.ping(PEER),
        stack.addInterface({ kind: 'packet', ...wrong }, { address: '10.1.0.1/24' }),
        stack.ping(PEER),
      ]
      const [first, second, third] = await Promise.allSettled(calls)
      assert.deepEqual([first!.status, second!.status, third!.status], ['fulfilled', 'rejected', 'fulfilled'])
    }),
  )

  it('keeps errors whole', () => {
    const net = new NetError('ECONNREFUSED', 'Cannot connect', { syscall: 'connect', address: '10.0.0.2', port: 80 })
    const system = Object.assign(new Error('open'), { code: 'ENOENT', errno: -2, path: '/none' })
    for (const error of [net, system, new TypeError('a'), new RangeError('b'), new SyntaxError('c')]) {
      const back = fromRecord(structuredClone(toRecord(error)))
      assert.equal(back.constructor, error.constructor)
      assert.deepEqual(
        { ...back, text: `${back}`, stack: back.stack },
        { ...error, text: `${error}`, stack: error.stack },
      )
    }
    assert.equal(`${fromRecord(toRecord('no error'))}`, 'Error: no error')
  })

  it('an outbox gives back what cannot be sent', () => {
    const sent: unknown[] = []
    const refused: unknown[] = []
    const port = {
      postMessage: (message: unknown) => sent.push(structuredClone(message)),
      on: () => undefined,
    }
    const outbox = new Outbox<unknown>(port, (item) => refused.push(item))
    const wrong = (): void => undefined
    for (const item of [1, wrong, 2]) outbox.push(item)
    outbox.flush()
    assert.deepEqual([sent, refused], [[[1], [2]], [wrong]])
  })
})

describe('the lanes', () => {
  it('are given back by 10,000 connections, made by both sides and ended in every way', { timeout: 120_000 }, () =>
    inWorld(async (world) => {
      const { stack, peer, crossing, served } = world
      const listener = peer.tcp.listen({ port: 80, timeWait: 0 })
      const ours = await stack.tcp.listen({ port: 81, timeWait: 0 })
      const endings: readonly ((mine: WorkerTcpSocket, other: TcpSocket) => unknown)[] = [
        (mine, other) => [mine.end(), other.end()],
        (mine) => mine.abort(),
        (_, other) => other.abort(),
        (mine, other) => [void mine.close(), void other.close()],
      ]
      for (let i = 0; i < 10_000; i++) {
        const [mine, other] =
          i % 2 === 0
            ? await Promise.all([stack.tcp.connect({ host: PEER, port: 80, timeWait: 0 }), listener.accept()])
            : await Promise.all([ours.accept(), peer.tcp.connect({ host: OURS, port: 81, timeWait: 0 })])
        await other.write('unread')
        endings[(i >> 1) % 4]!(mine, other)
        await outcome(mine.closed)
      }
      await until(() => crossing.pool.inUse === 0)
      assert.ok(crossing.pool.size <= 32, `${crossing.pool.size} lanes`)
      assert.equal(served.machine.size, 0)
      listener.close()
      ours.close()
    }),
  )

  it('carry 1,000 connections at once, and their memory goes when they have gone', LIMIT, () =>
    inWorld(async (world) => {
      const { stack, peer, crossing } = world
      const listener = peer.tcp.listen({ port: 80, backlog: 1000 })
      const pairs = await Promise.all(
        Array.from({ length: 1000 }, () =>
          Promise.all([stack.tcp.connect({ host: PEER, port: 80 }), listener.accept()]),
        ),
      )
      assert.equal(crossing.pool.inUse, 1000)
      const byPort = new Map(pairs.map(([, theirs]) => [theirs.remotePort, theirs]))
      const echoed = await Promise.all(
        pairs.map(async ([ours], i) => {
          const theirs = byPort.get(ours.localPort)!
          await ours.write(`connection ${i}`)
          await theirs.write((await theirs.read())!)
          return new TextDecoder().decode((await ours.read())!) === `connection ${i}`
        }),
      )
      assert.ok(echoed.every((isRight) => isRight))
      for (const [ours] of pairs) ours.abort()
      await until(() => crossing.pool.inUse === 0)
      assert.ok(crossing.pool.size <= 48, `${crossing.pool.size} lanes`)
      listener.close()
    }),
  )

  it('are not held by a socket that nobody reads: what came before the end moves to its own memory', LIMIT, () =>
    inWorld(async (world) => {
      const [ours, theirs] = await pairOf(world)
      await theirs.write('unread')
      theirs.end()
      ours.end()
      await ours.closed
      await until(() => world.crossing.pool.inUse === 0)
      const [second, other] = await pairOf(world, 81)
      await other.write('another')
      assert.equal(await readAll(ours), 6)
      assert.equal(Buffer.from((await second.read())!).toString(), 'another')
      assert.equal(await outcome(ours.info()).then((text) => text.slice(0, 36)), 'NetError: Cannot tell the state: the')
      second.abort()
    }),
  )

  it('hold no more than a ring and the buffers of TCP for who does not read', LIMIT, () =>
    inWorld(async (world) => {
      const [ours, theirs] = await pairOf(world)
      const writing = theirs.write(new Uint8Array(64 << 20)).then(() => theirs.end())
      const [tcb] = [...world.served.machine.connections] as [TcpSocket['tcb']]
      await until(() => tcb.receiveRing.length > 0 && tcb.receiveFree < tcb.mss)
      assert.ok(tcb.stats.bytesReceived <= RING + tcb.settings.receiveBuffer)
      const reading = readAll(ours)
      await writing
      assert.equal(await reading, 64 << 20)
      ours.end()
      await ours.closed
    }),
  )
})

describe('a dead thread', () => {
  const WHY = 'the thread of the stack has ended: Error: boom'
  const died = (syscall: string): NetError => new NetError('ERR_WORKER', `Cannot ${syscall}: ${WHY}`, { syscall })

  it('fails everything that waits, and whatever is called later', LIMIT, async () => {
    const world = await channelWorld()
    const { stack, crossing } = world
    const [ours, theirs] = await pairOf(world)
    await theirs.write('arrived')
    await theirs.write(' in time')
    const listener = await stack.tcp.listen({ port: 81 })
    const udp = await stack.udp.open({ port: 82 })
    const call = new AbortController()
    const waiting = [
      ours.write(new Uint8Array(1 << 26)),
      ours.closed,
      listener.accept({ signal: call.signal }),
      udp.receive(),
      stack.ping('10.0.0.77'),
      stack.tcp.connect({ host: '10.0.0.77', port: 1 }),
      stack.pings('10.0.0.77')[Symbol.asyncIterator]().next(),
      ours.info(),
    ].map(outcome)
    assert.equal(
      Buffer.from((await ours.read())!)
        .toString()
        .slice(0, 7),
      'arrived',
    )
    world.sever()
    crossing.die(WHY, died)
    call.abort()
    for (const text of await Promise.all(waiting.slice(0, -1))) assert.match(text, /ended: Error: boom.*ERR_WORKER/)
    const later = [
      ours.write('x'),
      listener.accept(),
      udp.send(new Uint8Array(1), PEER, 1),
      udp.receive(),
      stack.tcp.listen({ port: 90 }),
      stack.udp.open(),
    ]
    for (const text of await Promise.all(later.map(outcome))) assert.match(text, /ended: Error: boom.*ERR_WORKER/)
    ours.abort()
    ours.end()
    listener.close()
    udp.close()
    await ours.close()
    await world.close()
  })
})
