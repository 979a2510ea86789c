// Our side of the benchmark: one measurement over the public API, then one line of JSON with the figures. It runs in the
// namespace of the interface, or in that of the kernel at the other end of the TAP.
import {
  createStack,
  type Host,
  openPacketLink,
  openTapLink,
  type TcpConnectOptions,
  type TcpSocket,
} from '../src/index.ts'
import { MarkChecker, markAll } from './mark.ts'
import type { Attachment, Mode, Order, Result } from './result.ts'

const WARM_UP_MS = 300
const CHUNK = 256 * 1024
const READ = 1024 * 1024
/** The kernel's client has its TIME-WAIT capped; this is our cap. */
const TIME_WAIT = 100

/** Our address and the kernel's. The kernel's client uses the shared one. */
const ADDRESSES: Readonly<Record<Attachment, readonly [ours: string, kernel: string]>> = {
  packet: ['10.0.0.3', '10.0.0.2'],
  shared: ['10.0.0.1', '10.0.0.2'],
  tap: ['10.1.0.1', '10.1.0.2'],
}

function open({ attachment }: Order): Host {
  const stack = createStack()
  const [ours, kernel] = ADDRESSES[attachment]
  const address = `${ours}/24`
  const link =
    attachment === 'tap'
      ? openTapLink({ name: 'bench0', kernelAddress: `${kernel}/24` })
      : openPacketLink({ interface: 'eth0', addresses: [address] })
  stack.addInterface(link, { address, shared: attachment === 'shared' })
  return stack
}

const seconds = (from: number): number => (performance.now() - from) / 1000

async function readExactly(socket: TcpSocket, target: Uint8Array): Promise<void> {
  for (let have = 0; have < target.length; ) {
    const count = await socket.readInto(target.subarray(have))
    if (count === 0) throw new Error('the peer closed early')
    have += count
  }
}

type Connect = () => Promise<TcpSocket>

async function send(connect: Connect, ms: number): Promise<MarkChecker> {
  const socket = await connect()
  const chunk = new Uint8Array(CHUNK)
  let sent = 0
  for (const end = performance.now() + ms; performance.now() < end; sent += CHUNK) {
    markAll(chunk, sent)
    await socket.write(chunk)
  }
  socket.end()
  const report = new BigUint64Array(2)
  await readExactly(socket, new Uint8Array(report.buffer))
  await socket.close()
  const seen = new MarkChecker()
  seen.bytes = Number(report[0])
  seen.wrong = Number(report[1]) + (seen.bytes === sent ? 0 : 1)
  return seen
}

async function receive(connect: Connect, ms: number): Promise<MarkChecker> {
  const socket = await connect()
  await socket.write(new Uint8Array(BigUint64Array.of(BigInt(ms)).buffer))
  const memory = new Uint8Array(READ)
  const seen = new MarkChecker()
  for (let count = await socket.readInto(memory); count > 0; count = await socket.readInto(memory)) {
    seen.take(memory, count)
  }
  await socket.close()
  return seen
}

async function bulk(run: typeof send, connect: Connect, ms: number): Promise<Result> {
  const warm = await run(connect, WARM_UP_MS)
  const cpu = process.cpuUsage()
  const begin = performance.now()
  const { bytes, wrong } = await run(connect, ms)
  const gbps = (bytes * 8) / 1e9 / seconds(begin)
  const { user, system } = process.cpuUsage(cpu)
  return { gbps, cpuPerGb: (user + system) / 1e6 / (bytes / 1e9), bytes, wrong: wrong + warm.wrong }
}

async function requestResponse(connect: Connect, ms: number): Promise<Result> {
  const socket = await connect()
  const samples: number[] = []
  const byte = new Uint8Array(1)
  const answer = new Uint8Array(1)
  let wrong = 0
  const begin = performance.now()
  for (let at = begin; at < begin + WARM_UP_MS + ms; byte[0]!++) {
    await socket.write(byte)
    if ((await socket.readInto(answer)) !== 1 || answer[0] !== byte[0]) wrong++
    const now = performance.now()
    if (at >= begin + WARM_UP_MS) samples.push((now - at) * 1000)
    at = now
  }
  await socket.close()
  samples.sort((a, b) => a - b)
  const percentile = (p: number): number => samples[Math.floor(samples.length * p)]!
  return { p50: percentile(0.5), p99: percentile(0.99), count: samples.length, wrong }
}

async function connectRate(connect: Connect, ms: number): Promise<Result> {
  const byte = new Uint8Array(1)
  const answer = new Uint8Array(1)
  let wrong = 0
  const runFor = async (time: number): Promise<number> => {
    let count = 0
    for (const end = performance.now() + time; performance.now() < end; count++) {
      const socket = await connect()
      byte[0]!++
      await socket.write(byte)
      if ((await socket.readInto(answer)) !== 1 || answer[0] !== byte[0]) wrong++
      // As close(2) does: the rest of the connection's end is not waited for.
      void socket.close()
    }
    return count
  }
  await runFor(WARM_UP_MS)
  const begin = performance.now()
  const count = await runFor(ms)
  return { rate: count / seconds(begin), count, wrong }
}

async function measure(stack: Host, order: Order): Promise<Result> {
  const host = ADDRESSES[order.attachment][1]
  const options: TcpConnectOptions = { host, port: order.port, noDelay: true, timeWait: TIME_WAIT }
  const connect = (): Promise<TcpSocket> => stack.tcp.connect(options)
  await stack.ping(host)
  const modes: Readonly<Record<Mode, () => Promise<Result>>> = {
    send: () => bulk(send, connect, order.ms),
    receive: () => bulk(receive, connect, order.ms),
    rr: () => requestResponse(connect, order.ms),
    crr: () => connectRate(connect, order.ms),
  }
  return modes[order.mode]()
}

const order: Order = JSON.parse(process.argv[2] ?? '{}')
const stack = open(order)
try {
  console.log(JSON.stringify(await measure(stack, order)))
} finally {
  stack.close()
}
