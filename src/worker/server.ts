import type { Link } from '../link/link.ts'
import type { Host } from '../stack/host.ts'
import { BELL, BellListener, BellRinger } from './bell.ts'
import { toRecord } from './error-record.ts'
import { InterfaceService } from './interface-service.ts'
import { LaneMap } from './lane.ts'
import type { LinkDescription } from './links.ts'
import { Outbox } from './outbox.ts'
import { PingService } from './ping-service.ts'
import type { Bells, Call, Handlers, Message, Notice, Port, Request } from './protocol.ts'
import { TcpService } from './tcp-service.ts'
import { UdpService } from './udp-service.ts'

export interface ServeOptions {
  readonly port: Port
  readonly bells: Bells
  /** Makes a link of its description. */
  readonly open: (link: LinkDescription) => Link
  /** The stack is closed and all is said. */
  readonly onClosed: () => void
}

/** Puts a stack at the service of the user at the other end of a port. */
export function serve(host: Host, options: ServeOptions): void {
  new Server(host, options)
}

class Server {
  readonly #host: Host
  readonly #onClosed: () => void
  readonly #outbox: Outbox<Notice>
  readonly #listener: BellListener
  readonly #lanes = new LaneMap()
  readonly #tcp: TcpService
  readonly #udp: UdpService
  readonly #handlers: Handlers
  /** Calls that may be cancelled. */
  readonly #abortable = new Map<number, AbortController>()

  constructor(host: Host, { port, bells, open, onClosed }: ServeOptions) {
    this.#host = host
    this.#onClosed = onClosed
    this.#outbox = new Outbox(port, (notice, error) => this.#onRefused(notice, error))
    const outbox = this.#outbox
    const ringer = new BellRinger(bells.down, () => port.postMessage(BELL))
    this.#listener = new BellListener(bells.up)
    const laneOf = this.#lanes.get.bind(this.#lanes)
    const ring = (lane: number): void => ringer.ring(lane)
    const free = (lane: number): void => outbox.push({ free: lane })
    const interfaces = new InterfaceService(host, open, (id, error) => outbox.push({ interfaceError: id, error }))
    this.#tcp = new TcpService(host, laneOf, {
      ring,
      free,
      over: (lane, failure) => outbox.push({ over: lane, failure }),
    })
    this.#udp = new UdpService(host, {
      laneOf,
      interfaceOf: (id) => interfaces.get(id),
      exit: {
        ring,
        free,
        unsent: (lane, sent, error) => {
          outbox.push({ unsent: sent, lane, error })
          // Before the bell says that this datagram is dealt with.
          outbox.flush()
        },
        error: (lane, error) => outbox.push({ udpError: lane, isPending: true, error }),
      },
      onError: (lane, error) => outbox.push({ udpError: lane, isPending: false, error }),
    })
    this.#handlers = {
      ...interfaces.handlers,
      ...this.#tcp.handlers,
      ...this.#udp.handlers,
      ...new PingService(host).handlers,
      close: () => this.#close(),
    }
    port.on('message', (message) => this.#receive(message as Message<Request>))
  }

  #receive(message: Message<Request>): void {
    if (message !== BELL) {
      for (const request of message) {
        if ('slab' in request) this.#lanes.learn(request)
        else if ('cancel' in request) this.#abortable.get(request.cancel)?.abort()
        else void this.#answer(request)
      }
    }
    this.#listener.answer(
      (lane) => {
        this.#tcp.visit(lane)
        this.#udp.visit(lane)
      },
      () => {
        this.#tcp.visitAll()
        this.#udp.visitAll()
      },
    )
  }

  async #answer({ call, operation, args, isAbortable }: Call): Promise<void> {
    const controller = isAbortable ? new AbortController() : undefined
    if (controller !== undefined) this.#abortable.set(call, controller)
    try {
      const handler = this.#handlers[operation] as (args: unknown, signal: AbortSignal | undefined) => unknown
      this.#outbox.push({ call, value: await handler(args, controller?.signal) })
    } catch (error) {
      this.#outbox.push({ call, error: toRecord(error) })
    } finally {
      this.#abortable.delete(call)
    }
  }

  /** Whatever waits is answered by the closing; then this is. */
  #close(): void {
    this.#host.close()
    setImmediate(() => {
      this.#outbox.flush()
      this.#onClosed()
    })
  }

  #onRefused(notice: Notice, error: unknown): void {
    if ('call' in notice) this.#outbox.push({ call: notice.call, error: toRecord(error) })
  }
}
