import type { TcpSocket } from '../../stack/tcp-socket.ts'
import type { Sink } from './sink.ts'
import { CHUNK, type Source } from './source.ts'

/** How much has passed, counted as it passes. */
export class Traffic {
  /** Bytes taken from the source. */
  taken = 0
  /** Bytes handed to the connection. */
  sent = 0
  /** Bytes taken from it. */
  received = 0
}

/** Sends what the source gives, then half-closes. */
export async function pumpOut(source: Source, socket: TcpSocket, traffic: Traffic): Promise<void> {
  while (await pumpOne(source, socket, traffic));
  socket.end()
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
