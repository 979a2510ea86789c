import type { AnyTcpSocket, Host, WorkerHost } from '../../src/index.ts'
import { Stream, StreamChecker } from '../real/stream.ts'
import { OURS, PEER, type World } from './worlds.ts'

/** What a case saw. It must be the same whatever kind of stack it runs on. */
export type Seen = readonly unknown[]
export type Case = (world: World, port: number) => Promise<Seen>

const MIB = 1 << 20

/** What a promise came to, in words in which no port is by chance. */
export async function outcome(promise: Promise<unknown> | undefined): Promise<string> {
  try {
    const value = await promise
    return value instanceof Uint8Array ? new TextDecoder().decode(value) : String(value)
  } catch (error) {
    const { name, message, code, syscall, address, port } = error as NodeJS.ErrnoException & Record<string, unknown>
    const facts = { code, syscall, address, port: typeof port === 'number' && port > 32767 ? 'PORT' : port }
    return `${name}: ${message.replace(/:(3276[89]|327[7-9]\d|32[89]\d\d|3[3-9]\d{3}|[4-6]\d{4})\b/g, ':PORT')} ${JSON.stringify(facts)}`
  }
}

/** A connection that our stack makes, and the peer's end of it. */
export async function pairOf({ stack, peer }: World, port: number): Promise<[AnyTcpSocket, AnyTcpSocket]> {
  const listener = peer.tcp.listen({ port })
  const pair = await Promise.all([stack.tcp.connect({ host: PEER, port }), listener.accept()])
  listener.close()
  return pair
}

/** A connection that the peer makes, our end first. */
async function servedPair({ stack, peer }: World, port: number): Promise<[AnyTcpSocket, AnyTcpSocket]> {
  const listener = await stack.tcp.listen({ port })
  const pair = await Promise.all([listener.accept(), peer.tcp.connect({ host: OURS, port })])
  listener.close()
  return pair
}

async function pour(socket: AnyTcpSocket, length: number, piece: number, seed: number): Promise<void> {
  const stream = new Stream(seed)
  const memory = new Uint8Array(piece)
  for (let sent = 0; sent < length; ) {
    let filled = 0
    while (filled < piece && sent < length) {
      const part = stream.at(sent, Math.min(piece - filled, length - sent))
      memory.set(part, filled)
      filled += part.length
      sent += part.length
    }
    // The memory is used again at once: what was written must not change by that.
    await socket.write(memory.subarray(0, filled))
  }
}

async function drink(socket: AnyTcpSocket, seed: number, piece = 100_000): Promise<Seen> {
  const checker = new StreamChecker(seed)
  const memory = new Uint8Array(piece)
  for (let count = await socket.readInto(memory); count > 0; count = await socket.readInto(memory)) {
    checker.take(memory.subarray(0, count))
  }
  return [checker.received, checker.wrongAt]
}

/** Reads so many bytes as text. */
async function text(socket: AnyTcpSocket, length: number): Promise<string> {
  const memory = new Uint8Array(length)
  let have = 0
  for (let count = 1; have < length && count > 0; have += count) count = await socket.readInto(memory.subarray(have))
  return new TextDecoder().decode(memory.subarray(0, have))
}

async function eventsOf(ping: AsyncIterable<{ readonly type: string }>): Promise<string[]> {
  const events: string[] = []
  for await (const { type } of ping) events.push(type)
  return events
}

