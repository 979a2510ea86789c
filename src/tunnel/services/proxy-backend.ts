import { ResetCode, type SessionFlow, type SessionStream } from '../../session/streams/stream-types.ts'
import { type Resolve, resolveByMachine } from '../../transport/resolve.ts'
import { cannotReach, connectToAny, DEFAULT_TIMEOUT, withDeadline } from './dial.ts'
import { answer, type Ledger, newLedger, refuse } from './join.ts'
import type { AnsweringService, CloseOptions, ServiceStatus } from './service.ts'
import type { Connection } from './splice.ts'
import { addTallies } from './tally.ts'
import { TargetRules, type TargetRulesOptions } from './target-rules.ts'
import { DEFAULT_MAX_CONNECTIONS } from './tcp-forward.ts'
import { UdpBackend, type UdpBackendOptions } from './udp-backend.ts'

export interface ProxyBackendOptions
  extends TargetRulesOptions,
    Pick<UdpBackendOptions, 'idle' | 'maxFlows' | 'maxQueue' | 'recvBufferSize'> {
  readonly name: string
  /** Milliseconds that a target may take to be found and reached. Default 10,000. */
  readonly timeout?: number
  /** Streams at once; those above are refused. Default 10,000. */
  readonly maxConnections?: number
  /** Bits per second of all its streams and flows together, each way. Default: no limit. */
  readonly rate?: number
  /** Default: the system's resolver. */
  readonly resolve?: Resolve
  /** Hears why a target was not reached. */
  readonly onProblem?: (error: Error) => void
}

/**
 * Connects streams, and sends flows, to the targets that the other side names, if the rules allow them. A name is looked
 * up once: what is connected to is the address that was checked.
 */
export class ProxyBackend implements AnsweringService {
  readonly name: string
  readonly #options: ProxyBackendOptions
  readonly #rules: TargetRules
  readonly #datagrams: UdpBackend
  readonly #ledger: Ledger
  #isClosing = false

  /** @throws {NetError} EINVAL when a rule is none. */
  constructor(options: ProxyBackendOptions) {
    this.name = options.name
    this.#options = options
    this.#rules = new TargetRules(options)
    this.#ledger = newLedger(options.rate)
    this.#datagrams = new UdpBackend(options, this.#ledger.limits)
  }

  status(): ServiceStatus {
    const { name } = this
    const counts = addTallies(this.#ledger.tally.toJSON(), this.#datagrams.status())
    return { name, kind: 'proxy', listening: undefined, target: this.#options.allow.join(', '), ...counts }
  }

  onStream(stream: SessionStream): void {
    const { tally, open } = this.#ledger
    const { maxConnections = DEFAULT_MAX_CONNECTIONS, onProblem } = this.#options
    if (this.#isClosing) refuse(stream, tally, ResetCode.CLOSED)
    else if (open.size >= maxConnections) refuse(stream, tally, ResetCode.LIMIT)
    else answer(stream, this.#ledger, ({ signal }) => this.#reach(stream.target, signal), onProblem)
  }

  onFlow(flow: SessionFlow): void {
    this.#datagrams.onFlow(flow)
  }

  async close({ drain = 0 }: CloseOptions = {}): Promise<void> {
    this.#isClosing = true
    await Promise.all([this.#ledger.open.drain(drain, ResetCode.CLOSED), this.#datagrams.close()])
  }

  async #reach(target: string, signal: AbortSignal): Promise<Connection> {
    const { timeout = DEFAULT_TIMEOUT, resolve = resolveByMachine } = this.#options
    const until = performance.now() + timeout
    const { host, port, addresses } = await withDeadline(this.#rules.find(target, resolve), until, signal)
    try {
      return { socket: await connectToAny(addresses, port, until, signal) }
    } catch (error) {
      signal.throwIfAborted()
      throw cannotReach(error, { host, port })
    }
  }
}
