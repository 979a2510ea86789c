import { DEFAULT_TTL } from '../ip/output.ts'
import type { Errno } from './errno.ts'
import { refusesClients } from './fast-open.ts'
import type { Machine } from './machine.ts'
import { failed, type KernelSocket, type Outcome, ok } from './socket.ts'
import { IpOption, Level, SocketOption, SocketType, TcpOption } from './symbols.ts'

/** The smallest buffers Linux lets a socket have. */
const MIN_SNDBUF = 4608
const MIN_RCVBUF = 2304
/** net.core.wmem_max and rmem_max as machines under test have them; a larger wish is cut. */
const MAX_CONNECT_TIMEOUT = 86_400_000
const MAX_BUFFER = 16 * 1024 * 1024

interface Option {
  /** Applies a value that is within the limits. */
  readonly set?: (socket: KernelSocket, value: number) => void
  readonly get?: (socket: KernelSocket, machine: Machine) => number | string
  /** The smallest and the largest value; anything else is EINVAL. */
  readonly limits?: readonly [number, number]
  /** Why it cannot be set on this machine. */
  readonly refuses?: (socket: KernelSocket) => Errno | undefined
}

/** An option that changes nothing of the protocol: it is kept, and told again. */
const kept = (name: string, initially = 0): Option => ({
  set: (socket, value) => socket.kept.set(name, value),
  get: (socket) => socket.kept.get(name) ?? initially,
})

const SOCKET: Readonly<Record<number, Option>> = {
  [SocketOption.SO_REUSEADDR]: kept('SO_REUSEADDR'),
  [SocketOption.SO_REUSEPORT]: kept('SO_REUSEPORT'),
  [SocketOption.SO_PRIORITY]: kept('SO_PRIORITY'),
  [SocketOption.SO_MARK]: kept('SO_MARK'),
  [SocketOption.SO_RCVLOWAT]: kept('SO_RCVLOWAT', 1),
  [SocketOption.SO_MAX_PACING_RATE]: kept('SO_MAX_PACING_RATE', -1),
  [SocketOption.SO_TYPE]: { get: () => SocketType.SOCK_STREAM },
  [SocketOption.SO_PROTOCOL]: { get: () => Level.IPPROTO_TCP },
  [SocketOption.SO_ACCEPTCONN]: { get: (socket) => Number(socket.listener !== undefined) },
  [SocketOption.SO_ERROR]: { get: (socket) => socket.takeErrorNumber() },
  [SocketOption.SO_SNDBUF]: {
    set: (socket, value) => socket.setSendBuffer(Math.max(MIN_SNDBUF, 2 * Math.min(value, MAX_BUFFER))),
    get: (socket) => socket.space?.limit ?? socket.sndBuf ?? socket.sysctls.number('tcp_wmem', 1),
  },
  [SocketOption.SO_RCVBUF]: {
    set: (socket, value) => {
      socket.rcvBuf = Math.max(MIN_RCVBUF, 2 * Math.min(value, MAX_BUFFER))
    },
    get: (socket) => socket.rcvBuf ?? socket.sysctls.number('tcp_rmem', 1),
  },
  [SocketOption.SO_KEEPALIVE]: {
    set: (socket, value) => {
      socket.keepAlive = value !== 0
    },
    get: (socket) => Number(socket.keepAlive),
  },
}

const IP: Readonly<Record<number, Option>> = {
  [IpOption.IP_TOS]: {
    // The two low bits are ECN's, in which a TCP socket's user has no say.
    set: (socket, value) => {
      socket.wanted.tos = value & 0xfc
    },
    get: (socket) => socket.wanted.tos ?? 0,
  },
  [IpOption.IP_TTL]: {
    limits: [1, 255],
    set: (socket, value) => {
      socket.wanted.ttl = value
    },
    get: (socket) => socket.wanted.ttl ?? DEFAULT_TTL,
  },
  [IpOption.IP_MTU]: { get: (socket, machine) => socket.tcb?.pathMtu ?? machine.wire.mtu },
  [IpOption.IP_MTU_DISCOVER]: kept('IP_MTU_DISCOVER', 1),
  [IpOption.IP_RECVERR]: kept('IP_RECVERR'),
}