const TCP: Readonly<Record<string, Case>> = {
  'connects and tells both ends': async (world, port) => {
    const [ours, theirs] = await pairOf(world, port)
    const names = [ours.localAddress, ours.localPort === theirs.remotePort, ours.remoteAddress, ours.remotePort]
    await ours.write('question')
    const asked = await text(theirs, 8)
    await theirs.write(new TextEncoder().encode('answer'))
    const answered = await outcome(ours.read())
    const { state } = await ours.info()
    ours.abort()
    return [names, asked, answered, state, ours.isWaitingForData, ours.urgentBytes]
  },
  'accepts and tells both ends': async (world, port) => {
    const [ours, theirs] = await servedPair(world, port)
    await Promise.all([ours.write('one'), theirs.write('two')])
    const seen = [ours.localAddress, ours.localPort, ours.remoteAddress, await text(ours, 3), await text(theirs, 3)]
    ours.end()
    theirs.end()
    return [...seen, await outcome(ours.opened), await outcome(ours.closed), await outcome(theirs.closed)]
  },
  'carries 8 MiB each way at once, the memory of a write used again at once': async (world, port) => {
    const [ours, theirs] = await pairOf(world, port)
    const sending = [pour(ours, 8 * MIB, 70_001, 1), pour(theirs, 8 * MIB, 4 * MIB, 2)]
    const [down, up] = [drink(ours, 2), drink(theirs, 1)]
    await sending[0]
    ours.end()
    await sending[1]
    theirs.end()
    return [await down, await up, await outcome(ours.closed)]
  },
  'takes a write larger than every buffer while nobody reads yet': async (world, port) => {
    const [ours, theirs] = await servedPair(world, port)
    let isWritten = false
    const writing = pour(ours, 24 * MIB, 24 * MIB, 3).then(() => {
      isWritten = true
      ours.end()
    })
    const memory = new Uint8Array(1)
    await theirs.readInto(memory)
    const wasWritten = isWritten
    const checker = new StreamChecker(3)
    checker.take(memory)
    for await (const chunk of theirs) checker.take(chunk)
    await writing
    ours.abort()
    return [wasWritten, checker.received, checker.wrongAt]
  },
  'reads and writes nothing at all': async (world, port) => {
    const [ours, theirs] = await pairOf(world, port)
    await ours.write(new Uint8Array(0))
    await ours.write('')
    await theirs.write('x')
    const count = await ours.readInto(new Uint8Array(0))
    const seen = [count, await text(ours, 1)]
    ours.end()
    return [...seen, await outcome(theirs.read()), await outcome(ours.write('')), theirs.abort()]
  },
  'half-closes first, and reads on': async (world, port) => {
    const [ours, theirs] = await pairOf(world, port)
    await ours.write('last words')
    ours.end()
    const heard = [await text(theirs, 10), await outcome(theirs.read())]
    const late = await outcome(ours.write('more'))
    await theirs.write('still here')
    const answer = await text(ours, 10)
    theirs.end()
    return [heard, late, answer, await outcome(ours.read()), await outcome(ours.closed), await outcome(ours.read())]
  },
  'hears the other half-close first, and writes on': async (world, port) => {
    const [ours, theirs] = await pairOf(world, port)
    await theirs.write('last words')
    theirs.end()
    const heard = [await text(ours, 10), await outcome(ours.read()), await outcome(ours.read())]
    await ours.write('still here')
    ours.end()
    return [heard, await text(theirs, 10), await outcome(ours.closed), await outcome(theirs.closed)]
  },
  'hands over what came before a reset, then tells of it': async (world, port) => {
    const [ours, theirs] = await pairOf(world, port)
    await theirs.write('before')
    const before = await text(ours, 6)
    theirs.abort()
    const closed = await outcome(ours.closed)
    return [before, closed, await outcome(ours.read()), await outcome(ours.write('x')), await outcome(ours.close())]
  },
  'fails who waits when the peer resets': async (world, port) => {
    const [ours, theirs] = await pairOf(world, port)
    const waiting = [ours.read(), ours.write(new Uint8Array(24 * MIB)), ours.closed].map(outcome)
    await text(theirs, 1)
    theirs.abort()
    return await Promise.all(waiting)
  },
  'aborts with data in flight': async (world, port) => {
    const [ours, theirs] = await pairOf(world, port)
    const waiting = [ours.read(), ours.write(new Uint8Array(24 * MIB)), ours.closed].map(outcome)
    await text(theirs, 1000)
    ours.abort()
    ours.abort()
    const after = [await outcome(ours.read()), await outcome(ours.write('x'))]
    const theirEnd = await outcome(theirs.closed)
    return [...(await Promise.all(waiting)), ...after, theirEnd]
  },
  'closes with unread data by a reset': async (world, port) => {
    const [ours, theirs] = await pairOf(world, port)
    await theirs.write('unread')
    await text(ours, 1)
    const closing = ours.close()
    return [
      await outcome(theirs.closed),
      await outcome(closing),
      await outcome(ours.closed),
      await outcome(ours.read()),
    ]
  },
  'closes after what was written': async (world, port) => {
    const [ours, theirs] = await pairOf(world, port)
    const writing = ours.write(new Uint8Array(3 * MIB))
    const closing = outcome(ours.close())
    const late = await outcome(ours.write('x'))
    let count = 0
    for await (const chunk of theirs) count += chunk.length
    theirs.end()
    return [late, count, await outcome(writing), await closing, await outcome(ours.closed)]
  },
  'iterates over chunks to the end, and closes when left early': async (world, port) => {
    const [ours, theirs] = await pairOf(world, port)
    await theirs.write('all')
    theirs.end()
    const chunks: string[] = []
    for await (const chunk of ours) chunks.push(new TextDecoder().decode(chunk))
    ours.end()
    const [second, other] = await pairOf(world, port)
    await other.write('some')
    for await (const _ of second) break
    return [chunks, await outcome(other.read())]
  },
  'calls a read off, and loses nothing by it': async (world, port) => {
    const [ours, theirs] = await pairOf(world, port)
    const call = new AbortController()
    const reading = outcome(ours.read({ signal: call.signal }))
    call.abort()
    const seen = [await reading, await outcome(ours.readInto(new Uint8Array(1), { signal: AbortSignal.abort() }))]
    await theirs.write('here')
    seen.push(await text(ours, 4))
    ours.abort()
    return seen
  },
  'calls a write off that waits, and no more than that': async (world, port) => {
    const [ours, theirs] = await pairOf(world, port)
    const call = new AbortController()
    const first = ours.write(new Uint8Array(24 * MIB))
    const second = outcome(ours.write(new Uint8Array(MIB), { signal: call.signal }))
    const third = ours.write('end')
    call.abort()
    const seen = [await second, await outcome(ours.write('x', { signal: AbortSignal.abort() }))]
    ours.end()
    let count = 0
    for await (const chunk of theirs) count += chunk.length
    await Promise.all([first, third])
    theirs.end()
    return [...seen, count]
  },
  'is refused': async ({ stack }, port) => [await outcome(stack.tcp.connect({ host: PEER, port }))],
  'refuses arguments that make no sense': async ({ stack }, port) => {
    const connect = (host: string, to: number) => outcome((async () => stack.tcp.connect({ host, port: to }))())
    const listen = (host: string, at: number) => outcome((async () => stack.tcp.listen({ host, port: at }))())
    return [
      await connect('nowhere', port),
      await connect('::1', port),
      await connect(PEER, 0),
      await listen('10.9.9.9', port),
      await listen(OURS, 70_000),
    ]
  },
  'calls a connect off': async ({ stack }, port) => {
    const call = new AbortController()
    const connecting = outcome(stack.tcp.connect({ host: '10.0.0.77', port, signal: call.signal }))
    setTimeout(() => call.abort(), 10)
    const early = await outcome(stack.tcp.connect({ host: PEER, port, signal: AbortSignal.abort() }))
    return [early, await connecting]
  },
  'hands connections over in order, and ends its iteration when closed': async ({ stack, peer }, port) => {
    const listener = await stack.tcp.listen({ port })
    const clients: AnyTcpSocket[] = []
    for (let i = 0; i < 3; i++) clients.push(await peer.tcp.connect({ host: OURS, port }))
    const order: boolean[] = []
    for await (const socket of listener) {
      order.push(socket.remotePort === clients[order.length]!.localPort)
      socket.abort()
      if (order.length === 3) listener.close()
    }
    const { accepted } = { accepted: listener.isClosed }
    return [order, accepted, listener.localPort, await outcome(listener.accept())]
  },
  'has one listener at a port': async ({ stack }, port) => {
    const listener = await stack.tcp.listen({ port })
    const second = await outcome((async () => stack.tcp.listen({ port }))())
    listener.close()
    const third = await stack.tcp.listen({ port })
    third.close()
    return [second, third.localPort]
  },
  'resets the connections that nobody accepted': async ({ stack, peer }, port) => {
    const listener = await stack.tcp.listen({ port })
    const clients = [await peer.tcp.connect({ host: OURS, port }), await peer.tcp.connect({ host: OURS, port })]
    const accepted = await listener.accept()
    listener.close()
    const second = await outcome(clients[1]!.read())
    await accepted.write('alive')
    const first = await text(clients[0]!, 5)
    accepted.abort()
    return [second, first]
  },
  'calls an accept off, and accepts the next': async ({ stack, peer }, port) => {
    const listener = await stack.tcp.listen({ port })
    const call = new AbortController()
    const accepting = outcome(listener.accept({ signal: call.signal }))
    setTimeout(() => call.abort(), 10)
    const seen = [await accepting, await outcome(listener.accept({ signal: AbortSignal.abort() }))]
    const [socket] = await Promise.all([listener.accept(), peer.tcp.connect({ host: OURS, port })])
    socket.abort()
    const waiting = outcome(listener.accept())
    listener.close()
    return [...seen, await waiting]
  },
  'closes a listener by its signal': async ({ stack }, port) => {
    const call = new AbortController()
    const listener = await stack.tcp.listen({ port, signal: call.signal })
    const waiting = outcome(listener.accept())
    call.abort()
    return [await waiting, listener.isClosed]
  },
  'holds small pieces back while corked': async (world, port) => {
    const [ours, theirs] = await pairOf(world, port)
    ours.setNoDelay()
    ours.cork()
    await ours.write('a')
    await ours.write('b')
    const call = new AbortController()
    const early = outcome(theirs.read({ signal: call.signal }))
    await outcome(Promise.resolve(ours.info()))
    call.abort()
    ours.uncork()
    const seen = [await early, await text(theirs, 2)]
    ours.abort()
    return seen
  },
  'tells what is urgent, both ways': async (world, port) => {
    const [ours, theirs] = await pairOf(world, port)
    await ours.write('up', { urgent: true })
    await text(theirs, 1)
    const up = theirs.urgentBytes
    await theirs.write('down', { urgent: true })
    await text(ours, 1)
    const down = ours.urgentBytes
    await text(ours, 3)
    const seen = [up, down, ours.urgentBytes]
    ours.abort()
    return seen
  },
  'sends what is written first with the SYN (Fast Open)': async ({ stack, peer }, port) => {
    peer.tcp.fastOpen.server = true
    const listener = peer.tcp.listen({ port, fastOpen: 10 })
    const once = async (): Promise<Seen> => {
      const accepting = listener.accept()
      const ours = await stack.tcp.connect({ host: PEER, port, fastOpen: true })
      const isHeld = ours.isWaitingForData
      await ours.write('early')
      const theirs = await accepting
      const seen = [isHeld, ours.isWaitingForData, await text(theirs, 5), await outcome(ours.opened)]
      ours.abort()
      return seen
    }
    const seen = [await once(), await once()]
    listener.close()
    return seen
  },
}

