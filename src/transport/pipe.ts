import type { Duplex } from 'node:stream'
import { hasNative } from '../driver/native.ts'
import { SocketOption, setSocketOption } from '../driver/socket-option.ts'
import type { PathInput, Pipe } from '../session/pipe.ts'
import { type PipeInfo, readTcpInfo } from './tcp-info.ts'

export interface SocketPipeOptions {
  /** Octets that may wait in the socket before `write` says it is enough. Default 128 KiB. */
  readonly limit?: number
  /** As `limitUnsent` takes it. Default 256 KiB. */
  readonly unsent?: number
  /** Once one side has ended, how long nothing may move before it is over, in milliseconds. Default 5000. */
  readonly linger?: number
}

const DEFAULT_LIMIT = 128 * 1024
const DEFAULT_UNSENT = 256 * 1024
const DEFAULT_LINGER = 5000

/** What node:net's sockets have, and others may. */
interface SocketLike extends Duplex {
  readonly _handle?: { readonly fd?: number } | null
  setNoDelay?(isOn: boolean): unknown
  setTimeout?(msecs: number, onTimeout: () => void): unknown
}

/**
 * A path's pipe over a connected socket of node:net, node:tls or our own stack, whose octets it leaves alone until `start`.
 * Nothing that befalls the socket throws: it becomes `onClosed`.
 */
export class SocketPipe implements Pipe {
  readonly #socket: SocketLike
  readonly #most: number
  #limit: number
  readonly #linger: number
  /** The addon is there to read and set options of the kernel's sockets. */
  readonly #hasOptions = hasNative()
  #input: PathInput | undefined
  #isTight = false
  /** `write` has said that it is enough, and not yet that it is not. */
  #isFull = false
  #reason: string | undefined

  constructor(socket: Duplex, options: SocketPipeOptions = {}) {
    this.#socket = socket
    // Node tells of room again only where there was more than its own mark.
    this.#most = options.limit ?? DEFAULT_LIMIT
    this.#limit = Math.max(this.#most, socket.writableHighWaterMark)
    this.#linger = options.linger ?? DEFAULT_LINGER
    this.#socket.setNoDelay?.(true)
    this.limitUnsent(options.unsent ?? DEFAULT_UNSENT)
    socket.on('error', (error) => {
      this.#reason ??= error.message
    })
  }

  /** Lets octets flow to `input`, beginning with those that have come already. */
  start(input: PathInput): void {
    const socket = this.#socket
    this.#input = input
    socket.on('data', (bytes: Buffer) => this.#input?.onBytes(bytes))
    socket.on('drain', () => {
      if (!this.#isFull) return
      this.#isFull = false
      this.#input?.onWritable()
    })
    socket.on('end', () => this.#onEnd())
    socket.on('close', () => this.#close(this.#reason ?? 'the connection was closed'))
    if (socket.destroyed) process.nextTick(() => this.#close(this.#reason ?? 'the connection was closed'))
    else if (socket.readableEnded) process.nextTick(() => this.#onEnd())
    socket.resume()
  }

  /** Whether `limitUnsent` reaches the kernel. */
  get isTight(): boolean {
    return this.#isTight
  }

  get queued(): number {
    return this.#socket.writableLength
  }

  write(pieces: readonly Uint8Array[]): boolean {
    const socket = this.#socket
    if (!socket.writable) return false
    // Corked, they reach the kernel by one call.
    socket.cork()
    for (const piece of pieces) socket.write(piece)
    socket.uncork()
    this.#isFull = socket.writableLength > this.#limit
    return !this.#isFull
  }

  end(): void {
    this.#reason ??= 'we ended the connection'
    this.#endWriting()
  }

  destroy(): void {
    this.#input = undefined
    this.#socket.destroy()
  }

  /**
   * Octets that may wait unsent here, and in the kernel (TCP_NOTSENT_LOWAT, through the addon): what waits there cannot go
   * by a better path any more. Too few, and a fast path idles whenever this process is busy.
   */
  limitUnsent(octets: number): void {
    this.#limit = Math.max(Math.min(octets, this.#most), this.#socket.writableHighWaterMark)
    const descriptor = this.#descriptor
    if (descriptor === undefined) return
    try {
      setSocketOption(descriptor, SocketOption.TCP_NOTSENT_LOWAT, octets)
      this.#isTight = true
    } catch {
      // It has been closed meanwhile.
    }
  }

  /** What the kernel knows of the way; undefined without the addon, for sockets of our own stack, and once it is closed. */
  tcpInfo(): PipeInfo | undefined {
    const descriptor = this.#descriptor
    if (descriptor === undefined) return undefined
    try {
      return readTcpInfo(descriptor)
    } catch {
      return undefined
    }
  }

  /** The peer sends no more, so there is no path: its last octets have been handed up. */
  #onEnd(): void {
    this.#endWriting()
    this.#close(this.#reason ?? 'the peer ended the connection')
  }

  #close(reason: string): void {
    const input = this.#input
    this.#input = undefined
    input?.onClosed(reason)
  }

  #endWriting(): void {
    this.#socket.end()
    this.#socket.setTimeout?.(this.#linger, () => this.#socket.destroy())
  }

  /** The kernel's name for the socket: Node shows it nowhere else, and our own stack's have none. */
  get #descriptor(): number | undefined {
    const descriptor = this.#hasOptions ? this.#socket._handle?.fd : undefined
    return descriptor !== undefined && descriptor >= 0 ? descriptor : undefined
  }
}
