import type { Probe, ProbeEvent } from '../base/probe.ts'

/** The first line of a series. */
export const SERIES_HEADER = 'time_s,host,connection,cwnd,ssthresh,flight,srtt_ms,rto_ms'

const ms = (value: ProbeEvent[string]): string => (typeof value === 'number' ? (value / 1000).toFixed(3) : '')
const plain = (value: ProbeEvent[string]): string => (value === null || value === undefined ? '' : `${value}`)

/**
 * A probe that writes how congestion control goes, as CSV with a header: one line for each change of a connection's
 * window, threshold, flight or timer. Sizes are bytes; what is not known yet is empty.
 */
export function tcpSeries(write: (line: string) => void): Probe {
  const last = new Map<string, string>()
  write(`${SERIES_HEADER}\n`)
  return (event) => {
    if (event['conn'] === undefined) return
    const { node, conn, state, cwnd, ssthresh, srtt_us, rto_us, una, nxt } = event
    const key = `${node},${conn}`
    const flight = Number(nxt) - Number(una)
    const values = `${plain(cwnd)},${plain(ssthresh)},${flight},${ms(srtt_us)},${ms(rto_us)}`
    if (last.get(key) === values) return
    if (state === 'CLOSED' || state === 'TIME-WAIT') last.delete(key)
    else last.set(key, values)
    write(`${(event.t_us / 1e6).toFixed(6)},${key},${values}\n`)
  }
}
