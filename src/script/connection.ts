import type { Ipv4Addr } from '../base/address.ts'
import type { KernelSocket } from './socket.ts'

/** How far the connection under test has come, as far as a script's packets tell. */
export type ConnectionStage =
  | 'new'
  | 'listening'
  | 'connecting'
  | 'syn sent'
  | 'syn acked'
  | 'syn received'
  | 'syn-ack sent'
  | 'syn-ack acked'

/**
 * The connection a script speaks of, and how its numbers become those on the wire. A script chooses the sequence numbers
 * of SYNs and counts all others from them; the stack chooses its own. The peer's numbers are the script's.
 */
export class Connection {
  stage: ConnectionStage
  /** The socket, once the program has one for it. */
  socket: KernelSocket | undefined
  local: Ipv4Addr
  localPort = 0
  remote: Ipv4Addr
  remotePort = 0
  /** The peer's ISN, in the script as on the wire. */
  remoteIsn = 0
  /** Our ISN: the script's and the wire's. */
  scriptIsn = 0
  liveIsn = 0
  /** Our timestamps on the wire by those that the script gave them. */
  readonly #timestamps = new Map<number, number>()
  /** The first of ours that was seen: from it on the two clocks run alike. */
  #first: { readonly script: number; readonly live: number } | undefined

  constructor(stage: ConnectionStage, ends: { local: Ipv4Addr; remote: Ipv4Addr }) {
    this.stage = stage
    this.local = ends.local
    this.remote = ends.remote
  }

  /** What is added to the script's number of one of our octets to make the wire's. */
  localOffset(isSyn: boolean): number {
    return isSyn ? this.liveIsn - this.scriptIsn : this.liveIsn
  }

  /** The same for the peer's octets. */
  remoteOffset(isSyn: boolean): number {
    return isSyn ? 0 : this.remoteIsn
  }

  /** A timestamp of ours went out where the script expected `script`. */
  sawTimestamp(script: number, live: number): void {
    this.#timestamps.set(script, live)
    this.#first ??= { script, live }
  }

  /** The wire's value for a timestamp of ours that a script echoes; undefined for one that never went out. */
  liveTimestamp(script: number, isScaled: boolean): number | undefined {
    const exact = this.#timestamps.get(script)
    if (exact !== undefined || !isScaled || this.#first === undefined) return exact
    return (script - this.#first.script + this.#first.live) >>> 0
  }

  /** A timestamp of the wire on the script's clock. */
  scriptTimestamp(live: number): number {
    return this.#first === undefined ? live : (live - this.#first.live + this.#first.script) >>> 0
  }
}
