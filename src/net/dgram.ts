import dgram, { type BindOptions, type RemoteInfo, type Socket, type SocketOptions, type SocketType } from 'node:dgram'
import { lookup as dnsLookup } from 'node:dns'
import { nodeError } from '../base/node-error.ts'
import type { Host } from '../stack/host.ts'
import { addressError } from './errors.ts'
import { Liveness } from './liveness.ts'
import { socketCode, UdpHandle } from './udp-handle.ts'

type OnMessage = (message: Buffer, sender: RemoteInfo) => void
type OnListening = () => void

/** node:dgram over a stack. */
export interface Dgram {
  createSocket(options: SocketType | SocketOptions, onMessage?: OnMessage): Socket
}

/** How node:dgram takes over a port that somebody else has bound. */
type TakeOver = (this: Socket, handle: UdpHandle) => void

/**
 * node:dgram bound to a stack: `const dgram = createDgram(stack)`. Its sockets are node:dgram's own, with a port of the
 * stack where libuv's handle would be.
 */
export function createDgram(stack: Host): Dgram {
  const liveness = new Liveness()
  return {
    createSocket(options, onMessage) {
      const init = typeof options === 'object' ? options : { type: options }
      const socket = dgram.createSocket(init, onMessage)
      const binding = new Binding(socket, init, (place) => {
        return new UdpHandle(stack.stack, liveness, place, () => socket.close())
      })
      socket.bind = (...args: unknown[]) => binding.bind(args)
      return socket
    },
  }
}

interface Place {
  readonly address: string
  readonly port: number
  readonly reuse: boolean
}

/** How one socket gets its port. */
class Binding {
  readonly #socket: Socket
  readonly #options: SocketOptions
  readonly #open: (place: Place) => UdpHandle
  readonly #takeOver: TakeOver
  #isBound = false

  constructor(socket: Socket, options: SocketOptions, open: (place: Place) => UdpHandle) {
    this.#socket = socket
    this.#options = options
    this.#open = open
    this.#takeOver = socket.bind as unknown as TakeOver
  }

  /** `([port][, address][, onListening])`, or `(options[, onListening])`; with null at its end it is a send that needs a port. */
  bind(args: readonly unknown[]): Socket {
    const socket = this.#socket
    if (this.#isBound && args[1] === null) return socket
    if (isClosed(socket)) throw nodeError(Error, 'ERR_SOCKET_DGRAM_NOT_RUNNING', 'Not running')
    if (this.#isBound) throw nodeError(Error, 'ERR_SOCKET_ALREADY_BOUND', 'Socket is already bound')
    this.#isBound = true
    const onListening = args.at(-1)
    if (typeof onListening === 'function') whenListening(socket, onListening as OnListening)
    const [first, second] = args
    const { port, address, fd } = (
      typeof first === 'object' && first !== null ? first : { port: first, address: second }
    ) as BindOptions
    // What node:dgram says of a descriptor that is no UDP socket's; others than these it overlooks.
    if (Number.isInteger(fd) && fd! > 0)
      throw nodeError(TypeError, 'ERR_INVALID_FD_TYPE', 'Unsupported fd type: UNKNOWN')
    const isIpv4 = this.#options.type === 'udp4'
    const host = typeof address === 'string' && address !== '' ? address : isIpv4 ? '0.0.0.0' : '::'
    if (!isIpv4) {
      process.nextTick(() => {
        if (!isClosed(socket))
          this.#fail(addressError('EAFNOSUPPORT', 'bind', host, typeof port === 'number' ? port : 0))
      })
      return socket
    }
    const lookup = this.#options.lookup ?? dnsLookup
    lookup(host, { family: 4, all: false }, (error, found) => {
      if (isClosed(socket)) return
      if (error) this.#fail(error)
      else this.#bindTo(found as string, typeof port === 'number' ? port : 0)
    })
    return socket
  }

  #bindTo(address: string, port: number): void {
    let handle: UdpHandle
    try {
      handle = this.#open({ address, port, reuse: this.#options.reuseAddr ?? false })
    } catch (error) {
      this.#fail(addressError(socketCode(error), 'bind', address, port))
      return
    }
    this.#takeOver.call(this.#socket, handle)
  }

  #fail(error: Error): void {
    this.#isBound = false
    this.#socket.emit('error', error)
  }
}

/** Calls back once the socket has its port, and not when it fails to get one. */
function whenListening(socket: Socket, onListening: OnListening): void {
  const forget = (): void => {
    socket.removeListener('error', forget)
    socket.removeListener('listening', onceListening)
  }
  const onceListening = (): void => {
    forget()
    onListening.call(socket)
  }
  socket.on('error', forget)
  socket.on('listening', onceListening)
}

/** A socket that has no port yet does not say whether it is closed, but it complains of it first. */
function isClosed(socket: Socket): boolean {
  try {
    socket.address()
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ERR_SOCKET_DGRAM_NOT_RUNNING'
  }
}
