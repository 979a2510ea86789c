import { NetError } from '../base/errors.ts'
import type { Host } from '../stack/host.ts'
import type { TcpListener } from '../stack/tcp-listener.ts'
import type { TcpSocket } from '../stack/tcp-socket.ts'
import type { Lane } from './lane.ts'
import { type ConnectionFacts, connectionOver, type Handlers } from './protocol.ts'
import { type LaneExit, ServedConnection } from './served-connection.ts'

/** The connections and listeners of a stack that another thread uses. */
export class TcpService {
  readonly handlers: Handlers<'connect' | 'opened' | 'info' | 'listen' | 'accept' | 'listenerStats' | 'unlisten'>
  readonly #host: Host
  readonly #laneOf: (id: number) => Lane
  readonly #exit: LaneExit
  readonly #connections = new Map<number, ServedConnection>()
  readonly #listeners = new Map<number, TcpListener>()
  #lastListener = 0

  constructor(host: Host, laneOf: (id: number) => Lane, exit: LaneExit) {
    this.#host = host
    this.#laneOf = laneOf
    this.#exit = {
      ...exit,
      free: (lane) => {
        this.#connections.delete(lane)
        exit.free(lane)
      },
    }
    this.handlers = {
      connect: async ({ lane, options }, signal) =>
        this.#serve(lane, await host.tcp.connect({ ...options, ...(signal === undefined ? {} : { signal }) })),
      opened: (lane) => this.#connection(lane, 'connect').opened,
      info: (lane) => this.#connection(lane, 'info').info,
      listen: (options) => {
        const listener = host.tcp.listen(options)
        const id = ++this.#lastListener
        this.#listeners.set(id, listener)
        const { localAddress, localPort } = listener
        return { id, localAddress, localPort }
      },
      accept: async ({ listener, lane }, signal) =>
        this.#serve(lane, await this.#listener(listener, 'accept').accept(signal === undefined ? {} : { signal })),
      listenerStats: (id) => ({ ...this.#listener(id, 'listen').stats }),
      unlisten: (id) => {
        this.#listeners.get(id)?.close()
        this.#listeners.delete(id)
      },
    }
  }

  visit(lane: number): void {
    this.#connections.get(lane)?.visit()
  }

  visitAll(): void {
    for (const connection of this.#connections.values()) connection.visit()
  }

  /** Puts a connection on a lane. Its bytes go their way at once: the user's side has the lane already. */
  #serve(id: number, socket: TcpSocket): ConnectionFacts {
    const { tcb, isWaitingForData: isHeld } = socket
    const { local, localPort, remote, remotePort } = tcb
    const connection = new ServedConnection(tcb, this.#host.machine, this.#laneOf(id), this.#exit)
    this.#connections.set(id, connection)
    connection.begin()
    return { local, localPort, remote, remotePort, isHeld }
  }

  #connection(lane: number, syscall: string): ServedConnection {
    const connection = this.#connections.get(lane)
    if (connection === undefined) throw connectionOver(syscall)
    return connection
  }

  #listener(id: number, syscall: string): TcpListener {
    const listener = this.#listeners.get(id)
    if (listener === undefined) throw new NetError('ERR_CLOSED', 'Cannot accept: the listener is closed', { syscall })
    return listener
  }
}
