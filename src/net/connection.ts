import { formatIp } from '../base/address.ts'
import { DOUBLE_ZERO } from '../base/double-zero.ts'
import { fromMs } from '../base/types.ts'
import type { Tcb, TcpFailure, TcpUser } from '../tcp/tcb.ts'
import type { Tcp } from '../tcp/tcp.ts'
import { startKeepAlive } from '../tcp/timeouts.ts'
import { Timer } from '../tcp/timers.ts'
import { close, closeBoth, losesAtClose, send, sendAndAbort } from '../tcp/user.ts'
import { isStackClosed, systemError } from './errors.ts'
import { Incoming, type ReadSide } from './incoming.ts'

/** libuv's own, with an initial delay: probes a second apart, ten of them. Without, the system's. */
const KEEP_ALIVE = { delay: 7_200_000, interval: 75_000, probes: 9 }
const KEEP_ALIVE_CHOSEN = { interval: 1000, probes: 10 }

export type WriteCallback = (error?: Error | null) => void

/** An end as Node writes it. */
export interface EndPoint {
  readonly address: string
  readonly family: 'IPv4'
  readonly port: number
}

/** What a connection tells the stream above it. */
export interface StreamSide extends ReadSide {
  onConnected(): void
  /** The handshake came to nothing. */
  onRefused(code: string): void
  onStackClosed(): void
}

/** Between one TCP connection and the stream that stands for it: no promises, no closures for each piece. */
export class Connection implements TcpUser {
  readonly tcb: Tcb
  bytesWritten = DOUBLE_ZERO
  readonly #tcp: Tcp
  readonly #side: StreamSide
  readonly #incoming: Incoming
  /** What is being written: the rest of `#chunk`, then `#chunks` from `#next` on. */
  #chunk: Uint8Array | undefined
  #from = 0
  #chunks: readonly Uint8Array[] | undefined
  #next = 0
  #onWritten: WriteCallback | undefined

  constructor(tcb: Tcb, tcp: Tcp, side: StreamSide) {
    this.tcb = tcb
    this.#tcp = tcp
    this.#side = side
    this.#incoming = new Incoming(tcb, tcp, side)
    tcb.user = this
  }

  get local(): EndPoint {
    return { address: formatIp(this.tcb.local), family: 'IPv4', port: this.tcb.localPort }
  }

  get remote(): EndPoint {
    return { address: formatIp(this.tcb.remote), family: 'IPv4', port: this.tcb.remotePort }
  }

  get bytesRead(): number {
    return this.#incoming.bytesRead
  }

  /** Bytes of the present write that wait for room in the send buffer. */
  get unsent(): number {
    if (this.#chunk === undefined) return 0
    let count = this.#chunk.length - this.#from
    for (let i = this.#next; i < (this.#chunks?.length ?? 0); i++) count += this.#chunks![i]!.length
    return count
  }

  /** A sign of life for a timeout: it moves whenever the peer takes something. */
  get progress(): number {
    return this.tcb.stats.bytesAcked
  }

  /** Hands up what comes from now on, once the program has seen that there is a connection. */
  begin(): void {
    process.nextTick(release, this.#incoming)
  }

  /** Hands up bytes until the stream says no. */
  read(): void {
    this.#incoming.read()
  }

  stopReading(): void {
    this.#incoming.stopReading()
  }

  /** Sends a piece; calls back once all of it is in the send buffer. */
  write(chunk: Uint8Array, onWritten: WriteCallback): void {
    this.#chunk = chunk
    this.#from = 0
    this.bytesWritten += chunk.length
    this.#onWritten = onWritten
    this.#send()
  }

  /** Sends several pieces as one. */
  writev(pieces: readonly Uint8Array[], onWritten: WriteCallback): void {
    // Each but the last promises more, which an empty one would not bring.
    const chunks = pieces.filter(({ length }) => length > 0)
    for (const { length } of chunks) this.bytesWritten += length
    this.#chunks = chunks
    this.#chunk = chunks[0]
    this.#from = 0
    this.#next = 1
    this.#onWritten = onWritten
    this.#send()
  }

  /** Half-close; calls back once the end is on its way. */
  end(onEnded: WriteCallback): void {
    if (this.tcb.isOver) {
      onEnded()
      return
    }
    close(this.tcb)
    queueMicrotask(onEnded)
  }

  /** Lets go of the connection: what was written still goes, unless it is to be reset. Nothing is told any more. */
  destroy(isReset: boolean): void {
    const { tcb } = this
    tcb.user = undefined
    // What has arrived and nobody was given is lost as well, and the peer is to know.
    const isCut = isReset || tcb.state === 'SYN-SENT' || this.#incoming.hasArrived || losesAtClose(tcb)
    this.#incoming.end()
    const onWritten = this.#written()
    if (onWritten !== undefined) setImmediate(onWritten, null)
    if (tcb.isOver) return
    if (isCut) sendAndAbort(tcb, this.#tcp.sender, this.#tcp.now)
    else closeBoth(tcb, this.#tcp.sender, this.#tcp.now)
    this.#tcp.changed(tcb)
  }

  setNoDelay(isOn: boolean): void {
    this.tcb.noDelay = isOn
    this.#tcp.changed(this.tcb)
  }

  /** Milliseconds of silence before the first probe; 0 leaves it at the system's two hours, false probes nothing. */
  setKeepAlive(delay: number | false): void {
    const { tcb } = this
    const chosen = delay === 0 ? KEEP_ALIVE : { delay, ...KEEP_ALIVE_CHOSEN }
    tcb.settings = {
      ...tcb.settings,
      keepAlive: chosen.delay === false ? 0 : fromMs(chosen.delay),
      keepAliveInterval: fromMs(chosen.interval),
      keepAliveProbes: chosen.probes,
    }
    tcb.deadlines.stop(Timer.KEEPALIVE)
    if (!tcb.synAcked || tcb.isOver) return
    startKeepAlive(tcb, this.#tcp.now)
    this.#tcp.changed(tcb)
  }

  onEstablished(): void {
    this.#side.onConnected()
  }

  onReadable(): void {
    this.#incoming.handUp()
  }

  onWritable(): void {
    // Of an end, `onClosed` tells: who reads comes first.
    if (this.#onWritten !== undefined && !this.tcb.isOver) this.#send()
  }

  onClosed(failure: TcpFailure | undefined): void {
    if (!this.tcb.isUsable && !this.tcb.passive) {
      this.#side.onRefused(failure?.code ?? 'ECONNABORTED')
      return
    }
    const isClosed = isStackClosed(failure)
    if (!isClosed) this.#incoming.handUp()
    if (this.#onWritten !== undefined && !isClosed) this.#send()
    if (isClosed) this.#side.onStackClosed()
  }

  #send(): void {
    const { tcb } = this
    while (this.#chunk !== undefined) {
      if (tcb.isOver) {
        const code = tcb.peerClosed ? 'EPIPE' : (tcb.failure?.code ?? 'EPIPE')
        this.#written()?.(systemError(code, 'write'))
        return
      }
      const last = this.#chunks === undefined || this.#next === this.#chunks.length
      this.#from += send(tcb, this.#chunk, this.#from, !last)
      if (this.#from < this.#chunk.length) return
      this.#chunk = last ? undefined : this.#chunks![this.#next++]
      this.#from = 0
    }
    this.#written()?.()
  }

  /** The write is over; returns whom to tell. */
  #written(): WriteCallback | undefined {
    const onWritten = this.#onWritten
    this.#onWritten = undefined
    this.#chunk = undefined
    this.#chunks = undefined
    return onWritten
  }
}

const release = (incoming: Incoming): void => incoming.release()