const TCP: Readonly<Record<number, Option>> = {
  [TcpOption.TCP_NODELAY]: {
    // Setting it pushes what waits, whoever holds it back.
    set: (socket, value) => {
      socket.wanted.noDelay = value !== 0
      if (value !== 0) socket.pushes = true
    },
    get: (socket) => Number(socket.wanted.noDelay ?? false),
  },
  [TcpOption.TCP_CORK]: {
    set: (socket, value) => {
      socket.cork = value !== 0
      if (value === 0) socket.pushes = true
    },
    get: (socket) => Number(socket.cork),
  },
  [TcpOption.TCP_MAXSEG]: {
    limits: [88, 32_767],
    set: (socket, value) => {
      socket.wanted.maxSegment = value
    },
    // Before the connection is made it tells what was asked for.
    get: (socket) => (socket.isConnected ? (socket.tcb?.mss ?? 0) : (socket.wanted.maxSegment ?? 536)),
  },
  [TcpOption.TCP_KEEPIDLE]: {
    limits: [1, 32_767],
    set: (socket, value) => {
      socket.keepIdle = value
    },
    get: (socket) => socket.keepIdle ?? socket.sysctls.number('tcp_keepalive_time'),
  },
  [TcpOption.TCP_KEEPINTVL]: {
    limits: [1, 32_767],
    set: (socket, value) => {
      socket.wanted.keepAliveInterval = 1000 * value
    },
    get: (socket) => (socket.options.keepAliveInterval ?? 0) / 1000,
  },
  [TcpOption.TCP_KEEPCNT]: {
    limits: [1, 127],
    set: (socket, value) => {
      socket.wanted.keepAliveProbes = value
    },
    get: (socket) => socket.options.keepAliveProbes ?? 0,
  },
  [TcpOption.TCP_USER_TIMEOUT]: {
    limits: [0, 0x7fff_ffff],
    set: (socket, value) => {
      socket.userTimeout = value
    },
    get: (socket) => socket.userTimeout,
  },
  [TcpOption.TCP_NOTSENT_LOWAT]: {
    set: (socket, value) => {
      socket.notSentLowAt = value >>> 0
    },
    get: (socket) => socket.notSentLowAt | 0,
  },
  [TcpOption.TCP_CONGESTION]: {
    get: (socket) => socket.tcb?.congestion.name ?? socket.sysctls.text('tcp_congestion_control'),
  },
  [TcpOption.TCP_SYNCNT]: {
    limits: [1, 127],
    // So many SYNs after the first, each twice as long apart, and as long again for an answer.
    set: (socket, value) => {
      socket.wanted.connectTimeout = Math.min(1000 * (2 ** (value + 1) - 1), MAX_CONNECT_TIMEOUT)
    },
  },
  [TcpOption.TCP_FASTOPEN]: {
    limits: [0, 0x7fff_ffff],
    set: (socket, value) => {
      socket.fastOpen.queue = value
      if (socket.listener !== undefined) socket.listener.fastOpen.limit = value
    },
    get: (socket) => socket.listener?.fastOpen.limit ?? socket.fastOpen.queue ?? 0,
  },
  [TcpOption.TCP_FASTOPEN_CONNECT]: {
    limits: [0, 1],
    refuses: ({ sysctls }) => (refusesClients(sysctls) ? 'EOPNOTSUPP' : undefined),
    set: (socket, value) => {
      socket.fastOpen.connects = value !== 0
    },
    get: (socket) => Number(socket.fastOpen.connects),
  },
  [TcpOption.TCP_QUICKACK]: kept('TCP_QUICKACK', 1),
  [TcpOption.TCP_INQ]: kept('TCP_INQ'),
  [TcpOption.TCP_DEFER_ACCEPT]: kept('TCP_DEFER_ACCEPT'),
  [TcpOption.TCP_WINDOW_CLAMP]: kept('TCP_WINDOW_CLAMP'),
  [TcpOption.TCP_LINGER2]: kept('TCP_LINGER2', 60),
}

const LEVELS: Readonly<Record<number, Readonly<Record<number, Option>>>> = {
  [Level.SOL_SOCKET]: SOCKET,
  [Level.SOL_IP]: IP,
  [Level.SOL_TCP]: TCP,
}

/** setsockopt(2) with a number; the connection follows at once. */
export function setOption(socket: KernelSocket, level: number, name: number, value: number): Outcome {
  const option = LEVELS[level]?.[name]
  const set = option?.set
  if (option === undefined || set === undefined) return failed(refusal(level))
  const [low, high] = option.limits ?? [-0x8000_0000, 0xffff_ffff]
  if (value < low || value > high) return failed('EINVAL')
  const reason = option.refuses?.(socket)
  if (reason !== undefined) return failed(reason)
  set(socket, value)
  socket.refresh()
  return ok()
}

/** SO_LINGER: with no time to linger close resets the connection; any other time changes nothing here, since close never waits. */
export function setLinger(socket: KernelSocket, onoff: number, linger: number): Outcome {
  socket.lingersNot = onoff !== 0 && linger === 0
  return ok()
}

/** getsockopt(2): the value, a number or a text, or an error. */
export function getOption(
  machine: Machine,
  socket: KernelSocket,
  level: number,
  name: number,
): number | string | { readonly errno: Errno } {
  const get = LEVELS[level]?.[name]?.get
  return get === undefined ? { errno: refusal(level) } : get(socket, machine)
}

const refusal = (level: number): Errno => (Object.hasOwn(LEVELS, level) ? 'ENOPROTOOPT' : 'EOPNOTSUPP')
