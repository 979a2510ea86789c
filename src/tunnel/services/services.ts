import { NetError } from '../../base/errors.ts'
import { MAX_SERVICE } from '../../session/limits.ts'
import { type Opening, ResetCode, type StreamHost } from '../../session/streams/stream-types.ts'
import { parseHostPort } from '../../transport/host-port.ts'
import { BenchBackend, type BenchBackendOptions } from './bench-backend.ts'
import { Hosts, type HostsOptions } from './hosts.ts'
import { type HttpListenerOptions, openHttpListener } from './http-listener.ts'
import { ProxyBackend, type ProxyBackendOptions } from './proxy-backend.ts'
import type { AnsweringService, CloseOptions, Service, ServiceStatus } from './service.ts'
import { openSocksListener, type SocksListenerOptions } from './socks-listener.ts'
import { TcpBackend, type TcpBackendOptions } from './tcp-backend.ts'
import { TcpForward, type TcpForwardOptions } from './tcp-forward.ts'
import { UdpBackend, type UdpBackendOptions } from './udp-backend.ts'
import { UdpForward, type UdpForwardOptions } from './udp-forward.ts'

/** A service, by what it does: with `listen` it asks, with `connect` or `allow` it answers. */
export type ServiceDefinition =
  | ({ readonly type: 'tcp' } & TcpForwardOptions)
  | ({ readonly type: 'tcp' } & TcpBackendOptions)
  | ({ readonly type: 'udp' } & UdpForwardOptions)
  | ({ readonly type: 'udp' } & UdpBackendOptions)
  | ({ readonly type: 'socks5' } & SocksListenerOptions)
  | ({ readonly type: 'http' } & HttpListenerOptions)
  | ({ readonly type: 'proxy' } & ProxyBackendOptions)
  | ({ readonly type: 'bench' } & BenchBackendOptions)

export interface ServiceHooks extends HostsOptions {
  /** Whether the other side of `host` may have that; asked for each stream and each flow. Default: yes. */
  readonly authorize?: (opening: Opening, kind: 'stream' | 'flow', host: StreamHost) => boolean
  /** Hears what the other side of `host` asked for and may not have. */
  readonly onTurnedAway?: (opening: Opening, why: keyof Refusals, host: StreamHost) => void
  /** Hears what goes wrong in a service, for those that do not have an `onProblem` of their own. */
  readonly onProblem?: (name: string, error: Error) => void
}

/** Openings that were turned away before any service heard of them. */
export interface Refusals {
  unknown: number
  forbidden: number
}

/**
 * The services of this side: those that ask open their streams on the session that was attached last, those that answer
 * do so for every session that is attached.
 */
export class Services {
  readonly refusals: Refusals = { unknown: 0, forbidden: 0 }
  readonly #hooks: ServiceHooks
  readonly #asking = new Map<string, Service>()
  readonly #answering = new Map<string, AnsweringService>()
  readonly #hosts: Hosts
  /** What was counted by those that were closed with all others. */
  #last: readonly ServiceStatus[] = []

  constructor(hooks: ServiceHooks) {
    this.#hooks = hooks
    this.#hosts = new Hosts(hooks)
  }

  /** Lets a session be served, and streams be opened on it. */
  attach(host: StreamHost): void {
    host.onStream = (stream) => {
      const service = this.#answererOf(stream, 'stream', host)
      if (service?.onStream === undefined) stream.reset(ResetCode.FORBIDDEN)
      else service.onStream(stream)
    }
    host.onFlow = (flow) => {
      const service = this.#answererOf(flow, 'flow', host)
      if (service?.onFlow === undefined) flow.close(ResetCode.FORBIDDEN)
      else service.onFlow(flow)
    }
    this.#hosts.add(host)
  }

  /** Something carries the session that was attached last again, perhaps. */
  onCarried(): void {
    this.#hosts.onCarried()
  }

