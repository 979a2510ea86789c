import type { Duplex } from 'node:stream'
import { clock } from '../driver/clock.ts'
import { Loop } from '../driver/loop.ts'
import type { Path, PathOptions } from '../session/paths/path.ts'
import { Session } from '../session/session.ts'
import type { SessionOptions } from '../session/session-types.ts'
import { SocketPipe } from '../transport/pipe.ts'
import type { PipeInfo } from '../transport/tcp-info.ts'

/** How often the kernel is told anew what may wait in it, and how fast it may send; in milliseconds. */
const TRIM = 50
/** A path's own rate for so long may wait there, in seconds, within bounds in octets. */
const UNSENT_TIME = 0.01
const LEAST_UNSENT = 16_384
const MOST_UNSENT = 262_144
/** It sends so many times as fast as the path has delivered: enough to find out whether that has become faster. */
const PACE = 1.1
/** Octets a second above which nothing is gained by sending evenly. */
const FASTEST_PACED = 50_000_000

/** A session in real time, and the sockets of its paths. */
export class LiveSession {
  readonly session: Session
  /** When it began, Unix time in milliseconds. */
  readonly since = Date.now()
  readonly #loop: Loop
  readonly #pipes = new Map<Path, SocketPipe>()
  readonly #trimmer = setInterval(() => this.#trim(), TRIM)

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
    clearInterval(this.#trimmer)
    this.session.close(code, reason)
    // What streams have to be told is told in one more turn.
    setImmediate(() => setImmediate(() => this.#loop.stop()))
  }

  /** What waits in the kernel of a slow path waits for long, and could have gone by another; so does what it sends again. */
  #trim(): void {
    for (const [path, pipe] of this.#pipes) {
      if (path.inFlight === 0) continue
      const { speed, rate, isStarting } = path.estimator
      pipe.limitUnsent(Math.round(Math.min(MOST_UNSENT, Math.max(LEAST_UNSENT, speed * UNSENT_TIME))))
      pipe.pace(isStarting || rate > FASTEST_PACED ? undefined : PACE * rate)
    }
  }
}
