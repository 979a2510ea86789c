// One end of a flow over several paths, as a process of its own: pours or takes numbered blocks and says what came of it.
import { connect, createServer, type Socket } from 'node:net'

/** Octets of a block; its number stands in front. */
const BLOCK = 4096
/** A flow of a constant rate sends so often, in milliseconds. */
const TICK = 3

/** What a taker saw. */
export interface Taken {
  readonly octets: number
  readonly mbps: number
  /** The longest silence after the first second, and when it began, in milliseconds. */
  readonly gap: number
  readonly gapAt: number
  /** Blocks that were not the ones that had to come. */
  readonly wrong: number
  /** When the first octet came, Unix time in milliseconds, and Mbit/s in each tenth of a second from then on. */
  readonly firstAt: number
  readonly tenths: readonly number[]
}

function take(port: number): void {
  // It goes on listening: further subflows of Multipath TCP come in there, too.
  const server = createServer(watch)
  server.listen(port, '0.0.0.0', () => console.log('ready'))
}

/** Counts what comes until the end. */
function watch(socket: Socket): void {
  let [octets, wrong, first, last, gap, gapAt] = [0, 0, 0, 0, 0, 0]
  const tenths: number[] = []
  let held: Buffer = Buffer.alloc(0)
  let next = 0
  const check = (bytes: Buffer): void => {
    held = held.length === 0 ? bytes : Buffer.concat([held, bytes])
    for (; held.length >= BLOCK; held = held.subarray(BLOCK)) if (held.readUInt32BE(0) !== next++) wrong++
  }
  socket.on('data', (bytes) => {
    const now = performance.now()
    if (first === 0) first = now
    else if (now - first > 1000 && now - last > gap) {
      gap = now - last
      gapAt = last - first
    }
    last = now
    octets += bytes.length
    const tenth = Math.floor((now - first) / 100)
    tenths[tenth] = (tenths[tenth] ?? 0) + (bytes.length * 8) / 1e5
    check(bytes)
  })
  const end = (): never => {
    const mbps = (octets * 8) / (last - first) / 1000
    const rounded = Array.from(tenths, (mbit = 0) => Math.round(mbit))
    const taken: Taken = { octets, mbps, gap, gapAt, wrong, firstAt: performance.timeOrigin + first, tenths: rounded }
    console.log(JSON.stringify(taken))
    process.exit()
  }
  socket.on('end', end).on('error', end)
}

/** What is sent, for so long or so many octets: as fast as they are taken, or at a rate. */
interface Pour {
  readonly host: string
  readonly port: number
  readonly ms: number
  /** 0: no end of them. */
  readonly octets: number
  /** 0: as fast as can be. */
  readonly mbit: number
}

function pour({ host, port, ms, octets, mbit }: Pour): void {
  const socket = connect({ host, port, noDelay: true })
  let next = 0
  const block = (): Buffer => {
    const bytes = Buffer.alloc(BLOCK)
    bytes.writeUInt32BE(next++)
    return bytes
  }
  const stopAt = performance.now() + ms
  const isOver = (): boolean => performance.now() >= stopAt || (octets > 0 && next * BLOCK >= octets)
  const stop = (): void => {
    socket.end()
    socket.on('close', () => process.exit())
  }
  const fill = (): void => {
    let goesOn = true
    while (goesOn && !isOver()) goesOn = socket.write(block())
    if (goesOn) stop()
    else socket.once('drain', fill)
  }
  const tick = (began: number): void => {
    const due = ((performance.now() - began) * mbit * 125) / BLOCK
    while (next < due) socket.write(block())
    if (isOver()) stop()
    else setTimeout(tick, TICK, began)
  }
  socket.once('connect', () => (mbit === 0 ? fill() : tick(performance.now())))
}

const [role, ...args] = process.argv.slice(2)
if (role === 'take') take(Number(args[0]))
else pour(JSON.parse(args[0]!) as Pour)
