import { type Ipv4Addr, parseIpv4 } from '../base/address.ts'
import type { ScriptOption } from './syntax.ts'

/** How a script's machine and its packets are set up: packetdrill's options, with its defaults. */
export interface Configuration {
  readonly local: Ipv4Addr
  /** The bits of the network mask. */
  readonly prefix: number
  readonly remote: Ipv4Addr
  readonly mtu: number
  readonly bindPort: number
  readonly connectPort: number
  readonly tolerance: { readonly micros: number; readonly percent: number }
  /** One packet of the script is one on the wire. */
  readonly strictSegments: boolean
  /** Microseconds of a tick of our timestamps; 0 leaves their values open. */
  readonly timestampTick: number
  /** Timestamps of ours that the script echoes may stand between those that were sent. */
  readonly scalesEchoes: boolean
  /** Shell files that prepare the machine, before the script's own shell text. */
  readonly initScripts: readonly string[]
  /** Options that mean nothing to this machine. */
  readonly unknown: readonly string[]
}

/** Why a script cannot be run as its options ask. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError'
  readonly line: number

  constructor(line: number, message: string) {
    super(message)
    this.line = line
  }
}

/** What packetdrill's defaults are. */
const DEFAULTS: Readonly<Record<string, string>> = {
  local_ip: '192.168.0.1',
  netmask_ip: '255.255.0.0',
  remote_ip: '192.0.2.1',
  mtu: '1500',
  bind_port: '8080',
  connect_port: '8080',
  tolerance_usecs: '4000',
  tolerance_percent: '12.5',
  tcp_ts_tick_usecs: '0',
  init_scripts: '',
}

/** Options that change nothing here: where packetdrill works, what it says, what only other machines have. */
const IGNORED: ReadonlySet<string> = new Set([
  'ip_version',
  'define',
  'gateway_ip',
  'speed',
  'send_omit_free',
  'code_command',
  'code_format',
  'code_sockopt',
  'debug',
  'verbose',
])
const FLAGS: ReadonlySet<string> = new Set(['strict_segments', 'tcp_ts_ecr_scaled'])

/**
 * Takes in a script's options; each counts before a default, and a later one before an earlier.
 * @throws {ConfigurationError} for a value that makes no sense, and for what cannot be had: IPv6.
 */
export function configure(options: readonly ScriptOption[]): Configuration {
  const find = (name: string): ScriptOption | undefined => options.findLast((option) => option.name === name)
  const text = (name: string): string => find(name)?.value ?? DEFAULTS[name]!
  const refuse = (name: string, wanted: string): never => {
    throw new ConfigurationError(find(name)?.line ?? 0, `Cannot use --${name}=${text(name)}: it must be ${wanted}`)
  }
  const number = (name: string, low: number, high: number): number => {
    const value = Number(text(name))
    return value >= low && value <= high ? value : refuse(name, `a number from ${low} to ${high}`)
  }
  const address = (name: string): Ipv4Addr =>
    parseIpv4(text(name).split('/')[0]!) ?? refuse(name, 'an IPv4 address; IPv6 is not supported')
  if (find('ip_version')?.value === 'ipv6') refuse('ip_version', 'ipv4; IPv6 is not supported')
  const known = (name: string): boolean => Object.hasOwn(DEFAULTS, name) || IGNORED.has(name) || FLAGS.has(name)
  return {
    local: address('local_ip'),
    prefix: bitsOf(address('netmask_ip')),
    remote: address('remote_ip'),
    mtu: number('mtu', 68, 65_535),
    bindPort: number('bind_port', 1, 65_535),
    connectPort: number('connect_port', 1, 65_535),
    tolerance: {
      micros: number('tolerance_usecs', 0, 60_000_000),
      percent: number('tolerance_percent', 0, 100),
    },
    strictSegments: find('strict_segments') !== undefined,
    timestampTick: number('tcp_ts_tick_usecs', 0, 60_000_000),
    scalesEchoes: find('tcp_ts_ecr_scaled') !== undefined,
    initScripts: text('init_scripts')
      .split(',')
      .filter((path) => path !== ''),
    unknown: options.flatMap(({ name }) => (known(name) ? [] : [name])),
  }
}

/** The leading ones of a network mask. */
const bitsOf = (mask: Ipv4Addr): number => Math.clz32(~mask)
