// Our side of one flow behind a bad line: sends until the peer resets it, or reads for so long and resets it; then one
// line of JSON with the figures. With a trace, the sender's variables go to a CSV file every so often.
import { closeSync, openSync, writeSync } from 'node:fs'

import { createStack, openPacketLink, type TcpSocket } from '../src/index.ts'
import { MarkChecker, markAll } from './mark.ts'
import type { FlowOrder } from './result.ts'

const CHUNK = 64 * 1024
const TRACE_EVERY_MS = 10
const COLUMNS = ['cwnd', 'ssthresh', 'unacked', 'lost', 'rtt', 'rto', 'retrans', 'timeouts', 'bytes_acked'] as const

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

async function send(socket: TcpSocket): Promise<number> {
  const chunk = new Uint8Array(CHUNK)
  try {
    for (let sent = 0; ; sent += CHUNK) {
      markAll(chunk, sent)
      await socket.write(chunk)
    }
  } catch {
    return 0
  }
}

async function receive(socket: TcpSocket, ms: number): Promise<MarkChecker> {
  const memory = new Uint8Array(CHUNK)
  const seen = new MarkChecker()
  const signal = AbortSignal.timeout(ms)
  try {
    for (;;) {
      const count = await socket.readInto(memory, { signal })
      if (count === 0) break
      seen.take(memory, count)
    }
  } catch {
    // The time is over.
  }
  socket.abort()
  return seen
}

async function run({
  interface: name,
  host,
  address,
  port,
  ms,
  role,
  congestion,
  tracePath,
}: FlowOrder): Promise<object> {
  const stack = createStack()
  stack.addInterface(openPacketLink({ interface: name, addresses: [address] }), { address })
  try {
    const socket = await stack.tcp.connect({ host, port, ...{ congestion } })
    socket.closed.catch(() => undefined)
    const cpu = process.cpuUsage()
    const begin = performance.now()
    const stop = tracePath === undefined ? () => undefined : trace(socket, tracePath)
    const seen = role === 'send' ? undefined : await receive(socket, ms)
    if (seen === undefined) await send(socket)
    const elapsed = performance.now() - begin
    stop()
    const { user, system } = process.cpuUsage(cpu)
    const { retrans, timeouts, rtt, cwnd, segs_out, rcv_space } = socket.info()
    const figures = {
      retransmits: retrans,
      timeouts,
      rtt,
      cwnd,
      segs_out,
      rcv_space,
      cpu: (user + system) / 1e3 / elapsed,
    }
    return seen === undefined
      ? { ...figures, wrong: 0 }
      : { ...figures, mbps: (seen.bytes * 8) / 1e3 / elapsed, wrong: seen.wrong }
  } finally {
    stack.close()
  }
}

console.log(JSON.stringify(await run(JSON.parse(process.argv[2] ?? '{}'))))
