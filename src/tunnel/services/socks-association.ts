import type { RemoteInfo, Socket } from 'node:dgram'
import { ResetCode } from '../../session/streams/stream-types.ts'
import { formatHostPort, type HostPort, isHost } from '../../transport/host-port.ts'
import { parseUdp, udpHeader } from '../../transport/socks5-wire.ts'
import { Farewell } from './asking.ts'
import { type FlowLimits, FlowTable, type OwnFlow } from './flow-table.ts'
import type { Open } from './open-set.ts'
import type { Client } from './proxy-front.ts'
import { SocksReply, socksReply } from './socks-handshake.ts'
import { enlargeReceiveBuffer, makeUdpSocket, UdpSender, type UdpSocketOptions } from './udp-socket.ts'

/** Datagrams of one client to anywhere, as long as the connection lasts on which it asked for it (RFC 1928 §7). */
export class SocksAssociation implements Open {
  readonly #client: Client
  readonly #options: FlowLimits & UdpSocketOptions
  readonly #flows: FlowTable
  readonly #socket: Socket
  readonly #sender: UdpSender
  readonly #from: string
  /** Where the client sends from: what it said, or where the first datagram of its address came from. */
  #port: number
  #isOver = false

  constructor(client: Client, expected: HostPort, options: FlowLimits & UdpSocketOptions) {
    const { socket: control, ledger } = client
    const { localAddress = '127.0.0.1', remoteAddress = '127.0.0.1' } = control
    this.#client = client
    this.#options = options
    this.#from = remoteAddress
    this.#port = expected.port
    this.#flows = new FlowTable(ledger.tally, ledger.limits, options)
    this.#socket = makeUdpSocket(localAddress)
    this.#sender = new UdpSender(this.#socket, ledger.tally.dropped, options)
    ledger.open.add(this)
    // What comes on the connection means nothing; that it ends does.
    control.on('end', this.#onEnd).on('close', this.#onEnd).resume()
    this.#socket.on('message', this.#onMessage).on('error', this.#onError)
    this.#socket.bind(0, localAddress, this.#onBound)
  }

  abort(code: ResetCode): void {
    this.#finish(code)
    this.#client.socket.destroy()
  }

  readonly #onBound = (): void => {
    if (this.#isOver) return
    enlargeReceiveBuffer(this.#socket, this.#options)
    const { address: host, port } = this.#socket.address()
    this.#client.socket.write(socksReply(SocksReply.GRANTED, { host, port }))
  }

  readonly #onEnd = (): void => {
    this.#finish(undefined)
    this.#client.socket.destroy()
  }

  readonly #onError = (): void => {
    if (this.#isOver) return
    new Farewell(this.#client.socket, socksReply(SocksReply.FAILED), this.#client.ledger)
    this.#finish(ResetCode.LIMIT)
  }

  readonly #onMessage = (bytes: Buffer, { address, port }: RemoteInfo): void => {
    if (this.#port === 0 && address === this.#from) this.#port = port
    const isClient = address === this.#from && port === this.#port
    const parsed = isClient ? parseUdp(bytes) : undefined
    const { dropped } = this.#client.ledger.tally
    if (!isClient) dropped.count('foreign')
    else if (parsed === undefined || !isHost(parsed.from.host)) dropped.count('malformed')
    else this.#carry(parsed.from, bytes.subarray(parsed.dataAt))
  }

  #carry(to: HostPort, bytes: Buffer): void {
    const target = formatHostPort(to)
    const own = this.#flows.find(target) ?? this.#open(target, to)
    if (own === undefined) this.#client.ledger.tally.dropped.count('no-session')
    else this.#flows.send(own, bytes)
  }

  #open(target: string, to: HostPort): OwnFlow | undefined {
    const flow = this.#client.openFlow(target)
    if (flow === undefined) return undefined
    const header = udpHeader(to)
    return this.#flows.add(target, flow, (bytes) => this.#sender.send([header, bytes], this.#port, this.#from))
  }

  #finish(code: ResetCode | undefined): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#flows.closeAll()
    this.#socket.close()
    const { tally, open } = this.#client.ledger
    tally.end(code)
    open.delete(this)
  }
}