  /** Opens nothing more on a session and takes nothing more from it; what is open stays. */
  detach(host: StreamHost): void {
    if (this.#hosts.delete(host)) stopServing(host)
  }

  /**
   * Adds one; the others notice nothing.
   * @throws {NetError} EINVAL for a name that is taken or an option that makes no sense, or why it cannot listen.
   */
  async add(definition: ServiceDefinition): Promise<Service> {
    const { name } = definition
    checkOpening(definition)
    if ((isAsking(definition) ? this.#asking : this.#answering).has(name)) {
      throw new NetError('EINVAL', `Cannot add the service "${name}": there is one of that name`)
    }
    const { onProblem } = this.#hooks
    const complete: ServiceDefinition =
      onProblem === undefined || definition.type === 'bench'
        ? definition
        : { onProblem: (error) => onProblem(name, error), ...definition }
    if (isAsking(complete)) {
      const service = await openAsking(complete, this.#hosts)
      this.#asking.set(name, service)
      return service
    }
    const service = openAnswering(complete)
    this.#answering.set(name, service)
    return service
  }

  /** Removes those of that name; the streams of others go on. */
  async remove(name: string, options?: CloseOptions): Promise<void> {
    const found = [this.#asking.get(name), this.#answering.get(name)]
    this.#asking.delete(name)
    this.#answering.delete(name)
    await Promise.all(found.map((service) => service?.close(options)))
  }

  /** What each is, and what it has counted, when all are closed as well. */
  status(): readonly ServiceStatus[] {
    const all = [...this.#asking.values(), ...this.#answering.values()]
    return all.length === 0 ? this.#last : all.map((service) => service.status())
  }

  /** Takes nothing new; resolves when nothing of any service is left but what it has counted. May be called again. */
  async close(options?: CloseOptions): Promise<void> {
    const all = [...this.#asking.values(), ...this.#answering.values()]
    await Promise.all(all.map((service) => service.close(options)))
    if (all.length > 0) this.#last = all.map((service) => service.status())
    this.#hosts.clear(stopServing)
    this.#asking.clear()
    this.#answering.clear()
  }

  #answererOf(opening: Opening, kind: 'stream' | 'flow', host: StreamHost): AnsweringService | undefined {
    const service = this.#answering.get(opening.service)
    const isAllowed = service === undefined || this.#hooks.authorize?.(opening, kind, host) !== false
    if (service !== undefined && isAllowed) return service
    const why = service === undefined ? 'unknown' : 'forbidden'
    this.refusals[why]++
    this.#hooks.onTurnedAway?.(opening, why, host)
    return undefined
  }
}

/** What a session would not take must not be found out by the first connection. */
function checkOpening(definition: ServiceDefinition): void {
  const { name, service = name, target } = definition as Partial<TcpForwardOptions> & { readonly name: string }
  for (const each of [name, service]) {
    const octets = Buffer.byteLength(each)
    if (octets < 1 || octets > MAX_SERVICE) {
      throw new NetError('EINVAL', `Cannot name a service "${each}": names have 1 to ${MAX_SERVICE} octets`)
    }
  }
  if (target === undefined || target === '' || parseHostPort(target) !== undefined) return
  throw new NetError('EINVAL', `Cannot use "${target}" for "target" of the service "${name}": it is not host:port`)
}

function stopServing(host: StreamHost): void {
  host.onStream = undefined
  host.onFlow = undefined
}

type AskingDefinition = Extract<ServiceDefinition, { readonly listen: string }>

const isAsking = (definition: ServiceDefinition): definition is AskingDefinition => 'listen' in definition

function openAsking(definition: AskingDefinition, hosts: Hosts): Promise<Service> {
  switch (definition.type) {
    case 'tcp':
      return TcpForward.open(definition, hosts)
    case 'udp':
      return UdpForward.open(definition, hosts)
    case 'socks5':
      return openSocksListener(definition, hosts)
    case 'http':
      return openHttpListener(definition, hosts)
  }
}

function openAnswering(definition: Exclude<ServiceDefinition, AskingDefinition>): AnsweringService {
  switch (definition.type) {
    case 'tcp':
      return new TcpBackend(definition)
    case 'udp':
      return new UdpBackend(definition)
    case 'proxy':
      return new ProxyBackend(definition)
    case 'bench':
      return new BenchBackend(definition)
  }
}
