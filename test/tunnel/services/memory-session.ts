import { STREAM_WINDOW } from '../../../src/session/limits.ts'
import {
  type FlowEvents,
  type Opening,
  ResetCode,
  type SessionFlow,
  type SessionStream,
  type StreamEvents,
  type StreamHost,
} from '../../../src/session/streams/stream-types.ts'

/** Octets of a stream that may be on their way or unread. */
const WINDOW = STREAM_WINDOW
/** Octets that may wait in a stream for its window before `write` is false. */
const HIGH = 32 * 1024
/** As large as one record. */
const PIECE = 16 * 1024
const MAX_DATAGRAM = 65_507
/** Datagrams of a flow that may wait. */
const MAX_WAITING = 512

/** Two ends that are joined, for services to run on; and what a test wants to know and do. */
export interface HostPair {
  /** Opens. */
  readonly asking: StreamHost
  /** Answers. */
  readonly answering: StreamHost
  /** Streams and flows that are not gone yet, of both ends. */
  readonly open: () => number
  /** Ends the session; what carries it goes as well. */
  readonly close: () => void
}

export type MakePair = () => HostPair | Promise<HostPair>

/** Does things later, one after the other and never from inside a call. */
class Later {
  #queue: (() => void)[] = []

  do(what: () => void): void {
    this.#queue.push(what)
    if (this.#queue.length > 1) return
    setImmediate(() => {
      const due = this.#queue
      this.#queue = []
      for (const each of due) each()
    })
  }
}

class Registry {
  readonly later = new Later()
  readonly open = new Set<MemoryStream | MemoryFlow>()
  nextId = 1
}

class MemoryStream implements SessionStream {
  readonly id: number
  readonly service: string
  readonly target: string
  readonly source: string
  events: StreamEvents = {}
  peer!: MemoryStream
  readonly #registry: Registry
  #unsent: Uint8Array[] = []
  #queued = 0
  #inbox: Uint8Array[] = []
  #unread = 0
  #isPumping = false
  #isBlocked = false
  #hasEnded = false
  #endArrived = false
  #isStoppedByPeer = false
  #isGone = false

  constructor(registry: Registry, id: number, { service, target, source }: Opening) {
    this.#registry = registry
    this.id = id
    this.service = service
    this.target = target
    this.source = source
    registry.open.add(this)
  }

  accept(): void {
    this.#tell(this.peer, (events) => events.onAccepted?.())
  }

  write(bytes: Uint8Array): boolean {
    if (this.#hasEnded && !this.#isGone && !this.#isStoppedByPeer) throw new Error('written after the end')
    if (this.#isGone || this.#isStoppedByPeer) return true
    this.#unsent.push(bytes)
    this.#queued += bytes.length
    this.#pumpLater()
    this.#isBlocked = this.#queued >= HIGH
    return !this.#isBlocked
  }

  end(): void {
    this.#hasEnded = true
    this.#pumpLater()
  }

  read(): Uint8Array | undefined {
    const chunk = this.#inbox.shift()
    if (chunk === undefined) return undefined
    this.#unread -= chunk.length
    this.peer.#pumpLater()
    return chunk
  }

  get room(): number {
    return Math.max(0, HIGH - this.#queued)
  }

  get isEnded(): boolean {
    return this.#endArrived && this.#inbox.length === 0
  }

  stop(code: number): void {
    this.#inbox = []
    this.#unread = 0
    this.#registry.later.do(() => {
      const { peer } = this
      if (peer.#isGone) return
      peer.#isStoppedByPeer = true
      peer.#unsent = []
      peer.#queued = 0
      peer.events.onStopped?.(code)
      peer.#pumpLater()
    })
  }

  reset(code: number): void {
    if (this.#isGone) return
    this.#vanish()
    this.#registry.later.do(() => {
      if (!this.peer.#isGone) this.peer.fail(code)
    })
  }

  /** The other side has given it up. */
  fail(code: number): void {
    this.#vanish()
    this.events.onReset?.(code)
  }

  #vanish(): void {
    this.#isGone = true
    this.#unsent = []
    this.#inbox = []
    this.#registry.open.delete(this)
  }

  #tell(whom: MemoryStream, what: (events: StreamEvents) => void): void {
    this.#registry.later.do(() => {
      if (!whom.#isGone) what(whom.events)
    })
  }

