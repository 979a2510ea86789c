import { ResetCode, type SessionStream } from '../../session/stream-types.ts'
import { Dialer, type DialOptions } from './dial.ts'
import { formatEndpoint, parseEndpoint } from './endpoint.ts'
import { answer, refuse } from './join.ts'
import { OpenSet } from './open-set.ts'
import type { AnsweringService, CloseOptions, ServiceStatus } from './service.ts'
import { Tally } from './tally.ts'
import { DEFAULT_MAX_CONNECTIONS } from './tcp-forward.ts'

export interface TcpBackendOptions extends DialOptions {
  readonly name: string
  /** `host:port`, `[IPv6]:port` or `unix:/path`; of several, those behind the first are for when it fails. */
  readonly connect: string | readonly string[]
  /** Streams at once; those above are refused. Default 10,000. */
  readonly maxConnections?: number
  /** Hears why a target could not be reached. */
  readonly onProblem?: (error: Error) => void
}

/** Connects each stream to a target of ours; one that names its own is refused. */
export class TcpBackend implements AnsweringService {
  readonly name: string
  readonly #target: string
  readonly #most: number
  readonly #onProblem: ((error: Error) => void) | undefined
  readonly #dialer: Dialer
  readonly #ledger = { tally: new Tally(), open: new OpenSet() }
  #isClosing = false

  /** @throws {NetError} EINVAL when a target is none. */
  constructor(options: TcpBackendOptions) {
    this.name = options.name
    const given = typeof options.connect === 'string' ? [options.connect] : options.connect
    const targets = given.map((text) => parseEndpoint(text, `"connect" of the service "${this.name}"`))
    this.#target = targets.map(formatEndpoint).join(', ')
    this.#most = options.maxConnections ?? DEFAULT_MAX_CONNECTIONS
    this.#onProblem = options.onProblem
    this.#dialer = new Dialer(targets, options)
  }

  status(): ServiceStatus {
    const { name } = this
    return { name, kind: 'tcp-connect', listening: undefined, target: this.#target, ...this.#ledger.tally.toJSON() }
  }

  onStream(stream: SessionStream): void {
    const { tally, open } = this.#ledger
    if (this.#isClosing) refuse(stream, tally, ResetCode.CLOSED)
    else if (open.size >= this.#most) refuse(stream, tally, ResetCode.LIMIT)
    else if (stream.target !== '') refuse(stream, tally, ResetCode.FORBIDDEN)
    else answer(stream, this.#ledger, (signal) => this.#dialer.dial(signal), this.#onProblem)
  }

  async close({ drain = 0 }: CloseOptions = {}): Promise<void> {
    this.#isClosing = true
    await this.#ledger.open.drain(drain, ResetCode.CLOSED)
  }
}
