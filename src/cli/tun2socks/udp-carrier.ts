import type { UdpFlow } from '../../stack/udp-forward.ts'
import type { HostPort } from '../../transport/host-port.ts'
import type { Socks5Proxy } from '../../transport/proxy.ts'
import { Socks5Association, udpHeader } from '../../transport/socks5-udp.ts'
import type { Report } from './report.ts'
import type { Passed } from './splice.ts'

/** Datagrams that may wait for one flow's peer to be reached; more are dropped. */
const MAX_WAITING = 64

/** One flow, and what passes on it. */
interface Carried {
  readonly flow: UdpFlow
  readonly passed: Passed
  waiting: number
}

/**
 * What one port inside has at the proxy: an association that all of its flows share, so that answers find their way by
 * where they come from.
 */
interface Source {
  readonly flows: Map<string, Carried>
  association: Promise<Socks5Association>
}

/** A proxy that carries no datagrams is not asked again for so long, in milliseconds. */
const REFUSED_FOR = 10_000

const keyOf = (host: string, port: number): string => `${host}:${port}`

/** Carries datagrams through the proxy. */
export class UdpCarrier {
  readonly #proxy: Socks5Proxy
  readonly #timeout: number
  readonly #report: Report
  readonly #sources = new Map<string, Source>()
  #refusal: { readonly error: unknown; readonly until: number } | undefined

  constructor(proxy: Socks5Proxy, timeout: number, report: Report) {
    this.#proxy = proxy
    this.#timeout = timeout
    this.#report = report
  }

  async carry(flow: UdpFlow): Promise<void> {
    if (this.#refusal !== undefined && performance.now() < this.#refusal.until) {
      this.#report.refused('udp', flow, this.#refusal.error)
      flow.reject()
      return
    }
    const source = this.#sourceOf(flow)
    const carried: Carried = { flow, passed: { up: 0, down: 0 }, waiting: 0 }
    const key = keyOf(flow.localAddress, flow.localPort)
    source.flows.set(key, carried)
    try {
      const association = await source.association
      this.#report.flowOpened(flow)
      await this.#sendAll(carried, association)
      this.#report.flowClosed(flow, carried.passed)
    } catch (error) {
      this.#report.refused('udp', flow, error)
      flow.reject()
    } finally {
      this.#report.datagramsDropped(flow.dropped)
      if (source.flows.get(key) === carried) source.flows.delete(key)
      if (source.flows.size === 0) this.#forget(flow, source)
    }
  }

  async #sendAll({ flow, passed }: Carried, association: Socks5Association): Promise<void> {
    const header = udpHeader({ host: flow.localAddress, port: flow.localPort })
    const onEnd = (): void => flow.close()
    if (association.isClosed) onEnd()
    for (let data = await flow.receive(); data !== null; data = await flow.receive()) {
      passed.up += data.length
      this.#report.datagram('up', data.length)
      association.send(header, data)
    }
  }

  #sourceOf(flow: UdpFlow): Source {
    const key = keyOf(flow.remoteAddress, flow.remotePort)
    const known = this.#sources.get(key)
    if (known !== undefined) return known
    const association = Socks5Association.open(this.#proxy, { timeout: this.#timeout })
    const source: Source = { flows: new Map(), association }
    this.#sources.set(key, source)
    association.then(
      (open) => {
        open.onDatagram = (data, from) => this.#answer(source, data, from)
        // The proxy ended it: what comes next begins anew.
        open.onEnd = () => {
          if (this.#sources.get(key) === source) this.#sources.delete(key)
          for (const { flow: each } of source.flows.values()) each.close()
        }
      },
      (error: NodeJS.ErrnoException) => {
        if (this.#sources.get(key) === source) this.#sources.delete(key)
        if (error.code === 'ERR_PROXY_REFUSED') this.#refusal = { error, until: performance.now() + REFUSED_FOR }
      },
    )
    return source
  }

  #forget(flow: UdpFlow, source: Source): void {
    const key = keyOf(flow.remoteAddress, flow.remotePort)
    if (this.#sources.get(key) === source) this.#sources.delete(key)
    source.association.then(
      (association) => {
        this.#report.datagramsDropped(association.stats.dropped)
        association.close()
      },
      () => undefined,
    )
  }

  #answer(source: Source, data: Uint8Array, from: HostPort): void {
    const carried = source.flows.get(keyOf(from.host, from.port))
    if (carried === undefined || carried.flow.isClosed) {
      this.#report.unsolicited()
      return
    }
    if (carried.waiting >= MAX_WAITING) {
      this.#report.datagramsDropped(1)
      return
    }
    carried.waiting++
    carried.passed.down += data.length
    this.#report.datagram('down', data.length)
    const done = (): void => void carried.waiting--
    // What a peer inside complains about by ICMP is between it and its own kernel.
    carried.flow.send(data).then(done, done)
  }
}
