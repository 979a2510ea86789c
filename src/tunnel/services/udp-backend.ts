import type { Socket } from 'node:dgram'
import { isIP } from 'node:net'
import { NetError } from '../../base/errors.ts'
import { type FlowEvents, ResetCode, type SessionFlow } from '../../session/streams/stream-types.ts'
import { parseHostPort } from '../../transport/host-port.ts'
import { type Resolve, resolveByMachine } from '../../transport/resolve.ts'
import { type Aged, AgingList } from './aging.ts'
import { DEFAULT_IDLE, type FlowLimits } from './flow-table.ts'
import { passes, type RateLimits, rateLimits } from './rate-limit.ts'
import { resetCodeOf } from './reset-reason.ts'
import type { AnsweringService, ServiceStatus } from './service.ts'
import { Tally } from './tally.ts'
import { TargetRules, type TargetRulesOptions } from './target-rules.ts'
import { enlargeReceiveBuffer, makeUdpSocket, UdpSender, type UdpSocketOptions } from './udp-socket.ts'

export interface UdpBackendOptions extends FlowLimits, UdpSocketOptions, Partial<TargetRulesOptions> {
  readonly name: string
  /** Where the datagrams go, `host:port`; without it `allow` says which targets the other side may name. */
  readonly connect?: string
  /** Bits per second of all its flows together, each way; datagrams beyond are dropped, and counted. Default: no limit. */
  readonly rate?: number
  /** Default: the system's resolver, asked for each flow. */
  readonly resolve?: Resolve
  /** Hears why a target could not be reached. */
  readonly onProblem?: (error: Error) => void
}

/** Flows at once: each costs a descriptor. */
const DEFAULT_MAX_FLOWS = 4096
/** Datagrams of a flow that may wait for its target's address, and their octets: thousands of flows may wait at once. */
const MAX_WAITING = 64
const MAX_WAITING_OCTETS = 65_536

/** A place for datagrams: an address, checked. */
interface Place {
  readonly address: string
  readonly port: number
}

/** Sends each flow's datagrams from a socket of its own, and takes back what its target answers. */
export class UdpBackend implements AnsweringService {
  readonly name: string
  readonly #target: string
  readonly #options: UdpBackendOptions
  readonly #find: (flow: SessionFlow) => Promise<Place>
  readonly #tally = new Tally()
  readonly #limits: RateLimits | undefined
  readonly #flows = new Set<AnsweredFlow>()
  readonly #ages: AgingList<AnsweredFlow>
  #isClosing = false

  /**
   * @param limits those of a service that this one is a part of, in place of its own
   * @throws {NetError} EINVAL when the target is none, or a rule is none.
   */
  constructor(options: UdpBackendOptions, limits = rateLimits(options.rate)) {
    this.#limits = limits
    this.name = options.name
    this.#options = options
    const { connect, allow = [], deny = [], resolve = resolveByMachine } = options
    this.#target = connect ?? allow.join(', ')
    this.#find = connect === undefined ? byRules({ allow, deny }, resolve) : fixed(this.name, connect, resolve)
    this.#ages = new AgingList(options.idle ?? DEFAULT_IDLE, (flow) => flow.close(ResetCode.CANCELLED))
  }

