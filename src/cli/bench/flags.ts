import { CONGESTION_CONTROLS } from '../../tcp/congestion/control.ts'
import { NETWORK_FLAGS } from '../args.ts'
import { type Args, bool, type Flags, value, valueOr } from '../command.ts'
import { UsageError } from '../exit.ts'
import { BYTES, choice, integer, type Kind, PORT, RATE, SECONDS, TEXT } from '../kind.ts'
import { HOST } from '../network/host-name.ts'
import { linuxName, type Parameters } from './iperf/parameters.ts'
import {
  DEFAULT_PORT,
  MAX_BLOCK,
  MAX_DATAGRAM,
  MAX_MSS,
  MAX_OMIT,
  MAX_STREAMS,
  MAX_TIME,
  MAX_WINDOW,
  MIN_DATAGRAM,
  TCP_BLOCK,
  UDP_BITRATE,
  SECONDS as USUAL_SECONDS,
} from './iperf/protocol.ts'

const MODE = 'What to measure'
const HOW = 'How'

/** A bit rate, or 0 for no limit. */
const BITRATE: Kind<number> = {
  ...RATE,
  expects: 'a rate in bits per second such as 10M or 1G; 0 is no limit',
  parse: (text) => (text === '0' ? 0 : RATE.parse(text)),
}

const seconds = (most: number): Kind<number> => ({
  ...SECONDS,
  expects: `a number of seconds such as 1 or 0.5, at most ${most}`,
  parse: (text) => {
    const found = SECONDS.parse(text)
    return found !== undefined && found <= most ? found : undefined
  },
})

const bytes = (least: number, most: number): Kind<number> => ({
  ...BYTES,
  expects: `a number of bytes from ${least} to ${most}, such as 64K`,
  parse: (text) => {
    const found = BYTES.parse(text)
    return found !== undefined && found >= least && found <= most ? found : undefined
  },
})

export const FLAGS = {
  against: value(
    { ...TEXT, placeholder: 'HOST' },
    { short: 'c', summary: 'measure against this server; also without the flag', group: MODE },
  ),
  server: bool({ short: 's', summary: 'be the server, of iperf3 clients as well', group: MODE }),
  latency: bool({ summary: 'measure request and answer on connections that stay', group: MODE }),
  connections: bool({ summary: 'measure connect, request, answer and close, again and again', group: MODE }),
  reverse: bool({ short: 'R', summary: 'the server sends', group: MODE }),
  bidir: bool({ summary: 'both send at once', group: MODE }),
  udp: bool({ short: 'u', summary: 'datagrams instead of TCP, with their losses and their jitter', group: MODE }),
  iperf3: bool({
    summary:
      "keep to what iperf3 itself can do: a server that echoes nothing; the client's protocol is iperf3's anyway",
    group: MODE,
  }),
  port: valueOr(PORT, DEFAULT_PORT, { short: 'p', summary: 'the port of the server', group: HOW }),
  time: value(seconds(MAX_TIME), {
    short: 't',
    summary: `how long to measure; 0 until Ctrl-C (default ${USUAL_SECONDS})`,
    group: HOW,
  }),
  bytes: value(BYTES, { short: 'n', summary: 'measure until so many bytes have arrived, instead', group: HOW }),
  requests: value(integer('N', 1), { summary: 'with --latency or --connections: as many, instead', group: HOW }),
  omit: valueOr(seconds(MAX_OMIT), 0, {
    short: 'O',
    summary: 'seconds at the beginning that do not count',
    group: HOW,
  }),
  parallel: valueOr(integer('N', 1, MAX_STREAMS), 1, {
    short: 'P',
    summary: 'so many connections at once',
    group: HOW,
  }),
  interval: valueOr(seconds(MAX_TIME), 1, { summary: 'seconds between the rows of the table; 0 for none', group: HOW }),
  length: value(bytes(1, MAX_BLOCK), {
    short: 'l',
    summary: 'bytes of each write (default 128K), datagram (what fits a packet) or request (1)',
    group: HOW,
  }),
  bitrate: value(BITRATE, { short: 'b', summary: 'send no more than this on each stream (UDP: 1M)', group: HOW }),
  window: value(bytes(2048, MAX_WINDOW), {
    short: 'w',
    summary: "each connection's buffers, at both ends",
    group: HOW,
  }),
  mss: value(integer('BYTES', 88, MAX_MSS), { short: 'M', summary: 'no larger segments, either way', group: HOW }),
  'no-delay': bool({ short: 'N', summary: 'send small pieces at once (no Nagle)', group: HOW }),
  congestion: value(choice(...CONGESTION_CONTROLS), {
    short: 'C',
    summary: 'congestion control of who sends (default: cubic here, its own at the server)',
    group: HOW,
  }),
  'connect-timeout': value(SECONDS, { summary: 'give up connecting after this time', group: HOW }),
  once: bool({ short: '1', summary: 'with --server: serve one test, then end', group: HOW }),
  ...NETWORK_FLAGS,
} satisfies Flags

