import type { TcpSocket } from '../../../stack/tcp-socket.ts'

/** Bytes that are sent back at a time. */
const CHUNK = 64 * 1024
/** Buffers that wait for the next connection. */
const MOST_SPARE = 64

const spare: Uint8Array[] = []

/** Sends back what comes, beginning with `first`, until the peer ends or resets. Many at once share their memory. */
export async function echo(socket: TcpSocket, first: Uint8Array): Promise<void> {
  const buffer = spare.pop() ?? new Uint8Array(CHUNK)
  try {
    socket.setNoDelay()
    await socket.write(first)
    for (let count = await socket.readInto(buffer); count > 0; count = await socket.readInto(buffer)) {
      await socket.write(count === CHUNK ? buffer : buffer.subarray(0, count))
    }
    socket.end()
  } catch {
    // Whoever measures us may reset what it no longer needs.
    socket.abort()
  } finally {
    if (spare.length < MOST_SPARE) spare.push(buffer)
  }
}
