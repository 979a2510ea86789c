import { spawn } from 'node:child_process'
import { NetError } from '../../base/errors.ts'
import type { TcpSocket } from '../../stack/tcp-socket.ts'
import { pumpIn, pumpOut, type Traffic } from './pump.ts'
import { discardSink, type Sink } from './sink.ts'
import { CHUNK, generatedSource, type Source } from './source.ts'

/** What a server does with a connection; it ends when both sides have nothing more to say. */
export type Service = (socket: TcpSocket, traffic: Traffic) => Promise<void>

/** Sends back what comes, as it comes. */
export const echo: Service = async (socket, traffic) => {
  const buffer = new Uint8Array(CHUNK)
  for (let count = await socket.readInto(buffer); count > 0; count = await socket.readInto(buffer)) {
    traffic.received += count
    await socket.write(count === CHUNK ? buffer : buffer.subarray(0, count))
    traffic.sent += count
  }
  socket.end()
}

/** Takes everything and says nothing. */
export const sink: Service = async (socket, traffic) => {
  await pumpIn(socket, discardSink, traffic)
  socket.end()
}

/** Sends made-up bytes, `total` of them or for ever, and takes no notice of what comes. */
export const source =
  (total: number): Service =>
  async (socket, traffic) => {
    await Promise.all([pumpOut(generatedSource(total), socket, traffic), pumpIn(socket, discardSink, traffic)])
  }

/** Joins the connection with stdin and stdout of a command line, which a shell runs for each connection. */
export const exec =
  (command: string): Service =>
  async (socket, traffic) => {
    const child = spawn('/bin/sh', ['-c', command], {
      stdio: ['pipe', 'pipe', 'inherit'],
      // A group of its own: a Ctrl-C is for the server, and the shell's children end with it.
      detached: true,
      env: {
        ...process.env,
        GOTCP_REMOTE_ADDR: socket.remoteAddress,
        GOTCP_REMOTE_PORT: String(socket.remotePort),
        GOTCP_LOCAL_ADDR: socket.localAddress,
        GOTCP_LOCAL_PORT: String(socket.localPort),
      },
    })
    const ended = new Promise<void>((resolve, reject) => {
      child.once('close', () => resolve())
      child.once('error', reject)
    })
    const { stdin, stdout } = child
    let isReading = true
    stdin.once('close', () => {
      isReading = false
    })
    // A program that reads no more is told by the callback of its write.
    stdin.on('error', () => undefined)
    const toChild: Sink = {
      write: (chunk) => (isReading ? new Promise((resolve) => stdin.write(chunk, () => resolve())) : Promise.resolve()),
      isRead: false,
      close: async () => void stdin.end(),
    }
    const chunks = stdout.iterator({ destroyOnReturn: false })
    const fromChild: Source = {
      isTyped: false,
      next: async () => (await chunks.next()).value as Uint8Array | undefined,
      close: async () => {},
    }
    try {
      await Promise.all([
        pumpIn(socket, toChild, traffic).then(() => toChild.close()),
        pumpOut(fromChild, socket, traffic),
        ended,
      ])
    } catch (error) {
      endGroup(child.pid)
      throw error
    }
  }

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGTERM')
  } catch {
    // It ended by itself.
  }
}

/** Why a connection ended, for people. */
export function reasonOf(error: unknown): string {
  if (error === undefined) return 'closed'
  if (!(error instanceof NetError)) return error instanceof Error ? error.message : String(error)
  return REASONS[error.code] ?? error.message
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNRESET: 'reset by the peer',
  ECONNABORTED: 'reset by us',
  ETIMEDOUT: 'timed out: the peer is gone',
}
