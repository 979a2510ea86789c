import type { Output } from '../../output.ts'
import type { Interval } from '../engine/measurement.ts'
import type { Observer, TestEnd, TestStart } from '../engine/observer.ts'
import type { Stream } from '../engine/stream.ts'

const rate = (bytes: number, seconds: number): number => (seconds > 0 ? (bytes * 8) / seconds : 0)
const ms = (seconds: number): number => Math.round(seconds * 1e6) / 1000

const about = ({ number, isSender }: Stream) => ({ stream: number, sender: isSender })

/** Tests as records for a program. */
export class ThroughputRecords implements Observer {
  readonly #output: Output

  constructor(output: Output) {
    this.#output = output
  }

  onStart({ role, peer, peerPort, parameters, streams }: TestStart): void {
    const { protocol, time, bytes, omit, parallel, reverse, bidirectional, length, bitrate } = parameters
    this.#output.record('start', {
      role,
      peer,
      peer_port: peerPort,
      protocol,
      duration_ms: ms(time),
      bytes,
      omit_ms: ms(omit),
      parallel,
      reverse,
      bidirectional,
      block_bytes: length,
      target_bps: bitrate,
      congestion: parameters.congestion ?? null,
      window_bytes: parameters.window ?? null,
      mss: parameters.mss ?? null,
      streams: streams.map((stream) => ({
        ...about(stream),
        local: stream.local,
        local_port: stream.localPort,
        remote: stream.remote,
        remote_port: stream.remotePort,
      })),
    })
  }

  onInterval({ parameters }: TestStart, { from, to, isOmitted, streams }: Interval): void {
    const isUdp = parameters.protocol === 'udp'
    this.#output.record('interval', {
      from_ms: ms(from),
      to_ms: ms(to),
      omitted: isOmitted,
      streams: streams.map(({ stream, bytes, retransmits, cwnd, rtt, packets, lost, jitter }) => ({
        ...about(stream),
        bytes,
        bitrate_bps: rate(bytes, to - from),
        ...(retransmits === undefined ? {} : { retransmits, cwnd_bytes: cwnd, rtt_ms: rtt }),
        ...(isUdp ? { packets, ...(stream.isSender ? {} : { lost, jitter_ms: ms(jitter) }) } : {}),
      })),
    })
  }

  onEnd({ start, measurement, theirs }: TestEnd): void {
    const { seconds, cpu, totals } = measurement
    const isUdp = start.parameters.protocol === 'udp'
    const streams = totals.map(({ stream, counts }) => {
      const other = theirs?.streams.find(({ id }) => id === stream.id)
      const [sender, receiver] = stream.isSender ? [counts, other] : [other, counts]
      const senderSeconds = stream.isSender ? seconds : (other?.seconds ?? seconds)
      const receiverSeconds = stream.isSender ? (other?.seconds ?? seconds) : seconds
      return {
        ...about(stream),
        sent_bytes: sender?.bytes ?? null,
        received_bytes: receiver?.bytes ?? null,
        sent_bps: sender === undefined ? null : rate(sender.bytes, senderSeconds),
        received_bps: receiver === undefined ? null : rate(receiver.bytes, receiverSeconds),
        retransmits: sender?.retransmits ?? null,
        ...(isUdp
          ? {
              packets: receiver?.packets ?? counts.packets,
              lost: receiver?.lost ?? null,
              jitter_ms: receiver === undefined ? null : ms(receiver.jitter),
            }
          : {}),
      }
    })
    const sum = (field: 'sent_bps' | 'received_bps', isSender: boolean): number =>
      streams.filter(({ sender }) => sender === isSender).reduce((total, each) => total + (each[field] ?? 0), 0)
    this.#output.record('summary', {
      complete: theirs !== undefined,
      time_ms: ms(seconds),
      streams,
      out_bps: theirs === undefined ? sum('sent_bps', true) : sum('received_bps', true),
      in_bps: sum('received_bps', false),
      cpu_percent: cpu[0],
      peer_cpu_percent: theirs?.cpu[0] ?? null,
    })
  }
}
