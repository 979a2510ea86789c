import type { ListenOptions, Server } from 'node:net'
import { Server as TlsServer } from 'node:tls'
import { formatIp } from '../base/address.ts'
import { toIpv4 } from '../stack/address.ts'
import type { Listener } from '../tcp/passive/listener.ts'
import type { TcpOptionsInit } from '../tcp/settings.ts'
import type { Tcb } from '../tcp/tcb.ts'
import { closeBoth } from '../tcp/user.ts'
import type { SocketOptions } from './arguments.ts'
import type { NetContext } from './context.ts'
import { listenError, systemCode } from './errors.ts'
import { listenArguments } from './listen-arguments.ts'
import { Hold } from './liveness.ts'
import type { CountingServer, StackSocket } from './socket.ts'
import { passOnAll } from './tls.ts'

/** What node:net's Server keeps to itself and http's and tls's inherit: its handle, its options, how it opens a port. */
interface OpenServer extends CountingServer {
  _handle: ListenHandle | null
  _unref: boolean
  _listen2(address: string | null, port: number, family: number, backlog: number | undefined): void
  readonly allowHalfOpen: boolean
  readonly pauseOnConnect: boolean
  readonly noDelay: boolean
  readonly keepAlive: boolean
  readonly keepAliveInitialDelay: number
  readonly highWaterMark: number | undefined
}

/** Makes the socket of a connection. */
export type SocketMaker = (options: SocketOptions, accepted: { tcb: Tcb; server: CountingServer }) => StackSocket

/**
 * Puts a stack where libuv's handle would be: a Server of node:net, or one that is derived from it, then listens on the
 * stack. All it does besides is its own: `close`, `address`, `getConnections`, `ref`, AbortSignal, names.
 */
export function adopt<T extends Server>(server: T, context: NetContext, make: SocketMaker, tcp?: TcpOptionsInit): T {
  const open = server as unknown as OpenServer
  open._listen2 = (address, port, _family, backlog) => {
    const wanted = address === null || address === '::' ? '0.0.0.0' : address
    try {
      open._handle = new ListenHandle(open, context, make, { address: wanted, port, backlog, tcp })
    } catch (error) {
      process.nextTick(emitError, open, listenError(systemCode(error), wanted, port))
      return
    }
    if (open._unref) open._handle.unref()
    process.nextTick(emitListening, open)
  }
  const { listen } = server
  server.listen = (...args: readonly unknown[]) => listen.apply(server, listenArguments(args) as [ListenOptions])
  if (server instanceof TlsServer) passOnAll(server)
  return server
}

interface ListenPlace {
  readonly address: string
  readonly port: number
  readonly backlog: number | undefined
  readonly tcp: TcpOptionsInit | undefined
}

/** A listening port of a stack, with the methods of libuv's handle that node:net's Server calls. */
class ListenHandle {
  readonly #server: OpenServer
  readonly #context: NetContext
  readonly #make: SocketMaker
  readonly #listener: Listener
  readonly #hold: Hold
  readonly #onStackClose = (): void => {
    this.#server.close()
  }

  constructor(server: OpenServer, context: NetContext, make: SocketMaker, place: ListenPlace) {
    const { host, liveness, tcp } = context
    const address = toIpv4(place.address)
    const options = { ...tcp, ...place.tcp, ...(place.backlog ? { backlog: place.backlog } : {}) }
    this.#server = server
    this.#context = context
    this.#make = make
    this.#listener = context.machine.listen(address, place.port, options)
    this.#listener.onConnection = () => this.#accept()
    host.stack.dependants.add(this.#onStackClose)
    this.#hold = new Hold(liveness)
    this.#hold.start()
  }

  close(): void {
    const { host } = this.#context
    this.#hold.stop()
    host.stack.dependants.delete(this.#onStackClose)
    host.machine.unlisten(this.#listener)
  }

  ref(): void {
    this.#hold.setRef(true)
  }

  unref(): void {
    this.#hold.setRef(false)
  }

  getsockname(name: { address?: string; family?: string; port?: number }): number {
    name.address = formatIp(this.#listener.local)
    name.family = 'IPv4'
    name.port = this.#listener.localPort
    return 0
  }

  #accept(): void {
    for (let tcb = this.#listener.accept(); tcb !== undefined; tcb = this.#listener.accept()) this.#open(tcb)
  }

  #open(tcb: Tcb): void {
    const server = this.#server
    if (server.maxConnections && server._connections >= server.maxConnections) {
      this.#drop(tcb)
      return
    }
    const { allowHalfOpen, noDelay, keepAlive, highWaterMark, pauseOnConnect } = server
    const socket = this.#make(
      {
        allowHalfOpen,
        noDelay,
        keepAlive,
        keepAliveInitialDelay: server.keepAliveInitialDelay * 1000,
        ...(highWaterMark === undefined ? {} : { highWaterMark }),
      },
      { tcb, server },
    )
    if (pauseOnConnect) socket.pause()
    try {
      server.emit('connection', socket)
      // TLS decides when its side ends; what it has still to say after the peer's end must not be cut off.
      if (server instanceof TlsServer) socket.allowHalfOpen = true
    } finally {
      socket.begin(pauseOnConnect)
    }
  }

  #drop(tcb: Tcb): void {
    const { machine } = this.#context.host
    this.#server.emit('drop', {
      localAddress: formatIp(tcb.local),
      localPort: tcb.localPort,
      localFamily: 'IPv4',
      remoteAddress: formatIp(tcb.remote),
      remotePort: tcb.remotePort,
      remoteFamily: 'IPv4',
    })
    closeBoth(tcb, machine.sender, machine.now)
    machine.changed(tcb)
  }
}

function emitError(server: Server, error: Error): void {
  server.emit('error', error)
}

function emitListening(server: OpenServer): void {
  if (server._handle !== null) server.emit('listening')
}
