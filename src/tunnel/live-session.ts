import type { Duplex } from 'node:stream'
import { clock } from '../driver/clock.ts'
import { Loop } from '../driver/loop.ts'
import type { Path, PathOptions } from '../session/path.ts'
import { Session } from '../session/session.ts'
import type { SessionOptions } from '../session/session-types.ts'
import { SocketPipe } from '../transport/pipe.ts'
import type { PipeInfo } from '../transport/tcp-info.ts'

/** A session in real time, and the sockets of its paths. */
export class LiveSession {
  readonly session: Session
  readonly #loop: Loop
  readonly #pipes = new Map<Path, SocketPipe>()

  constructor(options: Omit<SessionOptions, 'onWork'>) {
    // What came in one turn of the event loop is looked at together, and answered together.
    this.session = new Session({ ...options, onWork: () => this.#loop.soon() }, clock())
    this.#loop = new Loop(this.session)
  }

  /** Adds a path on a socket that has been shaken hands on; `rest` is what came behind the handshake. */
  addPath(socket: Duplex, rest: Uint8Array, options: Omit<PathOptions, 'pipe'>): Path {
    const pipe = new SocketPipe(socket)
    const path = this.session.addPath({ ...options, pipe })
    this.#pipes.set(path, pipe)
    if (rest.length > 0) path.onBytes(rest)
    pipe.start(path)
    return path
  }

  /** Call when the session has told that a path is gone. */
  forget(path: Path): void {
    this.#pipes.delete(path)
  }

  /** What the kernel knows of a path's connection; undefined where there is nothing to ask. */
  info(path: Path): PipeInfo | undefined {
    return this.#pipes.get(path)?.tcpInfo()
  }

  /** Ends the session, and tells the other side. */
  close(code: number, reason: string): void {
    this.session.close(code, reason)
    // What streams have to be told is told in one more turn.
    setImmediate(() => setImmediate(() => this.#loop.stop()))
  }
}
