import type { Socket } from 'node:net'
import { NetError } from '../../base/errors.ts'
import type { TcpForwardRequest } from '../../stack/tcp-forward.ts'
import type { TcpSocket } from '../../stack/tcp-socket.ts'
import type { TcpOptionsInit } from '../../tcp/settings.ts'
import type { Socks5Proxy } from '../../transport/proxy.ts'
import { connectBySocks5 } from '../../transport/socks5.ts'
import { type Report, refusalFor } from './report.ts'
import { type Passed, splice } from './splice.ts'

/** A peer that says nothing for so long is asked whether it is still there, in milliseconds. */
const KEEP_ALIVE = 120_000

export interface TcpCarrierOptions {
  readonly proxy: Socks5Proxy
  /** Milliseconds that the proxy may take to reach a destination. */
  readonly timeout: number
  /** Connections at once. */
  readonly most: number
  /** Of the connections inside. */
  readonly socket: TcpOptionsInit
}

/** Carries connections through the proxy: first there, then here, so that what is refused there is refused here. */
export class TcpCarrier {
  readonly #options: TcpCarrierOptions
  readonly #report: Report
  readonly #open = new Set<{ readonly inside: TcpSocket; readonly ended: Promise<void> }>()
  /** Those that the proxy dials, and those whose peers inside have yet to complete the handshake. */
  #opening = 0
  #count = 0

  constructor(options: TcpCarrierOptions, report: Report) {
    this.#options = options
    this.#report = report
  }

  /** Connections that are open. */
  get size(): number {
    return this.#open.size
  }

  async carry(request: TcpForwardRequest): Promise<void> {
    const { most } = this.#options
    if (this.size + this.#opening >= most) {
      request.reject()
      this.#report.refused(
        'tcp',
        request,
        new NetError('ENOBUFS', `${most} connections are open: see --max-connections`),
      )
      return
    }
    this.#opening++
    try {
      await this.#connect(request)
    } finally {
      this.#opening--
    }
  }

  /** Resolves when all have ended, or when `limit` seconds have passed; then it resets what is left. */
  async drain(limit: number): Promise<void> {
    const timer = setTimeout(() => this.abort(), limit * 1000)
    await Promise.all([...this.#open].map(({ ended }) => ended))
    clearTimeout(timer)
  }

  abort(): void {
    for (const { inside } of this.#open) inside.abort()
  }

  async #connect(request: TcpForwardRequest): Promise<void> {
    const outside = await this.#dial(request)
    if (outside === undefined) return
    try {
      const settings = { keepAlive: KEEP_ALIVE, keepAliveInterval: KEEP_ALIVE / 8, ...this.#options.socket }
      const inside = await request.accept(settings)
      this.#join(++this.#count, request, inside, outside)
    } catch (error) {
      // The peer inside went away while the connection outside was made.
      outside.resetAndDestroy()
      this.#report.refused('tcp', request, error)
    }
  }

  async #dial(request: TcpForwardRequest): Promise<Socket | undefined> {
    const { proxy, timeout } = this.#options
    const to = { host: request.localAddress, port: request.localPort }
    try {
      const outside = await connectBySocks5(proxy, to, { signal: request.signal, timeout })
      outside.setKeepAlive(true, KEEP_ALIVE)
      return outside
    } catch (error) {
      request.reject(refusalFor(error))
      this.#report.refused('tcp', request, error)
      return undefined
    }
  }

  #join(id: number, request: TcpForwardRequest, inside: TcpSocket, outside: Socket): void {
    const began = performance.now()
    const passed: Passed = { up: 0, down: 0 }
    const end = (error?: unknown): void => {
      this.#open.delete(entry)
      this.#report.closed(id, request, passed, (performance.now() - began) / 1000, error)
    }
    this.#report.opened(id, request)
    const entry = { inside, ended: splice(inside, outside, passed).then(() => end(), end) }
    this.#open.add(entry)
  }
}
