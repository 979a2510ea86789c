import type { Duplex } from 'node:stream'
import { hasNative } from '../driver/native.ts'
import { descriptorOf, SocketOption, type SocketOptionName, setSocketOption } from '../driver/socket-option.ts'
import type { PathInput, Pipe } from '../session/paths/pipe.ts'
import { type PipeInfo, readTcpInfo } from './tcp-info.ts'

export interface SocketPipeOptions {
  /** Octets that may wait in the socket before `write` says it is enough. Default 256 KiB. */
  readonly limit?: number
  /** As `limitUnsent` takes it. Default 256 KiB. */
  readonly unsent?: number
  /** How long the rest may take once one side has ended, in milliseconds, whatever still moves. Default 10,000. */
  readonly linger?: number
}

const DEFAULT_LIMIT = 256 * 1024
const DEFAULT_UNSENT = 256 * 1024
const DEFAULT_LINGER = 10_000
/** Octets a second: more would be none, in the 32 bits of the option. */
const MAX_PACE = 2 ** 31 - 1

/** What node:net's sockets have, and others may. */
interface SocketLike extends Duplex {
  setNoDelay?(isOn: boolean): unknown
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
  /** `write` has said that it is enough, and not yet that it is not. */
  #isFull = false
  #reason: string | undefined
  #deadline: NodeJS.Timeout | undefined = undefined

  constructor(socket: Duplex, options: SocketPipeOptions = {}) {
    this.#socket = socket
    this.#most = options.limit ?? DEFAULT_LIMIT
    this.#limit = this.#most
    this.#linger = options.linger ?? DEFAULT_LINGER
    this.#socket.setNoDelay?.(true)
    this.limitUnsent(options.unsent ?? DEFAULT_UNSENT)
    socket.on('error', (error) => {
      this.#reason ??= error.message
    })
    socket.on('close', () => clearTimeout(this.#deadline))
  }

  /** Lets octets flow to `input`, beginning with those that have come already. */
  start(input: PathInput): void {
    const socket = this.#socket
    this.#input = input
    socket.on('data', (bytes: Buffer) => this.#input?.onBytes(bytes))
    socket.on('end', () => this.#onEnd())
    socket.on('close', () => this.#close(this.#reason ?? 'the connection was closed'))
    if (socket.destroyed) process.nextTick(() => this.#close(this.#reason ?? 'the connection was closed'))
    else if (socket.readableEnded) process.nextTick(() => this.#onEnd())
    socket.resume()
  }

  get queued(): number {
    return this.#socket.writableLength
  }

  get limit(): number {
    return this.#limit
  }

  write(pieces: readonly Uint8Array[]): boolean {
    const socket = this.#socket
    if (!socket.writable) return false
    // Corked, they reach the kernel by one call.
    socket.cork()
    for (const piece of pieces) socket.write(piece, piece === pieces.at(-1) ? this.#onTaken : undefined)
    this.#isFull ||= socket.writableLength >= this.#limit
    socket.uncork()
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
    this.#limit = Math.min(octets, this.#most)
    this.#set(SocketOption.TCP_NOTSENT_LOWAT, octets)
  }

  /**
   * Octets a second that the kernel sends at most (SO_MAX_PACING_RATE), evenly; undefined: as many as it likes. In bursts
   * they would overflow queues on the way that they fit in one after the other.
   */
  pace(rate: number | undefined): void {
    const value = rate === undefined ? -1 : Math.min(MAX_PACE, Math.max(1, Math.round(rate)))
    this.#set(SocketOption.SO_MAX_PACING_RATE, value)
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

  /** The kernel has what was handed over. */
  readonly #onTaken = (): void => {
    if (!this.#isFull || this.#socket.writableLength >= this.#limit) return
    this.#isFull = false
    this.#input?.onWritable()
  }

  #close(reason: string): void {
    const input = this.#input
    this.#input = undefined
    input?.onClosed(reason)
  }

  #set(option: SocketOptionName, value: number): void {
    const descriptor = this.#descriptor
    if (descriptor === undefined) return
    try {
      setSocketOption(descriptor, option, value)
    } catch {
      // It has been closed meanwhile.
    }
  }

  #endWriting(): void {
    const socket = this.#socket
    socket.end()
    // Nobody counts it any more: who goes on talking does not keep it.
    this.#deadline ??= setTimeout(() => socket.destroy(), this.#linger)
  }

  get #descriptor(): number | undefined {
    return this.#hasOptions ? descriptorOf(this.#socket) : undefined
  }
}
