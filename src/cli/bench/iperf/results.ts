import { isObject, type JsonObject, numberOf } from './json.ts'

/** What one end counted of a stream. */
export interface StreamResult {
  readonly id: number
  /** Sent or received, whichever that end did. */
  readonly bytes: number
  /** Undefined where that end does not know. */
  readonly retransmits: number | undefined
  /** Seconds. */
  readonly jitter: number
  /** Datagrams that did not arrive, and how many of those in the time that was omitted. */
  readonly lost: number
  readonly omittedLost: number
  readonly packets: number
  readonly omittedPackets: number
  readonly seconds: number
}

/** What one end tells the other when a test is over. */
export interface Results {
  /** Share of one processor in per cent: in all, in the program, in the system. */
  readonly cpu: readonly [total: number, user: number, system: number]
  readonly hasRetransmits: boolean
  readonly congestion: string | undefined
  readonly streams: readonly StreamResult[]
}

export const encodeResults = ({ cpu, hasRetransmits, congestion, streams }: Results): JsonObject => ({
  cpu_util_total: cpu[0],
  cpu_util_user: cpu[1],
  cpu_util_system: cpu[2],
  sender_has_retransmits: hasRetransmits ? 1 : -1,
  ...(congestion === undefined ? {} : { congestion_used: congestion }),
  streams: streams.map((stream) => ({
    id: stream.id,
    bytes: stream.bytes,
    retransmits: stream.retransmits ?? -1,
    jitter: stream.jitter,
    errors: stream.lost,
    omitted_errors: stream.omittedLost,
    packets: stream.packets,
    omitted_packets: stream.omittedPackets,
    start_time: 0,
    end_time: stream.seconds,
  })),
})

/** The peer's results, or undefined when they make no sense. Streams of other ids than `ids` are refused. */
export function decodeResults(object: JsonObject, ids: ReadonlySet<number>): Results | undefined {
  const { streams } = object
  if (!Array.isArray(streams) || streams.length > ids.size) return undefined
  const decoded = streams.map(decodeStream)
  if (decoded.some((stream) => stream === undefined || !ids.has(stream.id))) return undefined
  const share = (name: string): number => Math.max(0, numberOf(object, name) ?? 0)
  const congestion = object['congestion_used']
  return {
    cpu: [share('cpu_util_total'), share('cpu_util_user'), share('cpu_util_system')],
    hasRetransmits: (numberOf(object, 'sender_has_retransmits') ?? -1) > 0,
    congestion: typeof congestion === 'string' ? congestion.slice(0, 32) : undefined,
    streams: decoded as StreamResult[],
  }
}

function decodeStream(value: unknown): StreamResult | undefined {
  if (!isObject(value)) return undefined
  const number = (name: string): number => Math.max(0, numberOf(value, name) ?? 0)
  const id = numberOf(value, 'id')
  if (id === undefined || numberOf(value, 'bytes') === undefined) return undefined
  const retransmits = numberOf(value, 'retransmits') ?? -1
  return {
    id,
    bytes: number('bytes'),
    retransmits: retransmits < 0 ? undefined : retransmits,
    jitter: number('jitter'),
    lost: number('errors'),
    omittedLost: number('omitted_errors'),
    packets: number('packets'),
    omittedPackets: number('omitted_packets'),
    seconds: Math.max(0, number('end_time') - number('start_time')),
  }
}
