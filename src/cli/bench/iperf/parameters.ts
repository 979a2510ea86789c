import { CONGESTION_CONTROLS, type CongestionName } from '../../../tcp/congestion/control.ts'
import type { TcpOptionsInit } from '../../../tcp/settings.ts'
import { nearestTcpOptions } from '../../../tcp/settings.ts'
import { type JsonObject, numberOf } from './json.ts'
import {
  MAX_BLOCK,
  MAX_DATAGRAM,
  MAX_MSS,
  MAX_OMIT,
  MAX_STREAMS,
  MAX_TIME,
  MAX_WINDOW,
  MIN_DATAGRAM,
  TCP_BLOCK,
  Trouble,
} from './protocol.ts'

/** What a test is to be: chosen by the client, told to the server. */
export interface Parameters {
  readonly protocol: 'tcp' | 'udp'
  /** Seconds, of which a server sees whole ones; 0 when bytes end the test, or nothing does. */
  readonly time: number
  /** Bytes of all streams together that end the test; 0 for no such end. */
  readonly bytes: number
  /** Seconds at the beginning that do not count. */
  readonly omit: number
  /** Streams each way. */
  readonly parallel: number
  /** The server sends; with `bidirectional` both do. */
  readonly reverse: boolean
  readonly bidirectional: boolean
  /** Bytes of each write, or of each datagram. */
  readonly length: number
  /** Bits per second of each stream; 0 for as many as there can be. */
  readonly bitrate: number
  readonly mss: number | undefined
  /** Bytes of each socket's buffers. */
  readonly window: number | undefined
  readonly noDelay: boolean
  /** As Linux names it. */
  readonly congestion: string | undefined
  readonly tos: number
  /** Datagrams are numbered with 64 bits instead of 32. */
  readonly wideCounters: boolean
}

/** What kinds of streams a test has, seen from one end. */
export const streamsOf = ({ parallel, reverse, bidirectional }: Parameters, role: 'client' | 'server') => {
  const down = bidirectional || reverse ? parallel : 0
  const up = bidirectional || !reverse ? parallel : 0
  return role === 'client' ? { sending: up, receiving: down } : { sending: down, receiving: up }
}

export function encodeParameters(parameters: Parameters): JsonObject {
  const { protocol, time, bytes, mss, window, bitrate, congestion, tos } = parameters
  return {
    [protocol]: true,
    omit: Math.ceil(parameters.omit),
    time: Math.ceil(time),
    num: bytes,
    blockcount: 0,
    ...(mss === undefined ? {} : { MSS: mss }),
    ...(parameters.noDelay ? { nodelay: true } : {}),
    parallel: parameters.parallel,
    ...(parameters.reverse ? { reverse: true } : {}),
    ...(parameters.bidirectional ? { bidirectional: true } : {}),
    ...(window === undefined ? {} : { window }),
    len: parameters.length,
    ...(bitrate === 0 ? {} : { bandwidth: bitrate }),
    pacing_timer: 1000,
    ...(congestion === undefined ? {} : { congestion }),
    ...(tos === 0 ? {} : { TOS: tos }),
    ...(parameters.wideCounters ? { udp_counters_64bit: 1 } : {}),
    client_version: '3.17',
  }
}

/** What a client asks for, or the trouble with it. Lacking fields get iperf3's defaults; every number is bounded. */
export function decodeParameters(object: JsonObject): Parameters | Trouble {
  const number = (name: string, usual = 0): number => numberOf(object, name) ?? usual
  const is = (name: string): boolean => object[name] === true
  if (is('sctp') || is('mptcp')) return Trouble.NOT_IMPLEMENTED
  const protocol = is('udp') ? 'udp' : 'tcp'
  const length = number('len', protocol === 'tcp' ? TCP_BLOCK : 1460)
  const [least, most] = protocol === 'tcp' ? [1, MAX_BLOCK] : [MIN_DATAGRAM, MAX_DATAGRAM]
  const limits: readonly (readonly [name: string, value: number, least: number, most: number, trouble: Trouble])[] = [
    ['omit', number('omit'), 0, MAX_OMIT, Trouble.OMIT],
    ['time', number('time'), 0, MAX_TIME, Trouble.DURATION],
    ['num', number('num'), 0, Number.MAX_SAFE_INTEGER, Trouble.PARAMETERS],
    ['blockcount', number('blockcount'), 0, Number.MAX_SAFE_INTEGER, Trouble.PARAMETERS],
    ['parallel', number('parallel', 1), 1, MAX_STREAMS, Trouble.STREAM_COUNT],
    ['len', length, least, most, Trouble.BLOCK_SIZE],
    ['bandwidth', number('bandwidth'), 0, Number.MAX_SAFE_INTEGER, Trouble.PARAMETERS],
    ['MSS', number('MSS'), 0, MAX_MSS, Trouble.MSS],
    ['window', number('window'), 0, MAX_WINDOW, Trouble.WINDOW],
    ['TOS', number('TOS'), 0, 255, Trouble.PARAMETERS],
  ]
  for (const [, value, low, high, trouble] of limits) {
    if (!(value >= low && value <= high)) return trouble
  }
  const congestion = object['congestion']
  return {
    protocol,
    time: number('time'),
    bytes: number('num') || number('blockcount') * Math.floor(length),
    omit: number('omit'),
    parallel: Math.floor(number('parallel', 1)),
    reverse: is('reverse'),
    bidirectional: is('bidirectional'),
    length: Math.floor(length),
    bitrate: number('bandwidth'),
    mss: number('MSS') || undefined,
    window: number('window') || undefined,
    noDelay: is('nodelay'),
    congestion: typeof congestion === 'string' ? congestion.slice(0, 32) : undefined,
    tos: Math.floor(number('TOS')),
    wideCounters: number('udp_counters_64bit') !== 0,
  }
}

/** Linux's name for a congestion control of ours. */
export const linuxName = (name: CongestionName): string => (name === 'newreno' ? 'reno' : name)

/** Our congestion control of a name that Linux knows, or undefined when we have none like it. */
export const congestionOf = (name: string): CongestionName | undefined =>
  name === 'reno' ? 'newreno' : CONGESTION_CONTROLS.find((each) => each === name)

/** What the parameters ask of each connection of the test. */
export function connectionOptions({ mss, window, noDelay, congestion, tos }: Parameters): TcpOptionsInit {
  const control = congestion === undefined ? undefined : congestionOf(congestion)
  return nearestTcpOptions({
    ...(noDelay ? { noDelay } : {}),
    ...(tos === 0 ? {} : { tos }),
    ...(mss === undefined ? {} : { maxSegment: mss }),
    ...(window === undefined ? {} : { sendBuffer: window, receiveBuffer: window }),
    ...(control === undefined ? {} : { congestion: control }),
  })
}
