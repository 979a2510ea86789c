import type { IpAddr } from '../../base/address.ts'
import { formatEndpoint, formatIp } from '../../base/address.ts'
import { BoundedMap } from '../../base/bounded-map.ts'
import { protocolWord } from '../../wire/describe.ts'
import { TcpFlag } from '../../wire/tcp.ts'
import type { Observation } from './observation.ts'

const MAX_FLOWS = 65536

export type FlowState =
  | 'syn sent'
  | 'syn received'
  | 'established'
  | 'closing'
  | 'closed'
  | 'reset'
  | 'one way'
  | 'both ways'

/** Packets between the same two ends, in both directions. */
export interface Flow {
  /** The end that was heard first. */
  readonly src: IpAddr
  readonly dst: IpAddr
  readonly srcPort: number
  readonly dstPort: number
  readonly protocol: number
  packets: number
  bytes: number
  state: FlowState
  readonly firstMs: number
  lastMs: number
}

interface Entry extends Flow {
  /** Which ends have sent FIN: 1 the first heard, 2 the other. */
  fins: number
}

export const protocolName = (protocol: number): string => protocolWord(protocol) ?? `proto-${protocol}`

/** `10.0.0.2:80`, or the address alone where there are no ports. */
export const endpoint = (address: IpAddr, port: number): string =>
  port === 0 ? formatIp(address) : formatEndpoint(address, port)

/** Every flow that was seen; bounded, the one silent for longest goes. */
export class Flows {
  readonly #entries = new BoundedMap<string, Entry>(MAX_FLOWS)
  #seen = 0

  get size(): number {
    return this.#entries.size
  }

  /** Flows seen in all, those forgotten included. */
  get total(): number {
    return this.#seen
  }

  onPacket(seen: Observation): void {
    if (seen.version === 0) return
    const out = `${seen.src} ${seen.srcPort} ${seen.dst} ${seen.dstPort} ${seen.protocol}`
    const back = `${seen.dst} ${seen.dstPort} ${seen.src} ${seen.srcPort} ${seen.protocol}`
    const forward = this.#entries.get(out)
    const entry = forward ?? this.#entries.get(back) ?? this.#create(out, seen)
    entry.packets++
    entry.bytes += seen.length
    entry.lastMs = seen.now
    const isBack = forward === undefined && entry.packets > 1
    if (seen.tcpFlags >= 0) advance(entry, seen.tcpFlags, isBack)
    else if (isBack) entry.state = 'both ways'
  }

  /** The flows with the most bytes first. */
  top(count: number): readonly Flow[] {
    return [...this.#entries.values()].sort((a, b) => b.bytes - a.bytes).slice(0, count)
  }

  #create(key: string, seen: Observation): Entry {
    this.#seen++
    const entry: Entry = {
      src: seen.src,
      dst: seen.dst,
      srcPort: seen.srcPort,
      dstPort: seen.dstPort,
      protocol: seen.protocol,
      packets: 0,
      bytes: 0,
      state: 'one way',
      firstMs: seen.now,
      lastMs: seen.now,
      fins: 0,
    }
    this.#entries.set(key, entry)
    return entry
  }
}

/** What a watcher can tell of a connection's state from one more segment. */
function advance(entry: Entry, flags: number, isBack: boolean): void {
  if (flags & TcpFlag.RST) {
    entry.state = 'reset'
  } else if (flags & TcpFlag.SYN) {
    entry.state = flags & TcpFlag.ACK ? 'syn received' : 'syn sent'
    entry.fins = 0
  } else if (flags & TcpFlag.FIN) {
    entry.fins |= isBack ? 2 : 1
    entry.state = 'closing'
  } else if (entry.fins === 3) {
    entry.state = 'closed'
  } else if (entry.fins === 0 && entry.state !== 'reset') {
    entry.state = 'established'
  }
}