const UDP: Readonly<Record<string, Case>> = {
  'sends and receives datagrams of every size': async ({ stack, peer }, port) => {
    const [ours, theirs] = [await stack.udp.open({ port }), peer.udp.open({ port })]
    const sizes = [0, 1, 1472, 1473, 20_000, 65_507]
    const seen: unknown[] = [ours.localAddress, ours.localPort, ours.remoteAddress, ours.dropped]
    for (const size of sizes) {
      const data = new Uint8Array(size).fill(size & 0xff)
      await ours.send(data, PEER, port)
      const there = await theirs.receive()
      await theirs.send(there.data, there.address, there.port)
      const back = await ours.receive()
      seen.push([back.address, back.port, back.destination, Buffer.compare(back.data, data)])
    }
    const large = await outcome(ours.send(new Uint8Array(65_508), PEER, port))
    ours.close()
    theirs.close()
    return [...seen, large]
  },
  'speaks with one peer when connected, and hears that nobody is there': async ({ stack, peer }, port) => {
    const ours = await stack.udp.open()
    const unconnected = await outcome(ours.send(new Uint8Array(1)))
    await ours.connect(PEER, port)
    await ours.send(new Uint8Array(1))
    const refused = await outcome(ours.receive())
    const theirs = peer.udp.open({ port })
    await ours.send(new Uint8Array([1, 2]))
    const { data } = await theirs.receive()
    const seen = [unconnected, refused, [...data], ours.localAddress, ours.remoteAddress, ours.remotePort]
    theirs.close()
    ours.close()
    return seen
  },
  'tells of ICMP errors by onError': async ({ stack }, port) => {
    let onError!: (error: Error) => void
    const told = new Promise((_, reject) => {
      onError = reject
    })
    const ours = await stack.udp.open({ onError })
    await ours.send(new Uint8Array(1), PEER, port)
    const error = await outcome(told)
    ours.close()
    return [error]
  },
  'fails who waits when it is closed, or called off': async ({ stack }, port) => {
    const ours = await stack.udp.open({ port })
    const second = await outcome((async () => stack.udp.open({ port }))())
    const call = new AbortController()
    const called = outcome(ours.receive({ signal: call.signal }))
    call.abort()
    const seen = [second, await called, await outcome(ours.receive({ signal: AbortSignal.abort() }))]
    const waiting = outcome(ours.receive())
    ours.close()
    seen.push(await waiting, await outcome(ours.receive()), await outcome(ours.send(new Uint8Array(1), PEER, port)))
    for await (const _ of ours) seen.push('a datagram')
    return seen
  },
  'iterates over datagrams until it is closed': async ({ stack, peer }, port) => {
    const [ours, theirs] = [await stack.udp.open({ port }), peer.udp.open()]
    for (let i = 0; i < 5; i++) await theirs.send(Uint8Array.of(i), OURS, port)
    const seen: number[] = []
    for await (const { data } of ours) if (seen.push(data[0]!) === 5) ours.close()
    theirs.close()
    return seen
  },
}

