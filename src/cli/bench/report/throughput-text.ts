import type { Interval, StreamInterval, StreamTotal } from '../engine/measurement.ts'
import type { Observer, TestEnd, TestStart } from '../engine/observer.ts'
import type { StreamResult } from '../iperf/results.ts'
import { bitrate, span, transfer } from './units.ts'

const LINE = '- - - - - - - - - - - - - - - - - - - - - - - - -'

/** What one row says; undefined leaves its column empty. */
interface Row {
  readonly id: number | 'SUM'
  readonly role: string
  readonly from: number
  readonly to: number
  readonly bytes: number
  readonly retransmits?: number | undefined
  readonly cwnd?: number | undefined
  readonly jitter?: number | undefined
  readonly lost?: number | undefined
  readonly packets?: number | undefined
  readonly note?: string
}

function rowText({ id, role, from, to, bytes, retransmits, cwnd, jitter, lost, packets, note = '' }: Row): string {
  const label = typeof id === 'number' ? `[${String(id).padStart(3)}]` : `[${id}]`
  const head = `${label}${role} ${span(from, to)}  ${transfer(bytes)}  ${bitrate(bytes, to - from)}`
  if (packets !== undefined) {
    if (jitter === undefined) return `${head}  ${packets}  ${note}`.trimEnd()
    const share = packets > 0 ? Number(((100 * (lost ?? 0)) / packets).toPrecision(2)) : 0
    return `${head}  ${(jitter * 1000).toFixed(3)} ms  ${lost}/${packets} (${share}%)  ${note}`.trimEnd()
  }
  if (retransmits === undefined) return `${head}                  ${note}`.trimEnd()
  const window = cwnd === undefined ? '            ' : `   ${transfer(cwnd)}       `
  return `${head}  ${String(retransmits).padStart(3)}${window}${note}`.trimEnd()
}

/** Prints tests in iperf3's own layout. */
export class ThroughputText implements Observer {
  readonly #print: (line: string) => void
  #needsHeader = true

  constructor(print: (line: string) => void) {
    this.#print = print
  }

  onStart(start: TestStart): void {
    for (const { number, local, localPort, remote, remotePort } of start.streams) {
      const label = `[${String(number).padStart(3)}]`
      this.#print(`${label} local ${local} port ${localPort} connected to ${remote} port ${remotePort}`)
    }
    this.#needsHeader = true
  }

