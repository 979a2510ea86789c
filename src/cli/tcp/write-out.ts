import type { TcpInfo } from '../../tcp/info.ts'
import type { Kind } from '../kind.ts'
import type { Traffic } from './pump.ts'

/** What a finished connection can tell; times in seconds, sizes in bytes, as curl counts them. */
export interface Finished {
  readonly traffic: Traffic
  readonly info: TcpInfo
  /** Until the handshake was complete, and until the end. */
  readonly connectSeconds: number
  readonly totalSeconds: number
}

const perSecond = (bytes: number, { totalSeconds }: Finished): string =>
  totalSeconds > 0 ? Math.floor(bytes / totalSeconds).toString() : '0'

const VARIABLES: Readonly<Record<string, (finished: Finished) => string>> = {
  time_connect: ({ connectSeconds }) => connectSeconds.toFixed(6),
  time_total: ({ totalSeconds }) => totalSeconds.toFixed(6),
  size_upload: ({ traffic }) => String(traffic.sent),
  size_download: ({ traffic }) => String(traffic.received),
  speed_upload: (finished) => perSecond(finished.traffic.sent, finished),
  speed_download: (finished) => perSecond(finished.traffic.received, finished),
  local_ip: ({ info }) => info.local,
  local_port: ({ info }) => String(info.localPort),
  remote_ip: ({ info }) => info.remote,
  remote_port: ({ info }) => String(info.remotePort),
  retransmits: ({ info }) => String(info.retrans),
  srtt: ({ info }) => (info.rtt / 1000).toFixed(6),
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '\\': '\\' }
const VARIABLE = /%\{([^}]*)\}/g

const KNOWN = `%{${Object.keys(VARIABLES).join('}, %{')}}`

/** A text with curl's variables and escapes. */
export const WRITE_OUT: Kind<string> = {
  placeholder: 'FORMAT',
  expects: `a text with ${KNOWN}`,
  parse: (text) => (unknownVariable(text) === undefined ? text : undefined),
  explain: (text) => `there is no ${unknownVariable(text)}; there are ${KNOWN}`,
}

/** The first `%{name}` of a text that is no variable. */
const unknownVariable = (text: string): string | undefined =>
  [...text.matchAll(VARIABLE)].find(([, name]) => !Object.hasOwn(VARIABLES, name!))?.[0]

/** Fills the variables in; `%%` is a percent sign. */
export const writeOut = (format: string, finished: Finished): string =>
  format.replace(/%%|%\{([^}]*)\}|\\([nrt\\])/g, (_match, name?: string, letter?: string) =>
    name !== undefined ? VARIABLES[name]!(finished) : letter !== undefined ? ESCAPES[letter]! : '%',
  )
