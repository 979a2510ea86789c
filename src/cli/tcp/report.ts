import type { TcpInfo } from '../../tcp/info.ts'
import { formatBytes, formatMs, formatRate } from '../units.ts'
import type { Traffic } from './pump.ts'

/** `1.25 MiB (1310720 bytes)`; small amounts are exact as they are. */
const exactBytes = (bytes: number): string =>
  bytes < 1024 ? `${bytes} bytes` : `${formatBytes(bytes)} (${bytes} bytes)`

export const bitRate = (bytes: number, seconds: number): string => formatRate(seconds > 0 ? (bytes * 8) / seconds : 0)

export const seconds = (value: number): string => `${value.toFixed(value < 10 ? 3 : 1)} s`

/** What came of a connection, in two lines. */
export function endReport({ sent, received }: Traffic, duration: number, info: TcpInfo): readonly string[] {
  const retransmits = `${info.retrans} retransmit${info.retrans === 1 ? '' : 's'}`
  return [
    `sent ${exactBytes(sent)}, received ${exactBytes(received)} in ${seconds(duration)}`,
    `goodput ${bitRate(sent, duration)} out, ${bitRate(received, duration)} in; ${retransmits}, ` +
      `srtt ${formatMs(info.rtt)}, min RTT ${formatMs(info.minrtt)}, cwnd ${info.cwnd}`,
  ]
}

/** What is known of a transfer that did not come to its end. */
export const incompleteReport = (info: TcpInfo): string =>
  `the transfer is not complete: the peer acknowledged ${exactBytes(info.bytes_acked)}`

/** The same for a program to read. */
export const reportRecord = ({ sent, received }: Traffic, duration: number, info: TcpInfo) => ({
  local: info.local,
  local_port: info.localPort,
  remote: info.remote,
  remote_port: info.remotePort,
  sent_bytes: sent,
  received_bytes: received,
  acked_bytes: info.bytes_acked,
  time_ms: duration * 1000,
  goodput_out_bps: duration > 0 ? (sent * 8) / duration : 0,
  goodput_in_bps: duration > 0 ? (received * 8) / duration : 0,
  retransmits: info.retrans,
  timeouts: info.timeouts,
  srtt_ms: info.rtt,
  min_rtt_ms: info.minrtt,
  cwnd: info.cwnd,
  mss: info.mss,
  fast_open: info.fastopen,
})