  onInterval(start: TestStart, interval: Interval): void {
    const { streams, from, to, isOmitted } = interval
    if (this.#needsHeader) this.#print(header(start, true))
    else if (streams.length > 1) this.#print(LINE)
    this.#needsHeader = false
    const note = isOmitted ? '(omitted)' : ''
    for (const each of streams) {
      const { stream, bytes, retransmits, cwnd } = each
      const row = { id: stream.number, role: roleOf(start, stream.isSender), from, to, bytes, retransmits, cwnd, note }
      this.#print(rowText({ ...row, ...datagramsOf(start, each) }))
    }
    for (const isSender of [true, false]) {
      const members = streams.filter(({ stream }) => stream.isSender === isSender)
      if (members.length < 2) continue
      const row = { id: 'SUM', role: roleOf(start, isSender), from, to, note, ...sumOf(start, members) } as const
      this.#print(rowText(row))
    }
  }

  onEnd({ start, measurement, theirs }: TestEnd): void {
    const { totals, seconds } = measurement
    this.#print(LINE)
    this.#print(header(start, false))
    const results = new Map(theirs?.streams.map((each) => [each.id, each]))
    const rows = totals.map((total) => endRows(start, total, seconds, results.get(total.stream.id)))
    for (const pair of rows) for (const row of pair) this.#print(rowText(row))
    for (const isSender of [true, false]) {
      const members = rows.filter((_, i) => totals[i]!.stream.isSender === isSender)
      if (members.length < 2) continue
      for (const i of members[0]!.keys()) this.#print(rowText(totalRow(members.map((pair) => pair[i]!))))
    }
  }
}

/** The sender's row and the receiver's, as far as they are known. */
function endRows(start: TestStart, total: StreamTotal, seconds: number, theirs: StreamResult | undefined): Row[] {
  const { stream, counts, omitted } = total
  const isUdp = start.parameters.protocol === 'udp'
  const role = roleOf(start, stream.isSender)
  const base = { id: stream.number, role, from: 0 }
  const ours: Row = {
    ...base,
    to: seconds,
    bytes: counts.bytes,
    ...(isUdp
      ? { packets: counts.packets, jitter: counts.jitter, lost: counts.lost }
      : { retransmits: counts.retransmits }),
    note: stream.isSender ? 'sender' : 'receiver',
  }
  if (theirs === undefined) return [ours]
  const other: Row = {
    ...base,
    to: theirs.seconds || seconds,
    bytes: theirs.bytes,
    ...(isUdp
      ? {
          packets:
            (stream.isSender ? theirs.packets : theirs.packets || counts.packets + omitted.packets) -
            theirs.omittedPackets,
          jitter: theirs.jitter,
          lost: theirs.lost - theirs.omittedLost,
        }
      : { retransmits: stream.isSender ? undefined : theirs.retransmits }),
    note: stream.isSender ? 'receiver' : 'sender',
  }
  return stream.isSender ? [ours, other] : [other, ours]
}

function totalRow(rows: readonly Row[]): Row {
  const first = rows[0]!
  const sum = (field: 'bytes' | 'retransmits' | 'lost' | 'packets'): number =>
    rows.reduce((total, row) => total + (row[field] ?? 0), 0)
  return {
    ...first,
    id: 'SUM',
    to: Math.max(...rows.map((row) => row.to)),
    bytes: sum('bytes'),
    ...(first.retransmits === undefined ? {} : { retransmits: sum('retransmits') }),
    ...(first.packets === undefined
      ? {}
      : {
          packets: sum('packets'),
          lost: sum('lost'),
          jitter: rows.reduce((total, row) => total + (row.jitter ?? 0), 0) / rows.length,
        }),
  }
}

function sumOf(
  start: TestStart,
  members: readonly StreamInterval[],
): Pick<Row, 'bytes' | 'retransmits' | 'packets' | 'lost' | 'jitter'> {
  const sum = (field: 'bytes' | 'packets' | 'lost' | 'jitter'): number =>
    members.reduce((total, each) => total + each[field], 0)
  const isSender = members[0]!.stream.isSender
  if (start.parameters.protocol === 'udp') {
    const received = isSender ? {} : { lost: sum('lost'), jitter: sum('jitter') / members.length }
    return { bytes: sum('bytes'), packets: sum('packets'), ...received }
  }
  const retransmits = isSender ? members.reduce((total, each) => total + (each.retransmits ?? 0), 0) : undefined
  return { bytes: sum('bytes'), retransmits }
}

function datagramsOf({ parameters }: TestStart, { stream, packets, lost, jitter }: StreamInterval): Partial<Row> {
  if (parameters.protocol !== 'udp') return {}
  return stream.isSender ? { packets } : { packets, lost, jitter }
}

/** `[TX-C]`, where streams of both directions stand in one table. */
function roleOf({ role, parameters }: TestStart, isSender: boolean): string {
  if (!parameters.bidirectional) return ''
  return `[${isSender ? 'TX' : 'RX'}-${role === 'client' ? 'C' : 'S'}]`
}

function header({ parameters, streams }: TestStart, isInterval: boolean): string {
  const both = parameters.bidirectional
  const head = `[ ID]${both ? '[Role]' : ''} Interval           Transfer     Bitrate`
  const isSending = streams.some(({ isSender }) => isSender)
  if (parameters.protocol === 'udp') {
    if (isInterval && isSending && !both) return `${head}         Total Datagrams`
    return `${head}         Jitter    Lost/Total Datagrams`
  }
  if (isInterval) return isSending ? `${head}         Retr  Cwnd` : head
  return `${head}         Retr`
}
