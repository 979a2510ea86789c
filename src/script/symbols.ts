import { ERRNO } from './errno.ts'

/** Linux's constants by the names that scripts call them, with their values on x86-64. */
const GROUPS = {
  domain: { AF_UNSPEC: 0, AF_INET: 2, AF_INET6: 10, PF_INET: 2, PF_INET6: 10 },
  type: { SOCK_STREAM: 1, SOCK_DGRAM: 2, SOCK_RAW: 3, SOCK_NONBLOCK: 0o4000, SOCK_CLOEXEC: 0o2000000 },
  level: {
    SOL_IP: 0,
    SOL_SOCKET: 1,
    SOL_TCP: 6,
    SOL_UDP: 17,
    SOL_IPV6: 41,
    IPPROTO_IP: 0,
    IPPROTO_ICMP: 1,
    IPPROTO_TCP: 6,
    IPPROTO_UDP: 17,
    IPPROTO_IPV6: 41,
  },
  socketOption: {
    SO_DEBUG: 1,
    SO_REUSEADDR: 2,
    SO_TYPE: 3,
    SO_ERROR: 4,
    SO_DONTROUTE: 5,
    SO_BROADCAST: 6,
    SO_SNDBUF: 7,
    SO_RCVBUF: 8,
    SO_KEEPALIVE: 9,
    SO_OOBINLINE: 10,
    SO_PRIORITY: 12,
    SO_LINGER: 13,
    SO_REUSEPORT: 15,
    SO_RCVLOWAT: 18,
    SO_SNDLOWAT: 19,
    SO_RCVTIMEO: 20,
    SO_SNDTIMEO: 21,
    SO_TIMESTAMP: 29,
    SO_ACCEPTCONN: 30,
    SO_SNDBUFFORCE: 32,
    SO_RCVBUFFORCE: 33,
    SO_MARK: 36,
    SO_TIMESTAMPING: 37,
    SO_PROTOCOL: 38,
    SO_DOMAIN: 39,
    SO_MAX_PACING_RATE: 47,
    SO_ZEROCOPY: 60,
  },
  ipOption: { IP_TOS: 1, IP_TTL: 2, IP_MTU_DISCOVER: 10, IP_RECVERR: 11, IP_MTU: 14 },
  pmtuDiscover: { IP_PMTUDISC_DONT: 0, IP_PMTUDISC_WANT: 1, IP_PMTUDISC_DO: 2, IP_PMTUDISC_PROBE: 3 },
  tcpOption: {
    TCP_NODELAY: 1,
    TCP_MAXSEG: 2,
    TCP_CORK: 3,
    TCP_KEEPIDLE: 4,
    TCP_KEEPINTVL: 5,
    TCP_KEEPCNT: 6,
    TCP_SYNCNT: 7,
    TCP_LINGER2: 8,
    TCP_DEFER_ACCEPT: 9,
    TCP_WINDOW_CLAMP: 10,
    TCP_INFO: 11,
    TCP_QUICKACK: 12,
    TCP_CONGESTION: 13,
    TCP_USER_TIMEOUT: 18,
    TCP_FASTOPEN: 23,
    TCP_TIMESTAMP: 24,
    TCP_NOTSENT_LOWAT: 25,
    TCP_CC_INFO: 26,
    TCP_FASTOPEN_CONNECT: 30,
    TCP_FASTOPEN_KEY: 33,
    TCP_FASTOPEN_NO_COOKIE: 34,
    TCP_INQ: 36,
    TCP_CM_INQ: 36,
    TCP_TX_DELAY: 37,
  },
  message: {
    MSG_OOB: 0x1,
    MSG_PEEK: 0x2,
    MSG_TRUNC: 0x20,
    MSG_DONTWAIT: 0x40,
    MSG_EOR: 0x80,
    MSG_WAITALL: 0x100,
    MSG_NOSIGNAL: 0x4000,
    MSG_MORE: 0x8000,
    MSG_ERRQUEUE: 0x2000,
    MSG_ZEROCOPY: 0x4000000,
    MSG_FASTOPEN: 0x20000000,
  },
  file: { O_RDONLY: 0, O_WRONLY: 1, O_RDWR: 2, O_NONBLOCK: 0o4000, F_GETFL: 3, F_SETFL: 4 },
  ioctl: { FIONREAD: 0x541b, SIOCINQ: 0x541b, TIOCOUTQ: 0x5411, SIOCOUTQ: 0x5411, SIOCOUTQNSD: 0x894b },
  poll: {
    POLLIN: 0x1,
    POLLPRI: 0x2,
    POLLOUT: 0x4,
    POLLERR: 0x8,
    POLLHUP: 0x10,
    POLLNVAL: 0x20,
    POLLRDNORM: 0x40,
    POLLRDBAND: 0x80,
    POLLWRNORM: 0x100,
    POLLWRBAND: 0x200,
    POLLRDHUP: 0x2000,
  },
  epoll: {
    EPOLLIN: 0x1,
    EPOLLPRI: 0x2,
    EPOLLOUT: 0x4,
    EPOLLERR: 0x8,
    EPOLLHUP: 0x10,
    EPOLLRDNORM: 0x40,
    EPOLLWRNORM: 0x100,
    EPOLLRDHUP: 0x2000,
    EPOLLONESHOT: 0x40000000,
    EPOLLET: 0x80000000,
    EPOLL_CTL_ADD: 1,
    EPOLL_CTL_DEL: 2,
    EPOLL_CTL_MOD: 3,
  },
  shutdown: { SHUT_RD: 0, SHUT_WR: 1, SHUT_RDWR: 2 },
} as const

const VALUES: ReadonlyMap<string, number> = new Map([
  ...Object.values(GROUPS).flatMap((group) => Object.entries(group) as [string, number][]),
  ...Object.entries(ERRNO),
])

/** The value of one of Linux's constants, or undefined. */
export const symbolValue = (name: string): number | undefined => VALUES.get(name)

export const Level = GROUPS.level
export const SocketOption = GROUPS.socketOption
export const IpOption = GROUPS.ipOption
export const TcpOption = GROUPS.tcpOption
export const Message = GROUPS.message
export const FileFlag = GROUPS.file
export const Ioctl = GROUPS.ioctl
export const Poll = GROUPS.poll
export const Epoll = GROUPS.epoll
export const Shutdown = GROUPS.shutdown
export const Domain = GROUPS.domain
export const SocketType = GROUPS.type
