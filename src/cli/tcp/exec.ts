import { spawn } from 'node:child_process'
import type { Duplex } from 'node:stream'
import { pumpIn, pumpOut } from './pump.ts'
import type { CommandEnd, Service } from './service.ts'
import type { Sink } from './sink.ts'
import type { Source } from './source.ts'

/**
 * Runs the command $1 under a guard: a process of the same group that reads file 3, whose other end we hold. A line
 * there lets the guard go; the end of the file, which comes however we end, makes it end the whole group, those who
 * do not listen to SIGTERM a second later. It is nobody's child, so that the command has no child it did not start.
 */
const GUARDED = `
( ( trap '' TERM HUP INT
    read -r line <&3 || { kill -TERM 0; sleep 1; kill -KILL 0; }
  ) </dev/null >/dev/null 2>&1 & )
exec /bin/sh -c "$1" 3<&-`

/** Joins the connection with stdin and stdout of a command line, which a shell runs for each connection. */
export const exec =
  (command: string): Service =>
  async (socket, traffic) => {
    const child = spawn('/bin/sh', ['-c', GUARDED, 'sh', command], {
      stdio: ['pipe', 'pipe', 'inherit', 'pipe'],
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
    const ended = new Promise<CommandEnd>((resolve, reject) => {
      child.once('exit', (status, signal) => resolve({ status, signal }))
      child.once('error', reject)
    })
    const stdin = child.stdin!
    const guard = child.stdio[3] as Duplex
    // It may have ended with the command's group.
    guard.on('error', () => undefined)
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
    const chunks = child.stdout!.iterator({ destroyOnReturn: false })
    const fromChild: Source = {
      isTyped: false,
      next: async () => (await chunks.next()).value as Uint8Array | undefined,
      close: async () => {},
    }
    try {
      const [end] = await Promise.all([
        ended,
        pumpIn(socket, toChild, traffic).then(() => toChild.close()),
        pumpOut(fromChild, socket, traffic),
        // A peer that ended its half and resets later is noticed by nobody else while the command is silent.
        socket.closed,
      ])
      guard.end('\n')
      return end
    } catch (error) {
      guard.destroy()
      throw error
    }
  }
