import assert from 'node:assert/strict'

import type { AnyTcpSocket } from '../../src/index.ts'
import { type Attachment, OUR_ADDRESS } from './attachment.ts'
import type { PeerPlan, PeerTally } from './peer-protocol.ts'
import { Stream, StreamChecker } from './stream.ts'

export const MIB = 1 << 20

/** An amount from the environment, so that CI may be quick and a full check thorough. */
export const fromEnv = (name: string, fallback: number): number => Number(process.env[name] ?? fallback)

/** What our side of a connection does. */
export interface OurPlan {
  /** Bytes of stream 1 to send. */
  readonly send: number
  /** Half-closes when all is sent (`first`), or when the kernel's end has come (`last`). */
  readonly end: 'first' | 'last'
  /** Rests so long after each piece it reads, so that its window closes. */
  readonly pauseMs?: number
}

export async function sendStream(socket: AnyTcpSocket, length: number): Promise<void> {
  const stream = new Stream(1)
  for (let sent = 0; sent < length; ) {
    const piece = stream.at(sent, length - sent)
    await socket.write(piece)
    sent += piece.length
  }
}

/** Reads to the end; what came is compared with stream 2. */
export async function receiveStream(socket: AnyTcpSocket, pauseMs?: number): Promise<StreamChecker> {
  const checker = new StreamChecker(2)
  const memory = new Uint8Array(256 * 1024)
  for (let count = await socket.readInto(memory); count > 0; count = await socket.readInto(memory)) {
    checker.take(memory.subarray(0, count))
    if (pauseMs !== undefined) await new Promise((resolve) => setTimeout(resolve, pauseMs))
  }
  return checker
}

/** Sends and receives at the same time, and closes as planned. */
export async function exchange(socket: AnyTcpSocket, plan: OurPlan): Promise<StreamChecker> {
  const sending = sendStream(socket, plan.send).then(() => plan.end === 'first' && socket.end())
  const [checker] = await Promise.all([receiveStream(socket, plan.pauseMs), sending])
  if (plan.end === 'last') socket.end()
  await socket.closed
  return checker
}

/** What one run came to on both sides. */
interface Arrived {
  readonly ours: StreamChecker
  readonly theirs: PeerTally
}

function assertArrived({ ours, theirs }: Arrived, up: number, down: number): void {
  assert.deepEqual(
    { received: ours.received, wrongAt: ours.wrongAt },
    { received: down, wrongAt: -1 },
    'what the kernel sent did not arrive as it was',
  )
  const { received, wrongAt, errors } = theirs
  assert.deepEqual(
    { received, wrongAt, errors },
    { received: up, wrongAt: -1, errors: [] },
    'what we sent did not arrive as it was',
  )
}

export interface TransferPlan {
  readonly up: number
  readonly down: number
  /** Who half-closes first; both as soon as they have sent all by default. */
  readonly first?: 'ours' | 'kernel' | 'both'
  readonly ourPauseMs?: number
  readonly kernelPauseMs?: number
  readonly kernelRestMs?: number
}

const ends = ({ first = 'both' }: TransferPlan, side: 'ours' | 'kernel') =>
  first === side || first === 'both' ? 'first' : 'last'

const ourPlan = (plan: TransferPlan): OurPlan => ({
  send: plan.up,
  end: ends(plan, 'ours'),
  ...(plan.ourPauseMs === undefined ? {} : { pauseMs: plan.ourPauseMs }),
})

const kernelPlan = (plan: TransferPlan): PeerPlan => ({
  send: plan.down,
  end: ends(plan, 'kernel'),
  ...(plan.kernelPauseMs === undefined ? {} : { pauseMs: plan.kernelPauseMs }),
  ...(plan.kernelRestMs === undefined ? {} : { restMs: plan.kernelRestMs }),
})

/** We connect, both send, all is compared on both sides, both close. */
export async function asClient({ stack, peer }: Pick<Attachment, 'stack' | 'peer'>, plan: TransferPlan): Promise<void> {
  const listener = await peer.listen(kernelPlan(plan))
  const socket = await stack.tcp.connect({ host: peer.address, port: listener.port })
  const ours = await exchange(socket, ourPlan(plan))
  assertArrived({ ours, theirs: await listener.report() }, plan.up, plan.down)
  await listener.close()
}

/** The kernel connects; otherwise the same. */
export async function asServer({ stack, peer }: Pick<Attachment, 'stack' | 'peer'>, plan: TransferPlan): Promise<void> {
  const listener = stack.tcp.listen({ port: 0 })
  const theirs = peer.connect(OUR_ADDRESS, listener.localPort, kernelPlan(plan))
  const ours = await exchange(await listener.accept(), ourPlan(plan))
  assertArrived({ ours, theirs: await theirs }, plan.up, plan.down)
  listener.close()
}
