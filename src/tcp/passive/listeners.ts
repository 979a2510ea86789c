import { IPV4_ANY, type IpAddr } from '../../base/address.ts'
import type { Listener } from './listener.ts'

/** The listeners of a stack by port; several may share one under different addresses. */
export class Listeners {
  readonly #byPort = new Map<number, Listener[]>()

  get all(): readonly Listener[] {
    return [...this.#byPort.values()].flat()
  }

  add(listener: Listener): void {
    this.#byPort.set(listener.localPort, [...(this.#byPort.get(listener.localPort) ?? []), listener])
  }

  remove(listener: Listener): void {
    const rest = (this.#byPort.get(listener.localPort) ?? []).filter((other) => other !== listener)
    if (rest.length > 0) this.#byPort.set(listener.localPort, rest)
    else this.#byPort.delete(listener.localPort)
  }

  /** The one for a segment to these, the exact address before any (RFC 9293 §3.10.7.2, local socket unspecified). */
  find(local: IpAddr, port: number): Listener | undefined {
    const all = this.#byPort.get(port)
    if (all === undefined) return undefined
    return all.find((listener) => listener.local === local) ?? all.find((listener) => listener.local === IPV4_ANY)
  }

  /** Whether a listener there would take nobody's place. */
  isFree(local: IpAddr, port: number): boolean {
    const all = this.#byPort.get(port) ?? []
    return !all.some((other) => other.local === local || other.local === IPV4_ANY || local === IPV4_ANY)
  }
}
