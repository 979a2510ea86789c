// Our side of flows behind a bad line: sends until the peer resets it, or reads for so long and resets it. It says
// `ready` when it begins, and at its end gives the first flow's figures in one line of JSON. With a trace, the variables
// of that flow go to a CSV file every so often.
import { closeSync, openSync, writeSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'

import { Cable, createStack, openPacketLink, type TcpSocket } from '../src/index.ts'
import { MarkChecker, markAll } from './mark.ts'
import type { FlowOrder, Result } from './result.ts'

const CHUNK = 64 * 1024
const WARM_UP_MS = 500
const PORT = 7
const TRACE_EVERY_MS = 10
const COLUMNS = ['cwnd', 'ssthresh', 'unacked', 'lost', 'rtt', 'rto', 'retrans', 'timeouts', 'bytes_acked'] as const

/** As a program does that has run for a while: every path of the code is compiled before it is measured. */
async function warmUp(): Promise<void> {
  const cable = new Cable()
  const [a, b] = [createStack(), createStack()]
  a.addInterface(cable.a, { address: '10.0.1.1/24' })
  b.addInterface(cable.b, { address: '10.0.1.2/24' })
  const accepted = b.tcp.listen({ port: PORT }).accept()
  const sender = await a.tcp.connect({ host: '10.0.1.2', port: PORT })
  const sent = send(sender)
  await receive((await accepted)!, WARM_UP_MS)
  await sent
  a.close()
  b.close()
}

/** Writes the variables of a connection until it is told to stop. */
function trace(socket: TcpSocket, path: string): () => void {
  const file = openSync(path, 'w')
  const begin = performance.now()
  writeSync(file, `ms,${COLUMNS.join(',')}\n`)
  const timer = setInterval(() => {
    const info = socket.info()
    writeSync(file, `${(performance.now() - begin).toFixed(1)},${COLUMNS.map((name) => info[name] ?? '').join(',')}\n`)
  }, TRACE_EVERY_MS)
  return () => {
    clearInterval(timer)
    closeSync(file)
  }
}

/** Writes until the peer has enough. */
async function send(socket: TcpSocket): Promise<Result> {
  const chunk = new Uint8Array(CHUNK)
  try {
    for (let sent = 0; ; sent += CHUNK) {
      markAll(chunk, sent)
      await socket.write(chunk)
    }
  } catch {
    return { wrong: 0 }
  }
}

/** Reads for so long from the first byte on; then resets the connection. */
async function receive(socket: TcpSocket, ms: number): Promise<Result> {
  const memory = new Uint8Array(CHUNK)
  const seen = new MarkChecker()
  seen.take(memory, await socket.readInto(memory))
  const begin = performance.now()
  const signal = AbortSignal.timeout(ms)
  try {
    for (let count = 1; count > 0; seen.take(memory, count)) count = await socket.readInto(memory, { signal })
  } catch {
    // The time is over.
  }
  const elapsed = performance.now() - begin
  socket.abort()
  return { mbps: (seen.bytes * 8) / 1e3 / elapsed, wrong: seen.wrong }
}

async function run(order: FlowOrder): Promise<Result> {
  const { address, host, port, flows = 1, congestion, tracePath } = order
  await warmUp()
  const stack = createStack()
  stack.addInterface(openPacketLink({ interface: order.interface, addresses: [address] }), { address })
  try {
    console.log('ready')
    const sockets = await Promise.all(
      Array.from({ length: flows }, (_, i) => stack.tcp.connect({ host, port: port + i, congestion })),
    )
    for (const socket of sockets) socket.closed.catch(() => undefined)
    const [first] = sockets
    const cpu = process.cpuUsage()
    const begin = performance.now()
    const stop = tracePath === undefined ? () => undefined : trace(first!, tracePath)
    const [result] = await Promise.all(
      sockets.map((socket) => (order.role === 'send' ? send(socket) : receive(socket, order.ms))),
    )
    stop()
    const { user, system } = process.cpuUsage(cpu)
    const { retrans: retransmits, timeouts, rtt, cwnd, rcv_space } = first!.info()
    const load = (user + system) / 1e3 / (performance.now() - begin)
    // The line may lose our reset; whoever still sends in the next second is given another.
    if (order.role === 'receive') await setTimeout(1000)
    return { ...result!, retransmits, timeouts, rtt, cwnd, rcv_space, load }
  } finally {
    stack.close()
  }
}

console.log(JSON.stringify(await run(JSON.parse(process.argv[2] ?? '{}'))))
