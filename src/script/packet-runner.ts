import { IpProtocol, Ipv4Header } from '../wire/ipv4.ts'
import { TcpFlag, TcpHeader } from '../wire/tcp.ts'
import type { Configuration } from './configuration.ts'
import { Connection } from './connection.ts'
import { ScriptFailure } from './failure.ts'
import type { Machine } from './machine.ts'
import { buildPacket } from './packet-build.ts'
import { matchPacket } from './packet-match.ts'
import type { KernelSocket } from './socket.ts'
import type { PacketAction, TcpPart } from './syntax.ts'
import { timingError, type Window } from './timing.ts'
import type { WirePacket } from './wire.ts'

/** How long after its time a packet is still waited for, as long as packetdrill does; for one at any time, long. */
const PATIENCE = 2_000_000
const LONG = 3_600_000_000
/** The peer's ports, one for each connection it opens. */
const FIRST_REMOTE_PORT = 40_000

/** Injects the packets of a script and waits for those it expects. */
export class PacketRunner {
  readonly #machine: Machine
  readonly #configuration: Configuration
  readonly #connections: Connection[] = []
  readonly #bySocket = new Map<KernelSocket, Connection>()
  #current: Connection | undefined
  #remotePort = FIRST_REMOTE_PORT
  readonly #ip = new Ipv4Header()
  readonly #tcp = new TcpHeader()

  constructor(machine: Machine, configuration: Configuration) {
    this.#machine = machine
    this.#configuration = configuration
  }

  /** The connection that packets and code belong to now. */
  get current(): Connection | undefined {
    return this.#current
  }

  /** The program has a socket: a new one, or one for a connection that the script opened. */
  opened(socket: KernelSocket): void {
    const waiting = this.#connections.findLast(({ stage }) => stage === 'syn-ack sent' || stage === 'syn-ack acked')
    const isAccepted = socket.tcb !== undefined && waiting !== undefined
    const connection = isAccepted ? waiting : this.#begin('new')
    connection.socket = socket
    this.#bySocket.set(socket, connection)
  }

  listens(socket: KernelSocket): void {
    const connection = this.#bySocket.get(socket)
    if (connection !== undefined) connection.stage = 'listening'
  }

  connects(socket: KernelSocket): void {
    const connection = this.#bySocket.get(socket)
    if (connection?.stage !== 'new') return
    connection.stage = 'connecting'
    connection.remotePort = this.#configuration.connectPort
  }

  disconnects(socket: KernelSocket): void {
    const connection = this.#bySocket.get(socket)
    if (connection !== undefined) connection.stage = 'new'
  }

  /** A packet of the peer; its time has come. */
  inject(packet: PacketAction): void {
    const connection = this.#connectionFor(packet)
    const { body } = packet
    if (body.kind === 'tcp') arrive(connection, body)
    const bytes = buildPacket(packet, connection, this.#configuration.scalesEchoes)
    this.#machine.wire.inject(bytes, this.#machine.now)
    this.#machine.settle()
  }

  /** Waits for a packet of the stack; `since` is the time of the event before. */
  expect(packet: PacketAction, window: Window, since: number | undefined): void {
    const connection = this.#connectionFor(packet)
    const { body } = packet
    const isAnswer = body.kind === 'tcp' && isSynAck(body) && connection.stage === 'syn received'
    if (isAnswer) connection.scriptIsn = body.seq
    const wanted = body.kind === 'icmp' ? 0 : body.length
    const patience = window.isOpen ? this.#machine.elapsed + LONG : window.end + PATIENCE
    const seen: WirePacket[] = []
    let octets = 0
    do {
      const next = this.#sniff(connection, patience)
      if (next === undefined)
        throw new ScriptFailure(packet.line, 'a packet', octets === 0 ? 'none' : `no more than ${octets} octets of it`)
      if (isAnswer && seen.length === 0) {
        connection.stage = 'syn-ack sent'
        connection.liveIsn = this.#tcp.seq
      }
      seen.push(next)
      octets += this.#tcp.payloadLen
    } while (octets < wanted && !this.#configuration.strictSegments)
    const { tolerance, timestampTick } = this.#configuration
    const rule = { ...tolerance, tick: timestampTick, elapsed: this.#machine.elapsed }
    const difference = matchPacket(packet, seen, connection, rule)
    if (difference !== undefined) throw new ScriptFailure(packet.line, difference.expected, difference.seen)
    const error = timingError(window, this.#machine.since(seen.at(-1)!.at), since, tolerance)
    if (error !== undefined) throw new ScriptFailure(packet.line, `the packet ${error.expected}`, error.seen)
  }

  /** The next packet of the connection, its headers in `#ip` and `#tcp`; others are nobody's business. */
  #sniff(connection: Connection, patience: number): WirePacket | undefined {
    const { wire } = this.#machine
    for (;;) {
      if (wire.waiting === 0) this.#machine.advance(patience, () => wire.waiting > 0)
      const packet = wire.take()
      if (packet === undefined) return undefined
      if (!this.#parse(packet) || this.#tcp.dstPort !== connection.remotePort) continue
      const isSyn = (this.#tcp.flags & (TcpFlag.SYN | TcpFlag.ACK)) === TcpFlag.SYN
      if (connection.stage === 'syn sent' && isSyn) {
        connection.localPort = this.#tcp.srcPort
        connection.liveIsn = this.#tcp.seq
      }
      if (this.#tcp.srcPort === connection.localPort) return packet
    }
  }

  #parse({ bytes }: WirePacket): boolean {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    if (this.#ip.parse(view, 0, bytes.length) !== undefined || this.#ip.protocol !== IpProtocol.TCP) return false
    return this.#tcp.parse(view, this.#ip.payloadAt, this.#ip.end) === undefined
  }

  /** The connection of a packet: the one under test, or a new one where the script opens or expects one. */
  #connectionFor(packet: PacketAction): Connection {
    const { body, direction } = packet
    const current = this.#current
    if (body.kind === 'tcp' && direction === 'in' && (current === undefined || current.stage === 'listening')) {
      const connection = this.#begin('syn received')
      connection.localPort = this.#configuration.bindPort
      connection.remotePort = this.#remotePort++
      connection.remoteIsn = body.seq
      return connection
    }
    if (current === undefined) throw new ScriptFailure(packet.line, 'a connection for the packet', 'none so far')
    const isSyn = body.kind === 'tcp' && body.flags.includes('S') && !body.flags.includes('.')
    if (isSyn && direction === 'out' && current.stage === 'connecting') {
      current.stage = 'syn sent'
      current.scriptIsn = body.seq
    }
    return current
  }

  #begin(stage: Connection['stage']): Connection {
    const connection = new Connection(stage, { local: this.#machine.local, remote: this.#configuration.remote })
    this.#connections.push(connection)
    this.#current = connection
    return connection
  }
}

const isSynAck = ({ flags }: TcpPart): boolean => flags.includes('S') && flags.includes('.')

/** What a packet of the peer tells of the handshake. */
function arrive(connection: Connection, packet: TcpPart): void {
  if (connection.stage === 'syn-ack sent' && packet.flags.includes('.')) connection.stage = 'syn-ack acked'
  else if (connection.stage === 'syn sent' && isSynAck(packet)) {
    connection.stage = 'syn acked'
    connection.remoteIsn = packet.seq
  }
}
