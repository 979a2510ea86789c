// Sends datagrams at a rate, or takes them and says how old they were: npm run bench -- tunnel starts it.
import { createSocket } from 'node:dgram'
import { fail, say, serveParent, sharedClock } from '../../src/lab/tunnel/child.ts'

/** Sends for a time. */
export interface Shower {
  readonly host: string
  readonly port: number
  readonly mbit: number
  readonly octets: number
  readonly ms: number
}

export interface Sent {
  readonly sent: number
}

/** What has come since this was asked last. */
export interface Report {
  readonly report: true
}

/** How old datagrams were when they came, in milliseconds. */
export interface Came {
  readonly came: number
  readonly p50: number
  readonly p99: number
}

/** Many are sent at once, so often, in milliseconds. */
const TICK = 1

const socket = createSocket('udp4').on('error', fail)
let ages: number[] = []

function shower({ host, port, mbit, octets, ms }: Shower): void {
  const began = sharedClock()
  let sent = 0
  const tick = (): void => {
    const now = sharedClock()
    const due = (Math.min(now - began, ms) * mbit * 125) / octets
    for (; sent < due; sent++) {
      const datagram = Buffer.alloc(octets)
      datagram.writeDoubleBE(sharedClock())
      socket.send(datagram, port, host)
    }
    if (now - began < ms) setTimeout(tick, TICK)
    else say({ sent } satisfies Sent)
  }
  tick()
}

function report(): void {
  ages.sort((a, b) => a - b)
  const at = (share: number): number => ages[Math.floor(ages.length * share)] ?? Number.NaN
  say({ came: ages.length, p50: at(0.5), p99: at(0.99) } satisfies Came)
  ages = []
}

serveParent((order: Shower | Report) => ('report' in order ? report() : shower(order)))
socket.on('message', (datagram) => ages.push(sharedClock() - datagram.readDoubleBE()))
socket.bind(0, '0.0.0.0', () => say({ port: socket.address().port }))
