import http, { type Agent, type IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { below, type Rng } from '../../src/base/rng.ts'
import { type Door, netDoor, promiseDoor, secondTry } from './conversation.ts'
import { type Lane, TIME_WAIT } from './lane.ts'
import { payload } from './payload.ts'
import { PEER_PORTS } from './protocol.ts'
import type { Tally } from './tally.ts'
import { abort, crash, download, echo, Keeper, refused, type Transfer, upload } from './transfers.ts'

const KIB = 1024
const MAX_DATAGRAM = 4000
/** Datagrams that are on their way at the same time. */
const VOLLEY = 8
const PINGS = 4
const PATIENCE_MS = 500
const SHORT_WORKERS = 6

/** Something that a worker does again and again. */
export interface Load {
  readonly name: string
  run(): Promise<void>
  /** At the end of the soak. */
  close?(): Promise<void>
}

/** All that runs at the same time on a lane. */
export async function loadsOf(lane: Lane, tally: Tally, rng: Rng): Promise<Load[]> {
  const straight = [promiseDoor(lane.client, lane.host, TIME_WAIT), netDoor(lane.net, lane.host)]
  const doors = lane.isBad ? straight.map(secondTry) : straight
  const short = doors.flatMap((door) => Array.from({ length: SHORT_WORKERS }, () => shortLoad(door, tally, rng)))
  const keeps = await Promise.all(doors.map((door) => keepLoad(door, tally, rng)))
  const bulk = doors.map((door) => bulkLoad(door, tally, rng, lane.isBad ? 512 * KIB : 16 * KIB * KIB))
  const rest = [httpLoad(lane, tally, rng), udpLoad(lane, tally, rng), dgramLoad(lane, tally, rng)]
  return [...bulk, ...short, ...keeps, ...rest, pingLoad(lane, tally, rng)]
}

/** One of `works`, at random. */
const oneOf = <T>(rng: Rng, works: readonly T[]): T => works[below(rng, works.length)]!

const transferOf = (rng: Rng, most: number): Transfer => ({ start: rng(), length: 1 + below(rng, most) })

function bulkLoad(door: Door, tally: Tally, rng: Rng, most: number): Load {
  const run = (): Promise<void> => oneOf(rng, [upload, download, echo])(door, tally, transferOf(rng, most))
  return { name: 'bulk', run }
}

function shortLoad(door: Door, tally: Tally, rng: Rng): Load {
  const small = (): Transfer => transferOf(rng, 2 * KIB)
  const some = (): Transfer => transferOf(rng, 100 * KIB)
  const request = (): Promise<void> => echo(door, tally, small())
  const works = [
    request,
    request,
    request,
    () => upload(door, tally, small()),
    () => download(door, tally, small(), true),
    () => download(door, tally, some(), true),
    () => abort(door, tally, some(), true),
    () => abort(door, tally, some(), false),
    () => crash(door, tally, rng()),
    () => refused(door, tally),
  ]
  const run = async (): Promise<void> => {
    await oneOf(rng, works)()
    await sleep(below(rng, 5))
  }
  return { name: 'short connections', run }
}

/** A connection that stays. */
async function keepLoad(door: Door, tally: Tally, rng: Rng): Promise<Load> {
  const keeper = await Keeper.open(door, tally, rng())
  const run = async (): Promise<void> => {
    await keeper.turn(1 + below(rng, 64 * KIB))
    await sleep(below(rng, 50))
  }
  return { name: 'a connection that stays', run, close: () => keeper.close() }
}

function httpLoad(lane: Lane, tally: Tally, rng: Rng): Load {
  const run = async (): Promise<void> => {
    const agent = lane.net.httpAgent({ keepAlive: true, maxSockets: 4 })
    tally.connections += 4
    try {
      await Promise.all(Array.from({ length: 12 }, () => post(agent, lane.host, tally, transferOf(rng, 40 * KIB))))
    } finally {
      agent.destroy()
    }
  }
  return { name: 'http', run }
}

async function post(agent: Agent, host: string, tally: Tally, { start, length }: Transfer): Promise<void> {
  const body = payload(start, length)
  const answer = await new Promise<Buffer>((resolve, reject) => {
    const request = http.request({ agent, host, port: PEER_PORTS.http, method: 'POST' })
    request.on('error', reject)
    request.on('response', (response: IncomingMessage) => {
      const parts: Buffer[] = []
      response.on('error', reject)
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('end', () => resolve(Buffer.concat(parts)))
    })
    request.end(body)
  })
  if (!answer.equals(body)) throw new Error(`a body of ${length} bytes came back as ${answer.length} others`)
  tally.requests++
  tally.bytes += 2 * length
}

/** Whether a datagram that came back is the piece of the stream that it says, with its place in front. */
function isSound(message: Uint8Array): boolean {
  if (message.length < 4) return false
  const start = Buffer.from(message.buffer, message.byteOffset, 4).readUInt32BE()
  return payload(start, message.length - 4).equals(message.subarray(4))
}

function datagram(rng: Rng): Buffer {
  const { start, length } = transferOf(rng, MAX_DATAGRAM)
  const place = Buffer.alloc(4)
  place.writeUInt32BE(start)
  return Buffer.concat([place, payload(start, length)])
}

/** Counts a volley of which so many answers came. */
function countVolley(tally: Tally, sent: number, answers: readonly Uint8Array[]): void {
  tally.datagrams += sent
  tally.unanswered += Math.max(0, sent - answers.length)
  const wrong = answers.filter((answer) => !isSound(answer)).length
  if (wrong > 0) throw new Error(`${wrong} datagrams came back as others`)
  for (const answer of answers) tally.bytes += 2 * answer.length
}

/** Datagrams by the stack's own sockets. */
function udpLoad(lane: Lane, tally: Tally, rng: Rng): Load {
  const run = async (): Promise<void> => {
    const socket = lane.client.udp.open()
    const answers: Uint8Array[] = []
    try {
      for (let i = 0; i < VOLLEY; i++) await socket.send(datagram(rng), lane.host, PEER_PORTS.udp)
      const signal = AbortSignal.timeout(PATIENCE_MS)
      while (answers.length < VOLLEY) answers.push((await socket.receive({ signal })).data)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ABORT_ERR') throw error
    } finally {
      socket.close()
    }
    countVolley(tally, VOLLEY, answers)
    await sleep(below(rng, 20))
  }
  return { name: 'datagrams', run }
}

/** Datagrams by the sockets of `gotcp/dgram`. */
function dgramLoad(lane: Lane, tally: Tally, rng: Rng): Load {
  const run = async (): Promise<void> => {
    const answers: Uint8Array[] = []
    await new Promise<void>((resolve, reject) => {
      const socket = lane.dgram.createSocket('udp4')
      const timer = setTimeout(() => socket.close(), PATIENCE_MS)
      socket.on('error', reject)
      socket.on('close', resolve)
      socket.on('message', (message) => {
        if (answers.push(message) < VOLLEY) return
        clearTimeout(timer)
        socket.close()
      })
      for (let i = 0; i < VOLLEY; i++) socket.send(datagram(rng), PEER_PORTS.udp, lane.host)
    })
    countVolley(tally, VOLLEY, answers)
    await sleep(below(rng, 20))
  }
  return { name: 'datagrams by gotcp/dgram', run }
}

function pingLoad(lane: Lane, tally: Tally, rng: Rng): Load {
  const run = async (): Promise<void> => {
    const size = below(rng, 3000)
    let answers = 0
    for await (const event of lane.client.pings(lane.host, { count: PINGS, interval: 0, timeout: PATIENCE_MS, size })) {
      if (event.type === 'error') throw new Error(`a ping ended with ${event.code}`)
      if (event.type !== 'reply' || event.isCorrupt) continue
      if (event.isAltered) throw new Error('a ping came back altered')
      if (!event.isDuplicate) answers++
    }
    tally.pings += PINGS
    tally.lost += PINGS - answers
    await sleep(below(rng, 50))
  }
  return { name: 'pings', run }
}