const REST: Readonly<Record<string, Case>> = {
  pings: async ({ stack }) => {
    const { type, from, bytes, isAltered } = await stack.ping(PEER, { size: 100 })
    const ping = stack.pings(PEER, { count: 1 })
    const events = await eventsOf(ping)
    const { sent, received, loss } = ping.summary
    return [type, from, bytes, isAltered, events, sent, received, loss]
  },
  'tells that nobody answers a ping, and calls it off': async ({ stack }) => {
    const call = new AbortController()
    const pinging = outcome(stack.ping('10.0.0.77', { signal: call.signal }))
    setTimeout(() => call.abort(), 10)
    const endless = stack.pings(PEER, { interval: 60_000 })
    const seen: string[] = []
    for await (const { type } of endless) {
      seen.push(type)
      if (type === 'reply') break
    }
    return [await pinging, seen, await outcome(stack.ping('nowhere'))]
  },
}

export const CASES: Readonly<Record<string, Readonly<Record<string, Case>>>> = { TCP, UDP, rest: REST }

/** What every kind of stack does when it is closed: who waits is told why. */
export async function closing({ stack, peer, close }: World): Promise<Seen> {
  const world = { stack, peer, close }
  const [ours, theirs] = await pairOf(world, 80)
  const listener = await stack.tcp.listen({ port: 81 })
  const udp = await stack.udp.open({ port: 82 })
  const waiting = [
    ours.read(),
    ours.write(new Uint8Array(24 * MIB)),
    ours.closed,
    listener.accept(),
    udp.receive(),
    stack.tcp.connect({ host: '10.0.0.77', port: 1 }),
  ].map(outcome)
  await text(theirs, 1)
  await (stack as Host & WorkerHost).close()
  const after = [
    (async () => stack.tcp.connect({ host: PEER, port: 1 }))(),
    (async () => stack.tcp.listen({ port: 1 }))(),
    ours.write('x'),
    listener.accept(),
    udp.receive(),
  ].map(outcome)
  const seen = [...(await Promise.all(waiting)), ...(await Promise.all(after)), await outcome(theirs.closed)]
  await close()
  return seen
}
