import { IPV4_ANY, type Ipv4Addr } from '../base/address.ts'
import { checksum } from '../base/checksum.ts'
import { below, type Rng } from '../base/rng.ts'
import { addMicros, type Micros, NEVER } from '../base/types.ts'
import { OutFrame } from '../link/link.ts'
import { IGMP_LEN, IgmpHeader, IgmpType } from '../wire/igmp.ts'
import { IPV4_HEADER_LEN, IpProtocol, Ipv4Header } from '../wire/ipv4.ts'
import { Ipv4OptionKind } from '../wire/ipv4-options.ts'
import { ALL_HOSTS } from './groups.ts'
import type { NetInterface } from './interface.ts'
import { type IpOutput, Route } from './output.ts'
import type { IpPacket, Transport } from './transport.ts'

/** RFC 2236 §8.10; the first report is sent again within this time, for it may be lost (§3). */
const UNSOLICITED_REPORT_INTERVAL = 10_000_000
const REPEATS = 1
/** RFC 2236 §4: what a query of an IGMPv1 router asks for. */
const V1_MAX_RESPONSE = 100
const TENTH = 100_000
const ALL_ROUTERS = 0xe0000002 as Ipv4Addr
const ROUTER_ALERT_LEN = 4
const HEADER_LEN = IPV4_HEADER_LEN + ROUTER_ALERT_LEN
const CHECKSUM = 10

interface Membership {
  readonly iface: NetInterface
  readonly group: Ipv4Addr
  reportAt: Micros
  /** Unsolicited reports still to follow. */
  repeats: number
  /** Whether the router last heard of the group from us: then it hears of our leaving too (RFC 2236 §3). */
  isReporter: boolean
}

/** Tells multicast routers which groups we listen to: IGMPv2 (RFC 2236). */
export class Igmp implements Transport {
  readonly protocol = IpProtocol.IGMP
  readonly #output: IpOutput
  readonly #rng: Rng
  readonly #memberships: Membership[] = []
  readonly #leaving: Membership[] = []
  readonly #igmp = new IgmpHeader()
  readonly #header = new Ipv4Header()
  readonly #frame = new OutFrame()

  constructor(output: IpOutput, rng: Rng) {
    this.#output = output
    this.#rng = rng
  }

  /** Begins to hear `group` on `iface`; each join needs its own leave. */
  join(iface: NetInterface, group: Ipv4Addr): void {
    if (!iface.groups.join(group) || group === ALL_HOSTS) return
    this.#memberships.push({ iface, group, reportAt: 0 as Micros, repeats: REPEATS, isReporter: false })
  }

  leave(iface: NetInterface, group: Ipv4Addr): void {
    if (!iface.groups.leave(group) || group === ALL_HOSTS) return
    const index = this.#memberships.findIndex((member) => member.iface === iface && member.group === group)
    const [membership] = this.#memberships.splice(index, 1)
    if (membership?.isReporter) this.#leaving.push(membership)
  }

  input(packet: IpPacket, now: Micros): string | undefined {
    const { frame, header, iface } = packet
    const igmp = this.#igmp
    const drop = igmp.parse(frame.bytes, frame.view, header.payloadAt, header.end)
    if (drop !== undefined) return drop
    for (const membership of this.#memberships) {
      if (membership.iface !== iface) continue
      if (igmp.type === IgmpType.QUERY) this.#onQuery(membership, now)
      else if (igmp.type === IgmpType.V1_REPORT || igmp.type === IgmpType.V2_REPORT) this.#onReport(membership)
    }
    return undefined
  }

  icmpError(): void {}

  poll(now: Micros): void {
    if (this.#leaving.length > 0) {
      for (const { iface, group } of this.#leaving) this.#send(iface, IgmpType.LEAVE, group, ALL_ROUTERS, now)
      this.#leaving.length = 0
    }
    for (const membership of this.#memberships) {
      if (membership.reportAt > now) continue
      this.#send(membership.iface, IgmpType.V2_REPORT, membership.group, membership.group, now)
      membership.isReporter = true
      const isLast = membership.repeats === 0
      membership.reportAt = isLast ? NEVER : addMicros(now, below(this.#rng, UNSOLICITED_REPORT_INTERVAL))
      if (!isLast) membership.repeats--
    }
  }

  pollAt(): Micros {
    if (this.#leaving.length > 0) return 0 as Micros
    let at: Micros = NEVER
    for (const { reportAt } of this.#memberships) if (reportAt < at) at = reportAt
    return at
  }

  /** RFC 2236 §3: answer after a random time, so that one host of many answers. */
  #onQuery(membership: Membership, now: Micros): void {
    const { group, maxResponse } = this.#igmp
    if (group !== IPV4_ANY && group !== membership.group) return
    const limit = (maxResponse === 0 ? V1_MAX_RESPONSE : maxResponse) * TENTH
    if (membership.reportAt <= addMicros(now, limit)) return
    membership.reportAt = addMicros(now, below(this.#rng, limit))
  }

  /** Somebody else told the router. */
  #onReport(membership: Membership): void {
    if (this.#igmp.group !== membership.group) return
    membership.reportAt = NEVER
    membership.isReporter = false
  }

  /** RFC 2236 §2: time to live 1, and a Router Alert option (RFC 2113). */
  #send(iface: NetInterface, type: number, group: Ipv4Addr, dst: Ipv4Addr, now: Micros): void {
    const frame = this.#frame
    const { bytes, view } = frame
    const src = iface.sourceFor(dst)
    if (src === undefined || !iface.isUp) return
    frame.reset()
    const igmp = this.#igmp
    igmp.type = type
    igmp.maxResponse = 0
    igmp.group = group
    igmp.write(bytes, view, frame.push(IGMP_LEN))
    const at = frame.push(HEADER_LEN)
    const header = this.#header
    header.totalLen = HEADER_LEN + IGMP_LEN
    header.dontFragment = true
    header.ttl = 1
    header.protocol = this.protocol
    header.src = src
    header.dst = dst
    const optionsAt = header.write(view, at)
    view.setUint8(at, 0x40 | (HEADER_LEN >>> 2))
    view.setUint8(optionsAt, Ipv4OptionKind.RA)
    view.setUint8(optionsAt + 1, ROUTER_ALERT_LEN)
    view.setUint16(optionsAt + 2, 0)
    view.setUint16(at + CHECKSUM, 0)
    view.setUint16(at + CHECKSUM, checksum(bytes, at, at + HEADER_LEN))
    this.#output.sendRaw(frame, new Route(this.#output.routes, iface, dst, dst, src), now)
  }
}
