// Asks an echo: over one connection again and again, or once over each of many. npm run bench -- tunnel starts it.
import type { Socket } from 'node:net'
import { fail, say, serveParent } from '../../src/lab/tunnel/child.ts'
import { connectTo } from './ends.ts'

/** Requests of `octets` over one connection for a time. */
export interface Requests {
  readonly port: number
  readonly octets: number
  readonly ms: number
}

/** So many connections, `atOnce` of them at a time: one octet there, one back, and closed. */
export interface Visits {
  readonly port: number
  readonly connections: number
  readonly atOnce: number
}

/** In microseconds. */
export interface Answered {
  readonly p50: number
  readonly p99: number
}

export interface Visited {
  readonly ms: number
}

function requests({ port, octets, ms }: Requests): void {
  const question = new Uint8Array(octets)
  const times: number[] = []
  let [began, asked, missing] = [0, 0, 0]
  const ask = (): void => {
    missing = octets
    asked = performance.now()
    socket.write(question)
  }
  const socket = connectTo('tcp', port, () => {
    began = performance.now()
    ask()
  })
  socket.on('error', fail)
  socket.on('data', ({ length }) => {
    missing -= length
    if (missing > 0) return
    const now = performance.now()
    times.push((now - asked) * 1000)
    if (now < began + ms) ask()
    else socket.destroy()
  })
  socket.on('close', () => {
    times.sort((a, b) => a - b)
    const at = (share: number): number => times[Math.floor(times.length * share)]!
    say({ p50: at(0.5), p99: at(0.99) } satisfies Answered)
  })
}

async function visits({ port, connections, atOnce }: Visits): Promise<void> {
  const began = performance.now()
  let left = connections
  const visitor = async (): Promise<void> => {
    while (left-- > 0) await visit(port, left & 0xff)
  }
  await Promise.all(Array.from({ length: atOnce }, visitor))
  say({ ms: performance.now() - began } satisfies Visited)
}

function visit(port: number, octet: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let answer: number | undefined
    const socket: Socket = connectTo('tcp', port, () => socket.write(Uint8Array.of(octet)))
    socket.on('data', (bytes) => {
      answer = bytes.length === 1 ? bytes[0] : undefined
      socket.end()
    })
    socket.on('error', reject)
    socket.on('close', () => (answer === octet ? resolve() : reject(new Error(`the answer was ${answer}`))))
  })
}

serveParent((order: Requests | Visits) => {
  if ('octets' in order) requests(order)
  else visits(order).catch(fail)
})
say({})
