import { createSocket, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import type { Counters } from '../../base/counters.ts'

/** What the kernel is asked to hold of what comes in, in octets; it gives what `net.core.rmem_max` allows. */
const RECEIVE_BUFFER = 4 * 1024 * 1024
/** Octets that may wait in the process for the kernel to take them; more are dropped. */
const DEFAULT_MAX_QUEUE = 1024 * 1024

export interface UdpSocketOptions {
  /** Octets that may wait for the kernel to take them. Default 1 MiB. */
  readonly maxQueue?: number
  /** Octets that the kernel is asked to hold of what has come. Default 4 MiB. */
  readonly recvBufferSize?: number
}

/** A socket of the kernel's for an address that is known by number: none of its calls asks a resolver. */
export function makeUdpSocket(address: string): Socket {
  return createSocket({
    type: isIPv6(address) ? 'udp6' : 'udp4',
    lookup: (host, _options, callback) => callback(null, host, isIPv6(host) ? 6 : 4),
  })
}

/** Asks for as much as is allowed, which may be less. */
export function enlargeReceiveBuffer(socket: Socket, { recvBufferSize = RECEIVE_BUFFER }: UdpSocketOptions): void {
  try {
    socket.setRecvBufferSize(recvBufferSize)
  } catch {
    // What the kernel gives by itself has to do.
  }
}

/** Sends by a socket as long as its queue is short, and counts what is lost. */
export class UdpSender {
  readonly #socket: Socket
  readonly #dropped: Counters
  readonly #maxQueue: number
  /** The kernel says that the peer does not listen. */
  onRefused: ((error: Error) => void) | undefined = undefined

  constructor(socket: Socket, dropped: Counters, { maxQueue = DEFAULT_MAX_QUEUE }: UdpSocketOptions) {
    this.#socket = socket
    this.#dropped = dropped
    this.#maxQueue = maxQueue
  }

  /** To `port` of `address`, or where the socket is connected to. */
  send(bytes: Uint8Array | readonly Uint8Array[], port?: number, address?: string): void {
    if (this.#socket.getSendQueueSize() > this.#maxQueue) this.#dropped.count('queue-full')
    else if (port === undefined) this.#socket.send(bytes, this.#onSent)
    else this.#socket.send(bytes, port, address, this.#onSent)
  }

  readonly #onSent = (error: NodeJS.ErrnoException | null): void => {
    if (error === null) return
    if (error.code === 'ECONNREFUSED') this.onRefused?.(error)
    else this.#dropped.count(error.code === 'EMSGSIZE' ? 'too-long' : 'not-sent')
  }
}
