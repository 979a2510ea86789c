import type { Ipv4Addr } from '../base/address.ts'
import { micros, NEVER } from '../base/types.ts'
import type { Call, Program } from './call.ts'
import { Connection } from './connection.ts'
import { ERRNO, type Errno } from './errno.ts'
import { Kernel } from './kernel.ts'
import type { Machine } from './machine.ts'
import { file, prepareCall } from './program.ts'
import type { Outcome } from './socket.ts'
import { KernelSocket } from './socket.ts'
import { type ReadFile, System } from './system.ts'
import { tcpInfo } from './tcp-info.ts'
import { type Tolerance, timingError, type Window } from './timing.ts'
import type { Value } from './values.ts'
import type { WirePacket } from './wire.ts'

/** packetdrill's patience: how long after its time a packet may still be waited for, and a blocked call before another. */
const PACKET_PATIENCE = 2_000_000
const CALL_PATIENCE = 1_000_000
/** How long anything without a time of its own is waited for. */
const LONG = 3_600_000_000
const BIND_PORT = 8080
const CONNECT_PORT = 8080
/** The peer's ports, one for each connection it opens. */
const FIRST_REMOTE_PORT = 40_000

export interface When {
  readonly kind: 'any' | 'absolute' | 'relative'
  readonly start: number
  readonly end: number
}
export interface PacketEvent<P> {
  readonly kind: 'packet'
  readonly direction: 'in' | 'out'
  readonly packet: P
}
export interface CallEvent {
  readonly kind: 'call'
  readonly name: string
  readonly args: readonly Value[]
  readonly result: number
  readonly errno: Errno | undefined
}
export interface ShellEvent {
  readonly kind: 'shell'
  readonly text: string
}
export interface CodeEvent {
  readonly kind: 'code'
  readonly text: string
}
export type ScriptEvent<P> = {
  readonly line: number
  readonly when: When
  readonly until: number | undefined
  readonly text: string
} & (PacketEvent<P> | CallEvent | ShellEvent | CodeEvent)

/** Why a script did not pass. */
export class ScriptFailure extends Error {
  readonly line: number
  readonly expected: string
  readonly seen: string

  constructor(line: number, expected: string, seen: string) {
    super(`line ${line}: expected ${expected}, saw ${seen}`)
    this.line = line
    this.expected = expected
    this.seen = seen
  }
}

export interface Codec<P> {
  isTcp(packet: P): boolean
  flags(packet: P): { syn: boolean; ack: boolean }
  seq(packet: P): number
  payload(packet: P): number
  build(packet: P, connection: Connection): Uint8Array
  /** The wire's packet: undefined when it is not the connection's. */
  look(bytes: Uint8Array): Look | undefined
  compare(packet: P, seen: readonly WirePacket[], connection: Connection): string | undefined
  evaluate(text: string, variables: ReadonlyMap<string, number>): string | undefined
}
export interface Look {
  readonly localPort: number
  readonly remotePort: number
  readonly syn: boolean
  readonly ack: boolean
  readonly seq: number
  readonly payload: number
}

export interface RunnerOptions<P> {
  readonly machine: Machine
  readonly remote: Ipv4Addr
  readonly tolerance: Tolerance
  readonly strictSegments: boolean
  readonly readFile: ReadFile
  readonly codec: Codec<P>
}

interface Pending {
  readonly event: ScriptEvent<unknown> & CallEvent
  readonly call: Call
  readonly start: number
  readonly until: number
}

export class Runner<P> {
  readonly kernel: Kernel
  readonly system: System
  readonly skipped: string[] = []
  readonly #machine: Machine
  readonly #options: RunnerOptions<P>
  readonly #program: Program
  readonly #connections: Connection[] = []
  readonly #bySocket = new Map<KernelSocket, Connection>()
  #underTest: Connection | undefined
  #pending: Pending | undefined
  #last: { readonly event: ScriptEvent<P>; readonly start: number } | undefined
  #remotePort = FIRST_REMOTE_PORT

