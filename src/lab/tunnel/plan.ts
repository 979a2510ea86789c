/** A line between the client and the server, as it is asked for. */
export interface LinePlan {
  /** Bits per second, each way. */
  readonly rate: number
  /** There and back, in microseconds. */
  readonly rtt: number
}

/** A line as it is laid: `name` is its interface at both ends, and the tunnel's path. */
export interface LaidLine extends LinePlan {
  readonly name: string
  /** Addresses of its ends. */
  readonly near: string
  readonly far: string
  /** Its far end is a SOCKS5 proxy, and not the server. */
  readonly isProxied: boolean
}

export const MIN_LINES = 2
export const MAX_LINES = 8

/** What hosts there are: `wire` is where the lines are slow, `proxy` stands between the last of them and the server. */
export const HOSTS = ['client', 'server', 'proxy', 'wire'] as const
export type HostName = (typeof HOSTS)[number]

/** The cable between the proxy and the server, which is as fast as it can be. */
export const BACK = { name: 'back', proxy: '10.77.0.1', server: '10.77.0.2' } as const
export const TUNNEL_PORT = 7000
export const PROXY_PORT = 1080
/** Where the client's program connects, and where the server's program listens. */
export const NEAR_PORT = 8001
export const FAR_PORT = 8002

/** The last line leads to the proxy. */
export const layLines = (plans: readonly LinePlan[]): readonly LaidLine[] =>
  plans.map(({ rate, rtt }, i) => ({
    rate,
    rtt,
    name: `line${i + 1}`,
    near: `10.77.${i + 1}.1`,
    far: `10.77.${i + 1}.2`,
    isProxied: i === plans.length - 1,
  }))

/** The names of a line's two ends in the host `wire`. */
export const endsOf = ({ name }: LaidLine): readonly [left: string, right: string] => [`${name}-left`, `${name}-right`]

const LEAST_QUEUE = 65_536

/** Octets that may wait for a line: what is under way on it, and never less than 64 KiB. */
export const queueOf = ({ rate, rtt }: LinePlan): number => Math.max(LEAST_QUEUE, Math.round((rate / 8) * (rtt / 1e6)))

/** The line that one path alone is shown on, and that is cut: the fastest. */
export const best = <T extends LinePlan>(lines: readonly T[]): T =>
  lines.reduce((found, line) => (line.rate > found.rate ? line : found))