export type BenchArgs = Args<typeof FLAGS>

/** Flags that a server leaves to its clients. */
const CLIENTS_OWN = [
  'against',
  'latency',
  'connections',
  'reverse',
  'bidir',
  'udp',
  'time',
  'bytes',
  'requests',
  'length',
  'bitrate',
  'window',
  'mss',
  'no-delay',
  'congestion',
  'connect-timeout',
] as const
/** Flags of throughput only. */
const THROUGHPUTS_OWN = ['reverse', 'bidir', 'udp', 'bytes', 'bitrate', 'iperf3'] as const

/** Refuses what makes no sense together. @throws UsageError */
export function checkFlags(args: BenchArgs): void {
  const given = (names: readonly (keyof BenchArgs)[]): string | undefined =>
    names.find((name) => args[name] !== undefined && args[name] !== false)
  const exclude = (...names: readonly (keyof BenchArgs)[]): void => {
    const both = names.filter((name) => given([name]) !== undefined)
    if (both.length > 1) throw new UsageError(`${both.map((name) => `--${name}`).join(' and ')} exclude each other`)
  }
  exclude('latency', 'connections')
  exclude('reverse', 'bidir')
  exclude('time', 'bytes')
  exclude('time', 'requests')
  const isRounds = args.latency || args.connections
  const wrong = isRounds ? given(THROUGHPUTS_OWN) : given(['requests'])
  if (args.server) {
    const own = given(CLIENTS_OWN)
    if (own !== undefined)
      throw new UsageError(`--${own} is for the client to say`, 'a server does what its clients ask')
  } else if (isRounds && wrong !== undefined) {
    throw new UsageError(`--${wrong} does not go with --${args.latency ? 'latency' : 'connections'}`)
  } else if (wrong !== undefined) throw new UsageError(`--${wrong} needs --latency or --connections`)
  else if (args.once) throw new UsageError('--once needs --server')
  if (args.udp) {
    const { length = MIN_DATAGRAM } = args
    if (length < MIN_DATAGRAM || length > MAX_DATAGRAM) {
      throw new UsageError(`--length: a datagram of UDP takes ${MIN_DATAGRAM} to ${MAX_DATAGRAM} bytes`)
    }
    const tcpOnly = given(['mss', 'no-delay', 'congestion'])
    if (tcpOnly !== undefined) throw new UsageError(`--${tcpOnly} does not go with --udp`)
  }
}

/** Whom to measure against: `--against HOST`, `HOST`, or `HOST:PORT`; undefined when nobody is named. @throws UsageError */
export function readTarget({ against, port, _: [word] }: BenchArgs): { host: string; port: number } | undefined {
  if (against !== undefined && word !== undefined) throw new UsageError(`two servers: ${against} and ${word}`)
  const text = against ?? word
  if (text === undefined) return undefined
  const [host = '', attached, ...rest] = text.split(':')
  const chosen = attached === undefined ? port : PORT.parse(attached)
  if (rest.length > 0 || HOST.parse(host) === undefined) throw new UsageError(`"${text}" is not ${HOST.expects}`)
  if (chosen === undefined) throw new UsageError(`"${attached}" is not ${PORT.expects}`)
  return { host, port: chosen }
}

/** How long to measure, in seconds; 0 when something else ends it, or nothing. */
export const timeOf = ({ time, bytes: total, requests }: BenchArgs): number =>
  time ?? (total === undefined && requests === undefined ? USUAL_SECONDS : 0)

/** The flags as a test of iperf3's. */
export function parametersOf(args: BenchArgs): Parameters {
  const { udp, bytes: total, omit, parallel, reverse, bidir, length, bitrate, mss, window, congestion } = args
  return {
    protocol: udp ? 'udp' : 'tcp',
    time: timeOf(args),
    bytes: total ?? 0,
    omit,
    parallel,
    reverse,
    bidirectional: bidir,
    length: length ?? (udp ? 0 : TCP_BLOCK),
    bitrate: bitrate ?? (udp ? UDP_BITRATE : 0),
    mss,
    window,
    noDelay: args['no-delay'],
    congestion: congestion === undefined ? undefined : linuxName(congestion),
    tos: 0,
    wideCounters: udp,
  }
}
