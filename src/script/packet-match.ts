import { checksum } from '../base/checksum.ts'
import { seqToU32 } from '../base/seq.ts'
import { ECN_MASK, EcnCodepoint, IpProtocol, Ipv4Header } from '../wire/ipv4.ts'
import { TcpFlag, TcpHeader } from '../wire/tcp.ts'
import { transportChecksumOk } from '../wire/transport-checksum.ts'
import type { Difference } from './call.ts'
import type { Connection } from './connection.ts'
import { decodeOptions, formatOption } from './packet-options.ts'
import { flagBits, flagLetters, formatPacket, formatTcp } from './packet-text.ts'
import type { OptionPart, PacketAction, TcpPart, TosPart } from './syntax.ts'
import { ArgumentError } from './values.ts'
import type { WirePacket } from './wire.ts'

/** How timestamps of ours are held against the script's. */
export interface TimestampRule {
  /** Microseconds of one tick; 0 leaves their values open. */
  readonly tick: number
  /** How far off one may be, in microseconds, or as a share of the time since the script began. */
  readonly micros: number
  readonly percent: number
}

/** A segment of the stack in the script's numbers. */
interface Seen {
  readonly part: Omit<TcpPart, 'kind' | 'ports'> & { readonly options: readonly OptionPart[] }
  readonly tos: number
  readonly ttl: number
  readonly headerLen: number
  /** What no packet may have: a wrong checksum, octets nobody wrote, unknown options. */
  readonly fault: string | undefined
}

/** The bits in which pieces of one packet of the script may differ. */
const LOOSE_FLAGS = TcpFlag.PSH | TcpFlag.FIN | TcpFlag.CWR
const NAMES: ReadonlyMap<number, string> = new Map([
  [EcnCodepoint.NOT_ECT, 'noecn'],
  [EcnCodepoint.ECT_0, 'ect0'],
  [EcnCodepoint.ECT_1, 'ect1'],
  [EcnCodepoint.CE, 'ce'],
])

/**
 * Holds packets of the stack against the one that the script expects; several are its pieces, alike but for their place.
 * Everything must be right that packetdrill looks at; what the script does not say is open where it is there, too. The
 * connection learns which of our timestamps the script means.
 */
export function matchPacket(
  packet: PacketAction,
  wire: readonly WirePacket[],
  connection: Connection,
  rule: TimestampRule & { readonly elapsed: number },
): Difference | undefined {
  const { body, ip } = packet
  if (body.kind !== 'tcp') throw new ArgumentError(`an expected ${body.kind} packet: only those of TCP are`)
  const pieces = wire.map((one) => read(one, connection))
  const whole = join(pieces)
  const wrong =
    pieces.map(({ fault }) => fault).find((fault) => fault !== undefined) ??
    piecesDiffer(pieces, body.length) ??
    (whole.part.length === body.length ? undefined : 'its length') ??
    headersDiffer(body, whole) ??
    tosDiffers(ip.tos, whole.tos) ??
    (ip.ttl === undefined || ip.ttl === whole.ttl ? undefined : 'its time to live') ??
    optionsDiffer(body.options, whole.part.options, connection, rule)
  if (wrong === undefined) return undefined
  const shown = pieces.map(({ part, tos }) => `[${NAMES.get(tos & ECN_MASK)}] ${formatTcp(part)}`).join(' and ')
  return { expected: formatPacket(packet), seen: `${shown}: ${wrong} is different` }
}

function read({ bytes, segmentSize }: WirePacket, connection: Connection): Seen {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const ip = new Ipv4Header()
  const tcp = new TcpHeader()
  ip.parse(view, 0, bytes.length)
  tcp.parse(view, ip.payloadAt, ip.end)
  const isSyn = (tcp.flags & TcpFlag.SYN) !== 0
  const hasAck = (tcp.flags & TcpFlag.ACK) !== 0
  const options = decodeOptions(bytes.subarray(tcp.optionsAt, tcp.payloadAt))
  const part = {
    flags: flagLetters(tcp.flags),
    seq: (seqToU32(tcp.seq) - connection.localOffset(isSyn)) >>> 0,
    length: tcp.payloadLen,
    ack: hasAck ? (seqToU32(tcp.ack) - connection.remoteOffset(isSyn)) >>> 0 : undefined,
    window: tcp.window,
    urgent: tcp.urgent,
    options: typeof options === 'string' ? [] : options.map((option) => toScript(option, connection, isSyn)),
  }
  const isReserved = (view.getUint8(ip.payloadAt + 12) & 15) !== 0
  const isWhole = segmentSize === 0 || tcp.payloadLen <= segmentSize
  const { src, dst, payloadAt, end } = ip
  let fault = typeof options === 'string' ? options : undefined
  if (checksum(bytes, 0, payloadAt) !== 0) fault ??= 'the checksum of its IP header'
  if (isWhole && !transportChecksumOk(bytes, src, dst, IpProtocol.TCP, payloadAt, end)) fault ??= 'its checksum'
  if (isReserved) fault ??= 'a reserved bit'
  if (bytes.subarray(tcp.payloadAt, ip.end).some((octet) => octet !== 0)) fault ??= 'its data'
  return { part, tos: ip.tos, ttl: ip.ttl, headerLen: ip.payloadAt, fault }
}

