import { getSocketOption, SocketOption } from '../driver/socket-option.ts'

/** What the kernel knows of a connection's way to its peer. Times are microseconds, sizes octets, rates octets a second. */
export interface PipeInfo {
  /** Smoothed round trip, how much it varies, and the shortest of the last minutes. */
  readonly rtt: number
  readonly rttVar: number
  readonly minRtt: number
  /** The latest that was measured; 0 before anything was. */
  readonly deliveryRate: number
  /** Written, and not sent for the first time. */
  readonly notSent: number
  /** Sent, and not acknowledged. */
  readonly unacked: number
  /** Segments sent again, ever. */
  readonly retransmits: number
}

/** Places in struct tcp_info (linux/tcp.h); it only ever grows at its end. */
const At = {
  SND_MSS: 16,
  UNACKED: 24,
  RTT: 68,
  RTTVAR: 72,
  TOTAL_RETRANS: 100,
  NOTSENT_BYTES: 144,
  MIN_RTT: 148,
  DELIVERY_RATE: 160,
} as const
/** Linux 4.9 has all of the above. */
const LEAST_LENGTH = 168
const MAX_LENGTH = 256
const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

/** Of a kernel's TCP socket; undefined where the kernel is older than 4.9. @throws {NetError} as `getSocketOption`. */
export function readTcpInfo(descriptor: number): PipeInfo | undefined {
  const bytes = getSocketOption(descriptor, SocketOption.TCP_INFO, MAX_LENGTH)
  if (bytes.length < LEAST_LENGTH) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const at = (place: number): number => view.getUint32(place, LITTLE_ENDIAN)
  return {
    rtt: at(At.RTT),
    rttVar: at(At.RTTVAR),
    minRtt: at(At.MIN_RTT),
    deliveryRate: Number(view.getBigUint64(At.DELIVERY_RATE, LITTLE_ENDIAN)),
    notSent: at(At.NOTSENT_BYTES),
    // The kernel counts segments; the last may be shorter.
    unacked: at(At.UNACKED) * at(At.SND_MSS),
    retransmits: at(At.TOTAL_RETRANS),
  }
}
