// A Node program on the sockets of the kernel it runs on. It takes orders as lines of JSON and answers likewise, and
// ends with its standard input.
import { connect, createServer, type Server, type Socket } from 'node:net'
import { createInterface } from 'node:readline'

import type { PeerOrder, PeerPlan, PeerTally } from './peer-protocol.ts'
import { Stream, StreamChecker } from './stream.ts'

const CHUNK = 256 * 1024

class Tally implements PeerTally {
  connections = 0
  open = 0
  received = 0
  sent = 0
  wrongAt = -1
  ends = 0
  readonly errors: string[] = []
}

const tallies = new Map<number, Tally>()
const servers = new Map<number, Server>()
const say = (message: object): void => void process.stdout.write(`${JSON.stringify(message)}\n`)

function sendStream(socket: Socket, plan: PeerPlan, tally: Tally, onSent: () => void): void {
  const stream = new Stream(plan.seed ?? 2)
  let sent = 0
  const more = (): void => {
    while (sent < plan.send && !socket.destroyed) {
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK, plan.send - sent))
      for (let at = 0; at < chunk.length; ) {
        const piece = stream.at(sent + at, chunk.length - at)
        chunk.set(piece, at)
        at += piece.length
      }
      sent += chunk.length
      tally.sent += chunk.length
      if (!socket.write(chunk)) {
        socket.once('drain', more)
        return
      }
    }
    onSent()
  }
  more()
}

function serve(socket: Socket, plan: PeerPlan, tally: Tally, onClosed: () => void): void {
  const checker = new StreamChecker(1)
  // With `first` the end follows what was sent; with `last` our end must have come too.
  let waitsFor = plan.end === 'first' ? 1 : 2
  const endWhenReady = (): void => void (--waitsFor === 0 && socket.end())
  tally.connections++
  tally.open++
  socket.setNoDelay(plan.noDelay ?? false)
  socket.on('data', (chunk) => {
    checker.take(chunk)
    tally.received += chunk.length
    if (plan.resetAt !== undefined && checker.received >= plan.resetAt) socket.resetAndDestroy()
    const rest = checker.received === chunk.length ? (plan.restMs ?? plan.pauseMs) : plan.pauseMs
    if (rest === undefined) return
    socket.pause()
    setTimeout(() => socket.resume(), rest)
  })
  socket.on('end', () => {
    tally.ends++
    if (plan.end === 'last') endWhenReady()
  })
  socket.on('error', (error: NodeJS.ErrnoException) => tally.errors.push(error.code ?? error.message))
  socket.on('close', () => {
    if (checker.wrongAt >= 0 && tally.wrongAt < 0) tally.wrongAt = checker.wrongAt
    tally.open--
    onClosed()
  })
  if (plan.resetAt === 0) socket.resetAndDestroy()
  else sendStream(socket, plan, tally, endWhenReady)
}

function obey(order: PeerOrder): void {
  const { id } = order
  if (order.op === 'listen') {
    const tally = new Tally()
    tallies.set(id, tally)
    const server = createServer({ allowHalfOpen: true }, (socket) => serve(socket, order.plan, tally, () => {}))
    servers.set(id, server)
    server.listen({ port: 0, host: order.host, backlog: 1000 }, () => {
      const address = server.address()
      say({ id, port: typeof address === 'object' ? address?.port : 0 })
    })
  } else if (order.op === 'connect') {
    const tally = new Tally()
    let left = order.count
    const next = (): void => {
      if (left-- > 0) {
        const socket = connect({ host: order.host, port: order.port, allowHalfOpen: true })
        serve(socket, order.plan, tally, next)
      } else if (tally.open === 0) say({ id, tally })
    }
    for (let i = 0; i < Math.min(order.parallel, order.count); i++) next()
  } else if (order.op === 'report') {
    const tally = tallies.get(order.of)!
    const look = (): void => {
      if (tally.open > 0 || tally.connections < order.connections) setTimeout(look, 5)
      else say({ id, tally })
    }
    look()
  } else {
    servers.get(order.of)?.close()
    say({ id })
  }
}

createInterface({ input: process.stdin })
  .on('line', (line) => obey(JSON.parse(line)))
  .on('close', () => process.exit(0))