function toScript(option: OptionPart, connection: Connection, isSyn: boolean): OptionPart {
  if (option.kind !== 'sack') return option
  const offset = connection.remoteOffset(isSyn)
  return { ...option, blocks: option.blocks.map(([from, to]) => [(from - offset) >>> 0, (to - offset) >>> 0] as const) }
}

/** The one packet that the pieces stand for: the headers of the last, from where the first begins. */
function join(pieces: readonly Seen[]): Seen {
  const first = pieces[0]!
  const last = pieces.at(-1)!
  const length = pieces.reduce((sum, { part }) => sum + part.length, 0)
  const flags = flagLetters((flagBits(last.part.flags) & ~TcpFlag.CWR) | (flagBits(first.part.flags) & TcpFlag.CWR))
  return { ...last, part: { ...last.part, seq: first.part.seq, length, flags } }
}

/** Pieces follow upon each other and are of one size, but for the last. */
function piecesDiffer(pieces: readonly Seen[], wanted: number): string | undefined {
  let octets = 0
  for (let i = 0; i < pieces.length; i++) {
    const { part } = pieces[i]!
    const before = pieces[i - 1]?.part
    if (before !== undefined) {
      const flags = (flagBits(part.flags) ^ flagBits(before.flags)) & ~LOOSE_FLAGS
      const follows = part.seq === (before.seq + before.length) % 2 ** 32
      if (flags !== 0 || !follows || part.ack !== before.ack || part.window !== before.window) return 'a piece of it'
      if (part.length < wanted - octets && part.length !== before.length) return 'the size of a piece'
    }
    octets += part.length
  }
  return undefined
}

function headersDiffer(expected: TcpPart, seen: Seen): string | undefined {
  const { part } = seen
  if (seen.headerLen !== 20) return 'the length of its IP header'
  if (flagBits(expected.flags) !== flagBits(part.flags) || expected.flags.includes('A')) return 'a flag'
  if (expected.seq !== part.seq) return 'the sequence number'
  if ((expected.ack ?? 0) !== (part.ack ?? 0)) return 'the acknowledgment number'
  if (expected.window !== undefined && expected.window !== part.window) return 'the window'
  return (expected.urgent ?? 0) === (part.urgent ?? 0) ? undefined : 'the urgent pointer'
}

function tosDiffers(expected: TosPart | undefined, tos: number): string | undefined {
  if (expected === undefined) return undefined
  const codepoint = tos & ECN_MASK
  if (expected.kind === 'tos') return expected.value === tos ? undefined : 'the type of service'
  const isRight =
    expected.codepoint === 'ect01'
      ? codepoint === EcnCodepoint.ECT_0 || codepoint === EcnCodepoint.ECT_1
      : NAMES.get(codepoint) === expected.codepoint
  return isRight ? undefined : 'the ECN codepoint'
}

function optionsDiffer(
  expected: readonly OptionPart[] | 'any',
  seen: readonly OptionPart[],
  connection: Connection,
  rule: TimestampRule & { readonly elapsed: number },
): string | undefined {
  if (expected === 'any') return undefined
  for (let i = 0; i < Math.max(expected.length, seen.length); i++) {
    const want = expected[i]
    const have = seen[i]
    if (want === undefined || have === undefined || want.kind !== have.kind) return 'its options'
    if (want.kind === 'timestamp' && have.kind === 'timestamp') {
      const wrong = timestampDiffers(want, have, connection, rule)
      if (wrong !== undefined) return wrong
    } else if (formatOption(want) !== formatOption(have)) return `its option "${formatOption(have)}"`
  }
  return undefined
}

/** The peer's timestamp comes back as it is; ours have a clock of their own, which the script's first one sets. */
function timestampDiffers(
  want: { val: number; ecr: number },
  have: { val: number; ecr: number },
  connection: Connection,
  rule: TimestampRule & { readonly elapsed: number },
): string | undefined {
  connection.sawTimestamp(want.val, have.val)
  if (want.ecr !== have.ecr) return 'the timestamp it echoes'
  const off = Math.abs((connection.scriptTimestamp(have.val) - want.val) | 0) * rule.tick
  const allowed = Math.max(rule.micros, (rule.percent / 100) * rule.elapsed)
  return off > allowed ? `its timestamp, on the script's clock ${connection.scriptTimestamp(have.val)},` : undefined
}