  status(): ServiceStatus {
    const { name } = this
    return { name, kind: 'udp-connect', listening: undefined, target: this.#target, ...this.#tally.toJSON() }
  }

  onFlow(flow: SessionFlow): void {
    const isFull = this.#flows.size >= (this.#options.maxFlows ?? DEFAULT_MAX_FLOWS)
    if (isFull || this.#isClosing) {
      const code = isFull ? ResetCode.LIMIT : ResetCode.CLOSED
      this.#tally.refuse(code)
      flow.close(code)
      return
    }
    const answered = new AnsweredFlow(flow, this.#options, {
      tally: this.#tally,
      limits: this.#limits,
      onUse: () => this.#ages.touch(answered),
      onEnd: () => {
        this.#flows.delete(answered)
        this.#ages.remove(answered)
      },
    })
    this.#flows.add(answered)
    this.#ages.add(answered)
    answered.start(this.#find(flow))
  }

  async close(): Promise<void> {
    this.#isClosing = true
    for (const flow of [...this.#flows]) flow.close(ResetCode.CLOSED)
  }
}

/** Always the same target. */
function fixed(name: string, connect: string, resolve: Resolve): (flow: SessionFlow) => Promise<Place> {
  const parsed = parseHostPort(connect)
  if (parsed === undefined) {
    throw new NetError('EINVAL', `Cannot use "${connect}" for "connect" of the service "${name}": it is not host:port`)
  }
  const { host, port } = parsed
  return async ({ target }) => {
    if (target !== '') throw new NetError('EPERM', `"${name}" leads to ${connect} only, not to "${target}"`)
    const [address] = isIP(host) ? [host] : await resolve(host)
    if (address === undefined) throw new NetError('EHOSTUNREACH', `${host} has no address`)
    return { address, port }
  }
}

/** The target that the other side names, if it may. */
function byRules(options: TargetRulesOptions, resolve: Resolve): (flow: SessionFlow) => Promise<Place> {
  const rules = new TargetRules(options)
  return async ({ target }) => {
    const { addresses, port } = await rules.find(target, resolve)
    return { address: addresses[0]!, port }
  }
}

function connected(socket: Socket, port: number, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const onConnected = (error?: Error): void => (error === undefined ? resolve() : reject(error))
    socket.connect(port, address, onConnected)
  })
}

/** What a flow has of its service. */
interface FlowOwner {
  readonly tally: Tally
  readonly limits: RateLimits | undefined
  readonly onUse: () => void
  readonly onEnd: () => void
}

/** A flow of the other side's, and the socket it leads to. */
class AnsweredFlow implements Aged, FlowEvents {
  usedAt = 0
  older: Aged | undefined = undefined
  newer: Aged | undefined = undefined
  readonly #flow: SessionFlow
  readonly #options: UdpBackendOptions
  readonly #owner: FlowOwner
  #waiting: Uint8Array[] = []
  #waitingOctets = 0
  #socket: Socket | undefined = undefined
  #sender: UdpSender | undefined = undefined
  #isOver = false

  constructor(flow: SessionFlow, options: UdpBackendOptions, owner: FlowOwner) {
    this.#flow = flow
    this.#options = options
    this.#owner = owner
    owner.tally.begin()
    flow.events = this
  }

  async start(found: Promise<Place>): Promise<void> {
    try {
      const { address, port } = await found
      if (!this.#isOver) await this.#connect(address, port)
    } catch (error) {
      this.#fail(error as Error)
    }
  }

  onDatagram(bytes: Uint8Array, age: number): void {
    this.#owner.onUse()
    this.#owner.tally.ages.note(age)
    if (this.#sender !== undefined) {
      this.#send(this.#sender, bytes)
      return
    }
    this.#wait(bytes)
  }

  /** What came first goes first. */
  #wait(bytes: Uint8Array): void {
    const waiting = this.#waiting
    waiting.push(bytes)
    this.#waitingOctets += bytes.length
    while (waiting.length > MAX_WAITING || this.#waitingOctets > MAX_WAITING_OCTETS) {
      this.#waitingOctets -= waiting.shift()!.length
      this.#owner.tally.dropped.count('waiting-too-long')
    }
  }

  onClosed(code: number): void {
    this.#end(code)
  }

  close(code: ResetCode): void {
    if (this.#isOver) return
    this.#flow.close(code)
    this.#end(code)
  }

  #send(sender: UdpSender, bytes: Uint8Array): void {
    const { tally, limits } = this.#owner
    if (!passes(limits?.in, bytes.length, tally.dropped)) return
    tally.in.octets += bytes.length
    sender.send(bytes)
  }

  async #connect(address: string, port: number): Promise<void> {
    const socket = makeUdpSocket(address)
    this.#socket = socket
    const onFailure = (error: Error): void => this.#fail(error)
    socket.on('error', onFailure)
    await connected(socket, port, address)
    if (this.#isOver) return
    enlargeReceiveBuffer(socket, this.#options)
    const sender = new UdpSender(socket, this.#owner.tally.dropped, this.#options)
    sender.onRefused = onFailure
    this.#sender = sender
    socket.on('message', this.#onAnswer)
    for (const bytes of this.#waiting) this.#send(sender, bytes)
    this.#waiting = []
  }

  readonly #onAnswer = (bytes: Buffer): void => {
    if (this.#isOver) return
    const { tally, limits, onUse } = this.#owner
    onUse()
    if (!passes(limits?.out, bytes.length, tally.dropped)) return
    tally.out.octets += bytes.length
    if (!this.#flow.send(bytes)) tally.dropped.count('too-long')
  }

  #fail(error: Error): void {
    if (this.#isOver) return
    this.#options.onProblem?.(error)
    this.close(resetCodeOf(error))
  }

  #end(code: number): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#waiting = []
    this.#socket?.close()
    this.#owner.onEnd()
    // A flow has no end but this one; only what made it come early is an error.
    this.#owner.tally.end(code === ResetCode.CANCELLED ? undefined : code, this.#sender !== undefined)
  }
}