  /** The connection that packets belong to now. */
  get current(): Connection | undefined {
    return this.#underTest
  }

  constructor(options: RunnerOptions<P>) {
    this.#options = options
    this.#machine = options.machine
    this.kernel = new Kernel(options.machine)
    this.system = new System(this.kernel, options.readFile)
    this.#machine.afterPoll = () => this.#resume()
    this.#program = {
      kernel: this.kernel,
      descriptors: new Map(),
      bindTo: { addr: options.machine.local, port: BIND_PORT },
      connectTo: { addr: options.remote, port: CONNECT_PORT },
      listens: (socket) => {
        const connection = this.#bySocket.get(socket)
        if (connection !== undefined) connection.stage = 'listening'
      },
      connects: (socket) => {
        const connection = this.#bySocket.get(socket)
        if (connection?.stage !== 'new') return
        connection.stage = 'connecting'
        connection.remotePort = CONNECT_PORT
      },
      disconnects: (socket) => {
        const connection = this.#bySocket.get(socket)
        if (connection !== undefined) connection.stage = 'new'
      },
    }
  }

  shell(text: string): void {
    this.skipped.push(...this.system.run(text).skipped)
    this.#machine.settle()
  }

  run(events: readonly ScriptEvent<P>[]): void {
    for (const event of events) {
      const window = this.#windowOf(event)
      if (event.kind === 'packet') this.#packet(event, window)
      else if (event.kind === 'call') this.#call(event, window)
      else {
        this.#waitFor(event, window)
        if (event.kind === 'shell') this.shell(event.text)
        else this.#code(event)
      }
      this.#last = { event, start: window.start }
    }
    if (this.#pending !== undefined && !this.#awaitCall()) {
      throw new ScriptFailure(this.#pending.event.line, `${this.#pending.event.name} to return`, 'that it still waits')
    }
  }

  /** The event's own time, in microseconds since the script began. */
  #windowOf(event: ScriptEvent<P>): Window {
    const { when } = event
    if (when.kind === 'absolute') return when
    const last = this.#last
    const isAnchored = (other: ScriptEvent<P>): boolean => other.kind === 'packet' && other.direction === 'in'
    const offset =
      last !== undefined && isAnchored(last.event) && isAnchored(event) ? last.start : this.#machine.elapsed
    return { start: offset + when.start, end: offset + when.end }
  }

  #waitFor(event: ScriptEvent<P>, window: Window): void {
    this.#machine.advance(window.start)
    this.#checkTime(event, window, this.#machine.elapsed, this.#last?.start)
  }

  #checkTime(event: ScriptEvent<P>, window: Window, actual: number, since: number | undefined): void {
    if (event.when.kind === 'any') return
    const error = timingError(window, actual, since, this.#options.tolerance)
    if (error !== undefined) throw new ScriptFailure(event.line, `${event.text} ${error.expected}`, error.seen)
  }

  // Calls.

  #call(event: ScriptEvent<P> & CallEvent, window: Window): void {
    const isBlocking = event.until !== undefined
    if (this.#pending !== undefined && !this.#awaitCall() && isBlocking) {
      throw new ScriptFailure(
        event.line,
        'the call before to have returned',
        `that ${this.#pending.event.name} still waits`,
      )
    }
    this.#waitFor(event, window)
    const call = prepareCall(this.#program, event.name, event.args)
    const outcome = call.attempt()
    if (outcome !== undefined) {
      this.#returned(event, call, outcome)
      if (isBlocking) this.#checkReturn({ event, call, start: window.start, until: this.#untilOf(event, window) })
    } else if (isBlocking) {
      this.#pending = { event, call, start: window.start, until: this.#untilOf(event, window) }
      this.#machine.alarm = micros(call.deadline ?? NEVER)
    } else this.#wait(event, call)
    this.#machine.settle()
  }

  /** When a blocking call is to return: counted from where its own time is counted from. */
  #untilOf(event: ScriptEvent<P>, window: Window): number {
    return event.when.kind === 'absolute' ? (event.until ?? 0) : window.start - event.when.start + (event.until ?? 0)
  }

  /** A call that the script does not say to block, and which does: nothing else can happen meanwhile. */
  #wait(event: ScriptEvent<P> & CallEvent, call: Call): void {
    let outcome: Outcome | undefined
    this.#machine.settle()
    this.#machine.alarm = micros(call.deadline ?? NEVER)
    const attempt = (): boolean => {
      outcome ??= call.attempt()
      return outcome !== undefined
    }
    this.#machine.advance(this.#machine.elapsed + LONG, attempt)
    this.#machine.alarm = NEVER
    if (outcome === undefined) throw new ScriptFailure(event.line, `${event.name} to return`, 'that it blocks')
    this.#returned(event, call, outcome)
  }

  /** Tries again what is blocked; true when it returned. */
  #resume(): boolean {
    const pending = this.#pending
    const outcome = pending?.call.attempt()
    if (pending === undefined || outcome === undefined) return false
    this.#pending = undefined
    this.#machine.alarm = NEVER
    this.#returned(pending.event, pending.call, outcome)
    this.#checkReturn(pending)
    return true
  }

  #checkReturn(pending: Pending): void {
    if (pending.event.when.kind === 'any') return
    const window = { start: pending.until, end: pending.until }
    const error = timingError(window, this.#machine.elapsed, pending.start, this.#options.tolerance)
    if (error === undefined) return
    throw new ScriptFailure(pending.event.line, `${pending.event.name} to return ${error.expected}`, error.seen)
  }

  /** Waits for the blocked call as long as packetdrill does; false when it still waits. */
  #awaitCall(): boolean {
    this.#machine.advance(this.#machine.elapsed + CALL_PATIENCE, () => this.#pending === undefined)
    return this.#pending === undefined
  }

  #returned(event: CallEvent & { line: number }, call: Call, outcome: Outcome): void {
    const opened = outcome.value < 0 ? undefined : call.opened?.()
    const isRight = opened === undefined ? outcome.value === event.result : event.result >= 0
    const wrongError = event.errno !== undefined && outcome.errno !== event.errno
    if (!isRight || wrongError) {
      const expected = event.errno === undefined ? `${event.result}` : `${event.result} ${event.errno}`
      const seen =
        outcome.errno === undefined ? `${outcome.value}` : `${outcome.value} ${outcome.errno} (${ERRNO[outcome.errno]})`
      throw new ScriptFailure(event.line, `${event.name} to return ${expected}`, seen)
    }
    if (opened !== undefined) this.#open(event.result, opened)
    if (outcome.value >= 0) call.succeeded?.()
    const difference = call.check?.(outcome)
    if (difference !== undefined) throw new ScriptFailure(event.line, `${event.name}: ${difference}`, '')
  }

  #open(fd: number, descriptor: Parameters<typeof file>[2]): void {
    file(this.#program, fd, descriptor)
    if (!(descriptor instanceof KernelSocket)) return
    const waiting = this.#connections.findLast(({ stage }) => stage === 'syn-ack sent' || stage === 'syn-ack acked')
    if (descriptor.tcb !== undefined && waiting !== undefined) {
      waiting.socket = descriptor
      this.#bySocket.set(descriptor, waiting)
    } else if (descriptor.tcb === undefined) {
      const connection = this.#begin('new')
      connection.socket = descriptor
      this.#bySocket.set(descriptor, connection)
    }
  }

  #begin(stage: Connection['stage']): Connection {
    const connection = new Connection(stage, { local: this.#machine.local, remote: this.#options.remote })
    this.#connections.push(connection)
    this.#underTest = connection
    return connection
  }

  // Packets.

  #packet(event: ScriptEvent<P> & PacketEvent<P>, window: Window): void {
    const connection = this.#connectionFor(event)
    if (event.direction === 'in') this.#inject(event, connection, window)
    else this.#expect(event, connection, window)
  }

  #connectionFor(event: ScriptEvent<P> & PacketEvent<P>): Connection {
    const { codec } = this.#options
    const current = this.#underTest
    if (codec.isTcp(event.packet)) {
      const { syn, ack } = codec.flags(event.packet)
      if (event.direction === 'in' && (current === undefined || current.stage === 'listening')) {
        const connection = this.#begin('syn received')
        connection.localPort = BIND_PORT
        connection.remotePort = this.#remotePort++
        connection.remoteIsn = codec.seq(event.packet)
        return connection
      }
      if (event.direction === 'out' && syn && !ack && current?.stage === 'connecting') {
        current.stage = 'syn sent'
        current.scriptIsn = codec.seq(event.packet)
      }
    }
    if (current === undefined) throw new ScriptFailure(event.line, 'a socket for the packet', 'none')
    return current
  }

  #inject(event: ScriptEvent<P> & PacketEvent<P>, connection: Connection, window: Window): void {
    this.#waitFor(event, window)
    const { codec } = this.#options
    const { syn, ack } = codec.flags(event.packet)
    if (connection.stage === 'syn-ack sent' && ack) connection.stage = 'syn-ack acked'
    else if (connection.stage === 'syn sent' && syn && ack) {
      connection.stage = 'syn acked'
      connection.remoteIsn = codec.seq(event.packet)
    }
    this.#machine.wire.inject(codec.build(event.packet, connection), this.#machine.now)
    this.#machine.settle()
  }

  #expect(event: ScriptEvent<P> & PacketEvent<P>, connection: Connection, window: Window): void {
    const { codec, strictSegments } = this.#options
    const { syn, ack } = codec.flags(event.packet)
    const isSynAck = syn && ack && (connection.stage === 'syn received' || connection.stage === 'syn-ack sent')
    if (isSynAck && connection.stage === 'syn received') connection.scriptIsn = codec.seq(event.packet)
    const wanted = codec.payload(event.packet)
    const patience = event.when.kind === 'any' ? this.#machine.elapsed + LONG : window.end + PACKET_PATIENCE
    const seen: WirePacket[] = []
    let octets = 0
    do {
      const packet = this.#sniff(connection, patience)
      if (packet === undefined)
        throw new ScriptFailure(event.line, event.text, octets === 0 ? 'nothing' : `${octets} octets and no more`)
      const look = codec.look(packet.bytes)!
      if (isSynAck && connection.stage === 'syn received') {
        connection.stage = 'syn-ack sent'
        connection.liveIsn = look.seq
      }
      seen.push(packet)
      octets += look.payload
    } while (octets < wanted && !strictSegments)
    const difference = codec.compare(event.packet, seen, connection)
    if (difference !== undefined) throw new ScriptFailure(event.line, event.text, difference)
    this.#checkTime(event, window, this.#machine.since(seen.at(-1)!.at), this.#last?.start)
  }

  /** The next packet of the connection; others are nobody's business. */
  #sniff(connection: Connection, patience: number): WirePacket | undefined {
    const { wire } = this.#machine
    for (;;) {
      if (wire.waiting === 0) this.#machine.advance(patience, () => wire.waiting > 0)
      const packet = wire.take()
      if (packet === undefined) return undefined
      const look = this.#options.codec.look(packet.bytes)
      if (look === undefined || look.remotePort !== connection.remotePort) continue
      if (connection.stage === 'syn sent' && look.syn && !look.ack) {
        connection.localPort = look.localPort
        connection.liveIsn = look.seq
        return packet
      }
      if (look.localPort === connection.localPort) return packet
    }
  }

  // Code.

  #code(event: ScriptEvent<P> & CodeEvent): void {
    const socket = this.#underTest?.socket
    if (socket === undefined) throw new ScriptFailure(event.line, 'a socket to ask', 'none')
    const difference = this.#options.codec.evaluate(event.text, tcpInfo(socket, this.#machine.now))
    if (difference !== undefined) throw new ScriptFailure(event.line, event.text.trim(), difference)
  }
}
