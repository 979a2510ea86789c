import { CONGESTION_CONTROLS, type CongestionName } from '../tcp/congestion/control.ts'
import type { TcpOptionsInit } from '../tcp/settings.ts'

const PREFIX = 'net.ipv4.'

/** The bit of `tcp_fastopen` that lets connections use it. */
export const FAST_OPEN_CLIENT = 1

/** The bit of `tcp_recovery` that finds losses by time. */
const RACK = 1

/** Kernel parameters that mean something to this stack, with Linux's defaults. */
const DEFAULTS: Readonly<Record<string, string>> = {
  tcp_rmem: '4096 131072 6291456',
  tcp_wmem: '4096 16384 4194304',
  tcp_timestamps: '1',
  tcp_window_scaling: '1',
  tcp_sack: '1',
  tcp_dsack: '1',
  tcp_frto: '2',
  tcp_recovery: '1',
  tcp_early_retrans: '3',
  tcp_reordering: '3',
  tcp_syn_retries: '6',
  tcp_synack_retries: '5',
  tcp_keepalive_time: '7200',
  tcp_keepalive_intvl: '75',
  tcp_keepalive_probes: '9',
  tcp_notsent_lowat: '4294967295',
  tcp_slow_start_after_idle: '1',
  tcp_congestion_control: 'cubic',
  tcp_min_tso_segs: '2',
  tcp_ecn: '2',
  tcp_mtu_probing: '0',
  tcp_syncookies: '1',
  tcp_rfc1337: '0',
  tcp_base_mss: '1024',
  tcp_fastopen: '1',
  tcp_fastopen_key: '',
  tcp_fastopen_blackhole_timeout_sec: '0',
}

/** The kernel parameters of a script's machine: what shell lines set, and what that asks of the stack. */
export class Sysctls {
  readonly #values = new Map<string, string>()

  /** Sets `net.ipv4.tcp_sack` or `/proc/sys/net/ipv4/tcp_sack`; false for a parameter that means nothing here. */
  set(name: string, value: string): boolean {
    const key = shortName(name)
    if (key === undefined || !(Object.hasOwn(DEFAULTS, key) || IGNORED.has(key))) return false
    if (key === 'tcp_congestion_control' && congestionNamed(value.trim()) === undefined) return false
    this.#values.set(key, value.trim())
    return true
  }

  text(name: string): string {
    return this.#values.get(name) ?? DEFAULTS[name] ?? ''
  }

  number(name: string, index = 0): number {
    return Number(this.text(name).split(/\s+/)[index] ?? 0)
  }

  isOn(name: string): boolean {
    return this.number(name) !== 0
  }

  /** When a listener answers from cookies. */
  get synCookies(): 'never' | 'overload' | 'always' {
    return (['never', 'overload'] as const)[this.number('tcp_syncookies')] ?? 'always'
  }

  /** What the parameters ask of a connection or a listener that chooses nothing itself. */
  get options(): TcpOptionsInit {
    return {
      timestamps: this.isOn('tcp_timestamps'),
      windowScale: this.isOn('tcp_window_scaling'),
      sack: this.isOn('tcp_sack'),
      dsack: this.isOn('tcp_dsack'),
      frto: this.isOn('tcp_frto'),
      rack: (this.number('tcp_recovery') & RACK) !== 0,
      // Linux's 3 and 4 ask for probes of the tail; lesser values only asked for early retransmission.
      tailLossProbe: this.number('tcp_early_retrans') >= 3,
      reordering: this.number('tcp_reordering'),
      ecn: (['off', 'request'] as const)[this.number('tcp_ecn')] ?? 'accept',
      mtuProbing: (['off', 'blackhole'] as const)[this.number('tcp_mtu_probing')] ?? 'always',
      baseMss: this.number('tcp_base_mss'),
      synRetries: this.number('tcp_syn_retries'),
      synAckRetries: this.number('tcp_synack_retries'),
      congestion: congestionNamed(this.text('tcp_congestion_control')) ?? 'cubic',
      slowStartExit: 'hystart',
      resetEndsTimeWait: !this.isOn('tcp_rfc1337'),
      slowStartAfterIdle: this.isOn('tcp_slow_start_after_idle'),
      minBurst: this.number('tcp_min_tso_segs'),
      keepAliveInterval: 1000 * this.number('tcp_keepalive_intvl'),
      keepAliveProbes: this.number('tcp_keepalive_probes'),
      receiveBuffer: this.number('tcp_rmem', 2),
    }
  }
}

/** Our counterpart of one of Linux's congestion controls; its Reno is NewReno. Undefined for those we have not. */
function congestionNamed(name: string): CongestionName | undefined {
  const ours = name === 'reno' ? 'newreno' : name
  return CONGESTION_CONTROLS.find((known) => known === ours)
}

/** Parameters whose setting changes nothing that a script of this stack can see. */
const IGNORED: ReadonlySet<string> = new Set(['tcp_fack', 'tcp_tso_win_divisor', 'tcp_ecn_option'])

/** `tcp_sack` of `net.ipv4.tcp_sack`, `net/ipv4/tcp_sack` and `/proc/sys/net/ipv4/tcp_sack`. */
function shortName(name: string): string | undefined {
  const dotted = name.replace(/^\/proc\/sys\//, '').replaceAll('/', '.')
  return dotted.startsWith(PREFIX) ? dotted.slice(PREFIX.length) : undefined
}
