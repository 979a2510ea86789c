import type { CongestionName } from '../../../tcp/congestion/control.ts'
import type { Measurement } from '../engine/measurement.ts'
import { TcpStream } from '../engine/tcp-stream.ts'
import type { Parameters } from './parameters.ts'
import { linuxName } from './parameters.ts'
import type { Results } from './results.ts'

/** What we tell the peer of a test that is over. */
export function resultsOf(measurement: Measurement, { protocol }: Parameters): Results {
  const { totals, seconds, cpu } = measurement
  const sender = totals.find(({ stream }) => stream.isSender && stream instanceof TcpStream)?.stream
  return {
    cpu,
    hasRetransmits: protocol === 'tcp' && totals.some(({ stream }) => stream.isSender),
    congestion: sender instanceof TcpStream ? linuxName(sender.socket.info().congestion as CongestionName) : undefined,
    streams: totals.map(({ stream, counts, omitted }) => ({
      id: stream.id,
      bytes: counts.bytes,
      retransmits: counts.retransmits,
      jitter: counts.jitter,
      lost: counts.lost + omitted.lost,
      omittedLost: omitted.lost,
      packets: counts.packets + omitted.packets,
      omittedPackets: omitted.packets,
      seconds,
    })),
  }
}
