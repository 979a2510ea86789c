import type { TcpSocket } from '../../stack/tcp-socket.ts'
import type { TcpState } from '../../tcp/fsm.ts'
import type { Sink } from './sink.ts'
import { CHUNK, type Source } from './source.ts'

/** A day in milliseconds. */
const LONGEST_LINGER = 86_400_000

/** How much has passed, counted as it passes. */
export class Traffic {
  /** Seconds that the last of what we send may take to be delivered; undefined leaves it to the user timeout. */
  readonly linger: number | undefined
  /** Bytes taken from the source. */
  taken = 0
  /** Bytes handed to the connection. */
  sent = 0
  /** Bytes taken from it. */
  received = 0

  constructor(linger?: number) {
    this.linger = linger
  }
}

/** States in which everything, our FIN as well, has been acknowledged, or nothing is left to be done. */
const DELIVERED: readonly TcpState[] = ['FIN-WAIT-2', 'TIME-WAIT', 'CLOSED']

/** Half-closes: nothing more will be sent. What is not delivered when the time to linger is over is dropped, by a reset. */
export function finish(socket: TcpSocket, { linger }: Traffic): void {
  socket.end()
  if (linger === undefined) return
  const timer = setTimeout(
    () => {
      if (!DELIVERED.includes(socket.info().state)) socket.abort()
    },
    Math.min(linger * 1000, LONGEST_LINGER),
  )
  const stop = (): void => clearTimeout(timer)
  socket.closed.then(stop, stop)
}

/** Sends what the source gives, then half-closes. */
export async function pumpOut(source: Source, socket: TcpSocket, traffic: Traffic): Promise<void> {
  while (await pumpOne(source, socket, traffic));
  finish(socket, traffic)
}

/** Sends what the source gives next; false at its end. */
export async function pumpOne(source: Source, socket: TcpSocket, traffic: Traffic): Promise<boolean> {
  const chunk = await source.next()
  if (chunk === undefined) return false
  traffic.taken += chunk.length
  await socket.write(chunk)
  traffic.sent += chunk.length
  return true
}

/** Hands everything to the sink until the peer has ended. */
export async function pumpIn(socket: TcpSocket, sink: Sink, traffic: Traffic): Promise<void> {
  const buffer = new Uint8Array(CHUNK)
  for (let count = await socket.readInto(buffer); count > 0; count = await socket.readInto(buffer)) {
    traffic.received += count
    await sink.write(count === CHUNK ? buffer : buffer.subarray(0, count))
  }
}
