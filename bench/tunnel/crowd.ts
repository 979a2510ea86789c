// Many connections that read nothing, or that write to somebody who does not; and one that does what it can beside them.
// npm run bench -- tunnel starts it.
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { fail, say, serveParent } from '../../src/lab/tunnel/child.ts'
import { connectTo, Wish } from './ends.ts'
import { pourInto } from './pour.ts'

/** `down`: what is poured comes from the backend, and is not read here. `up`: the other way round. */
export type Direction = 'down' | 'up'

/** Opens so many that stall. */
export interface Stall {
  readonly port: number
  readonly direction: Direction
  readonly stalled: number
}

/** Moves octets for a time; with a `warmUp` before it. */
export interface Race {
  readonly port: number
  readonly direction: Direction
  readonly warmUp: number
  readonly ms: number
}

export interface Raced {
  readonly gbps: number
}

const crowd: Socket[] = []

async function stall({ port, direction, stalled }: Stall): Promise<void> {
  for (let i = 0; i < stalled; i++) {
    const socket = await asked(port, direction === 'down' ? Wish.POUR : Wish.STALL)
    socket.on('error', fail)
    if (direction === 'down') socket.pause()
    else pourInto(socket)
    crowd.push(socket)
  }
  say({})
}

async function asked(port: number, wish: number): Promise<Socket> {
  const socket = connectTo('tcp', port)
  await once(socket, 'connect')
  socket.write(Uint8Array.of(wish))
  return socket
}

async function race({ port, direction, warmUp, ms }: Race): Promise<void> {
  const socket = await asked(port, direction === 'down' ? Wish.POUR : Wish.TAKE)
  socket.on('error', fail)
  let octets = 0
  if (direction === 'down') socket.on('data', ({ length }) => (octets += length))
  else pourInto(socket)
  const moved = (): number => (direction === 'down' ? octets : socket.bytesWritten - socket.writableLength)
  const wait = (time: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, time))
  await wait(warmUp)
  const [began, before] = [performance.now(), moved()]
  await wait(ms)
  say({ gbps: ((moved() - before) * 8) / (performance.now() - began) / 1e6 } satisfies Raced)
  socket.destroy()
}

serveParent((order: Stall | Race) => void ('stalled' in order ? stall(order) : race(order)).catch(fail))
say({})
