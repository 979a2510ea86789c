import type { Ipv4Addr } from '../base/address.ts'
import { IPV4_ANY } from '../base/address.ts'
import type { ErrorCode, NetError } from '../base/errors.ts'
import type { Micros } from '../base/types.ts'
import type { InFrame } from '../link/link.ts'
import { IcmpCode } from '../wire/icmp.ts'
import type { Ipv4Header } from '../wire/ipv4.ts'
import type { NetInterface } from './interface.ts'

/**
 * A datagram that is for us, whole and valid up to its IP header.
 * The message is `frame.bytes[header.payloadAt, header.end)`. One object is used
 * again for every packet: keep neither it nor its parts beyond the call.
 */
export interface IpPacket {
  frame: InFrame
  header: Ipv4Header
  /** Where it came in. When `iface.shared`, the kernel answers for unknown ports and we keep silent. */
  iface: NetInterface
  /** Sent to more than us, at the link's level or at IP's: no reset and no ICMP error may answer it (RFC 1122 §3.2.2). */
  broadcast: boolean
}

/** A protocol above IP. */
export interface Transport {
  /** The protocol number in the IP header. */
  readonly protocol: number
  /** Takes one datagram; the drop reason when it is refused. */
  input(packet: IpPacket, now: Micros): string | undefined
  /**
   * Takes the news that a packet of ours met trouble. The quote is genuine in form only; the transport
   * checks that it belongs to a live flow (RFC 5927 §4) and, when it believes a "fragmentation needed",
   * calls `IpOutput.lowerPathMtu(error.dst, error.mtu, now)`.
   */
  icmpError(error: IcmpError, now: Micros): void
  /** An interface is gone: what can go no other way ends with this error. */
  interfaceGone?(error: NetError): void
  /** Runs timers and sends what may be sent. */
  poll(now: Micros): void
  pollAt(): Micros
}

export type IcmpErrorKind = 'unreachable' | 'time-exceeded' | 'parameter-problem'

/** An ICMP error about a packet of ours, or our own finding that no host answers (`local`). Reused: copy what is kept. */
export class IcmpError {
  kind: IcmpErrorKind = 'unreachable'
  code = 0
  /** For "fragmentation needed": the next hop's MTU, guessed from RFC 1191 §7.1's plateaus where the router gave none; else 0. */
  mtu = 0
  /** Who said so. */
  from: Ipv4Addr = IPV4_ANY
  /** True when no router said so: the neighbour did not answer our ARP requests. */
  local = false
  /** Of the quoted packet; `src` is ours. */
  protocol = 0
  src: Ipv4Addr = IPV4_ANY
  dst: Ipv4Addr = IPV4_ANY
  /** The first eight bytes of the quoted transport header; for an echo request `srcPort` is its id and `dstPort` its sequence. */
  srcPort = 0
  dstPort = 0
  /** Bytes 4 to 7 of the transport header as an unsigned number: TCP's sequence number. */
  seq = 0

  /** What a user sees (RFC 1122 §4.2.3.9): the code that fits best. */
  get errorCode(): ErrorCode {
    if (this.kind === 'time-exceeded') return 'EHOSTUNREACH'
    if (this.kind === 'parameter-problem') return 'EINVAL'
    switch (this.code) {
      case IcmpCode.NET_UNREACHABLE:
      case IcmpCode.NET_UNKNOWN:
      case IcmpCode.NET_UNREACHABLE_FOR_TOS:
        return 'ENETUNREACH'
      case IcmpCode.PROTOCOL_UNREACHABLE:
      case IcmpCode.PORT_UNREACHABLE:
        return 'ECONNREFUSED'
      case IcmpCode.FRAGMENTATION_NEEDED:
        return 'EMSGSIZE'
      case IcmpCode.NET_PROHIBITED:
      case IcmpCode.HOST_PROHIBITED:
      case IcmpCode.ADMIN_PROHIBITED:
        return 'EACCES'
      default:
        return 'EHOSTUNREACH'
    }
  }

  /** RFC 1122 §4.2.3.9: these say that the destination will not serve us, the others may pass. */
  get isHard(): boolean {
    return (
      this.kind === 'unreachable' &&
      (this.code === IcmpCode.PROTOCOL_UNREACHABLE || this.code === IcmpCode.PORT_UNREACHABLE)
    )
  }
}

/** What the IP and UDP layers ask of ICMP: an error about a packet that came in. Returns false when the rules forbid it. */
export interface ErrorSender {
  sendError(packet: IpPacket, type: number, code: number, parameter: number, now: Micros): boolean
}