  #pumpLater(): void {
    if (this.#isPumping || this.#isGone) return
    this.#isPumping = true
    this.#registry.later.do(() => {
      this.#isPumping = false
      if (!this.#isGone && !this.peer.#isGone) this.#pump()
    })
  }

  #pump(): void {
    const { peer } = this
    let hasMoved = false
    while (this.#unsent.length > 0 && peer.#unread < WINDOW) {
      const head = this.#unsent[0]!
      const piece = head.subarray(0, Math.min(PIECE, WINDOW - peer.#unread))
      if (piece.length === head.length) this.#unsent.shift()
      else this.#unsent[0] = head.subarray(piece.length)
      this.#queued -= piece.length
      peer.#inbox.push(piece)
      peer.#unread += piece.length
      hasMoved = true
    }
    if (this.#hasEnded && this.#unsent.length === 0 && !peer.#endArrived) {
      peer.#endArrived = true
      hasMoved = true
    }
    if (this.#isBlocked && this.#queued < HIGH / 2) {
      this.#isBlocked = false
      this.events.onWritable?.()
    }
    if (hasMoved) peer.events.onReadable?.()
    this.#closeIfDone()
    peer.#closeIfDone()
  }

  #closeIfDone(): void {
    const { peer } = this
    const hasGiven = this.#hasEnded && (this.#isStoppedByPeer || peer.isEnded)
    if (this.#isGone || !hasGiven || !this.isEnded) return
    this.#vanish()
    this.events.onClosed?.()
    // What the other end has read is gone here, and so it is there.
    if (!peer.#isGone) this.#registry.later.do(() => peer.#closeAfterPeer())
  }

  #closeAfterPeer(): void {
    if (this.#isGone) return
    this.#vanish()
    this.events.onClosed?.()
  }
}

class MemoryFlow implements SessionFlow {
  readonly id: number
  readonly service: string
  readonly target: string
  readonly source: string
  events: FlowEvents = {}
  peer!: MemoryFlow
  readonly #registry: Registry
  readonly #waiting: Uint8Array[] = []
  #isGone = false

  constructor(registry: Registry, id: number, { service, target, source }: Opening) {
    this.#registry = registry
    this.id = id
    this.service = service
    this.target = target
    this.source = source
    registry.open.add(this)
  }

  send(bytes: Uint8Array): boolean {
    if (bytes.length > MAX_DATAGRAM) return false
    if (this.#isGone) return true
    this.#waiting.push(bytes)
    if (this.#waiting.length > MAX_WAITING) this.#waiting.shift()
    else {
      this.#registry.later.do(() => {
        const datagram = this.#waiting.shift()
        if (datagram !== undefined && !this.peer.#isGone) this.peer.events.onDatagram?.(datagram, 0)
      })
    }
    return true
  }

  close(code: number = ResetCode.CANCELLED): void {
    if (this.#isGone) return
    this.#isGone = true
    this.#registry.open.delete(this)
    this.#registry.later.do(() => {
      if (!this.peer.#isGone) this.peer.fail(code)
    })
  }

  fail(code: number): void {
    this.#isGone = true
    this.#registry.open.delete(this)
    this.events.onClosed?.(code)
  }
}

class MemoryHost implements StreamHost {
  onStream: ((stream: SessionStream) => void) | undefined = undefined
  onFlow: ((flow: SessionFlow) => void) | undefined = undefined
  other!: MemoryHost
  readonly #registry: Registry

  constructor(registry: Registry) {
    this.#registry = registry
  }

  openStream(opening: Opening): SessionStream {
    const id = this.#registry.nextId++
    const mine = new MemoryStream(this.#registry, id, opening)
    const theirs = new MemoryStream(this.#registry, id, opening)
    mine.peer = theirs
    theirs.peer = mine
    this.#registry.later.do(() => {
      if (this.other.onStream === undefined) theirs.reset(ResetCode.FORBIDDEN)
      else this.other.onStream(theirs)
    })
    return mine
  }

  openFlow(opening: Opening): SessionFlow {
    const id = this.#registry.nextId++
    const mine = new MemoryFlow(this.#registry, id, opening)
    const theirs = new MemoryFlow(this.#registry, id, opening)
    mine.peer = theirs
    theirs.peer = mine
    this.#registry.later.do(() => {
      if (this.other.onFlow === undefined) theirs.close(ResetCode.FORBIDDEN)
      else this.other.onFlow(theirs)
    })
    return mine
  }
}

/** A session without paths: what one end says, the other hears a turn of the event loop later, within small windows. */
export function memoryPair(): HostPair {
  const registry = new Registry()
  const asking = new MemoryHost(registry)
  const answering = new MemoryHost(registry)
  asking.other = answering
  answering.other = asking
  return {
    asking,
    answering,
    open: () => registry.open.size,
    close: () =>
      registry.later.do(() => {
        for (const each of [...registry.open]) each.fail(ResetCode.CLOSED)
      }),
  }
}
