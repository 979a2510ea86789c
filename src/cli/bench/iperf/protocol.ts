import { randomBytes } from 'node:crypto'

/** What one end of a test tells the other on the control connection, one signed byte each. */
export const State = {
  TEST_START: 1,
  TEST_RUNNING: 2,
  TEST_END: 4,
  PARAM_EXCHANGE: 9,
  CREATE_STREAMS: 10,
  SERVER_TERMINATE: 11,
  CLIENT_TERMINATE: 12,
  EXCHANGE_RESULTS: 13,
  DISPLAY_RESULTS: 14,
  IPERF_START: 15,
  IPERF_DONE: 16,
  ACCESS_DENIED: -1,
  SERVER_ERROR: -2,
} as const
export type State = (typeof State)[keyof typeof State]

const NAMES = new Map<number, string>(Object.entries(State).map(([name, code]) => [code, name]))

/** `TEST_END`, or the number of a state that is none. */
export const stateName = (state: number): string => NAMES.get(state) ?? `state ${state}`

export const DEFAULT_PORT = 5201

/** The most bytes of JSON that a peer may make us keep: parameters as iperf3 limits them, results of 256 streams. */
export const MAX_PARAMETERS = 8 * 1024
export const MAX_RESULTS = 256 * 1024

/** iperf3's own limits. */
export const MAX_STREAMS = 128
export const MAX_BLOCK = 1024 * 1024
export const MAX_WINDOW = 512 * 1024 * 1024
export const MAX_MSS = 32 * 1024 - 1
export const MAX_TIME = 86_400
export const MAX_OMIT = 600
export const MIN_DATAGRAM = 16
export const MAX_DATAGRAM = 65_507

/** What a client gets when it names nothing. */
export const TCP_BLOCK = 128 * 1024
export const UDP_BITRATE = 1024 * 1024
export const SECONDS = 10

/** The numbers that iperf3 gives to what can go wrong, as far as we send or explain them. */
export const Trouble = {
  DURATION: 5,
  STREAM_COUNT: 6,
  BLOCK_SIZE: 7,
  WINDOW: 8,
  MSS: 10,
  OMIT: 12,
  NOT_IMPLEMENTED: 13,
  UNKNOWN_MESSAGE: 110,
  PARAMETERS: 114,
  RESULTS: 117,
  NO_DATA: 144,
  TOO_LONG: 160,
  STREAMS_MISSING: 204,
} as const
export type Trouble = (typeof Trouble)[keyof typeof Trouble]

const EXPLANATIONS: Readonly<Record<number, string>> = {
  [Trouble.DURATION]: 'the duration is out of its limits',
  [Trouble.STREAM_COUNT]: 'it does not take so many parallel streams',
  [Trouble.BLOCK_SIZE]: 'it does not take blocks of that length',
  [Trouble.WINDOW]: 'it does not take a window of that size',
  [Trouble.MSS]: 'it does not take that maximum segment size',
  [Trouble.OMIT]: 'it does not take that time to omit',
  [Trouble.NOT_IMPLEMENTED]: 'it cannot do that kind of test',
  27: 'the bit rate is above its limit',
  37: 'the duration is above its limit',
  [Trouble.UNKNOWN_MESSAGE]: 'it does not understand what we say',
  [Trouble.PARAMETERS]: 'it does not understand our parameters',
  [Trouble.RESULTS]: 'it does not understand our results',
  134: 'it has no congestion control of that name',
  142: 'it asks for a user name and a password, which we have not',
  [Trouble.NO_DATA]: 'nothing arrived for too long',
  [Trouble.TOO_LONG]: 'the test took longer than announced',
  [Trouble.STREAMS_MISSING]: 'the streams did not arrive',
}

/** What a server means by the number it sends with SERVER_ERROR. */
export const explain = (code: number): string => EXPLANATIONS[code] ?? `error ${code}`

/** A test's secret name: 36 characters and a zero byte, which each of its connections says first. */
export const COOKIE_LENGTH = 37
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'

export function makeCookie(): Uint8Array {
  const cookie = new Uint8Array(COOKIE_LENGTH)
  randomBytes(COOKIE_LENGTH - 1).forEach((byte, i) => {
    cookie[i] = ALPHABET.charCodeAt(byte & 31)
  })
  return cookie
}

/** Whether a cookie may begin with that byte. What begins otherwise wants its bytes back: our echo service. */
export const beginsCookie = (byte: number): boolean => byte > 0x20 && byte < 0x7f

/** What the datagrams say by which a UDP stream begins, both ways. */
export const UDP_HELLO = Uint8Array.from('9876', (c) => c.charCodeAt(0))
export const UDP_WELCOME = Uint8Array.from('6789', (c) => c.charCodeAt(0))

/** What older servers answer with: 987654321, with its lowest byte first. */
const OLD_WELCOME = Uint8Array.of(0xb1, 0x68, 0xde, 0x3a)

export const isWelcome = (data: Uint8Array): boolean =>
  [UDP_WELCOME, OLD_WELCOME].some((each) => Buffer.compare(each, data) === 0)

/** What waits to be read or sent on a UDP socket of a test, in bytes, where no window is asked for. */
export const UDP_BUFFER = 4 * 1024 * 1024

/** The number of the stream that is opened as the `index`th, from 0 on; iperf3 leaves 2 out. */
export const streamId = (index: number): number => (index === 0 ? 1 : index + 2)
