import type { TcpOptionsInit } from '../../tcp/settings.ts'
import { type Args, type Flags, value } from '../command.ts'
import { choice, integer, SECONDS } from '../kind.ts'

/** What a person may ask of a TCP connection, either side of it. */
export const SOCKET_FLAGS = {
  ecn: value(choice('off', 'accept', 'request'), {
    summary: 'explicit congestion notification: never, when the peer asks (the default), or ask as well',
  }),
  'user-timeout': value(SECONDS, {
    summary: 'give up when data is not acknowledged for so long (default: 15 minutes)',
  }),
  'keep-alive': value(SECONDS, {
    summary:
      'probe a silent peer as often, and give up after nine probes, or after --user-timeout of silence (default: never)',
  }),
  linger: value(SECONDS, {
    summary: 'reset a connection that has not delivered its data so long after the last of it; 0 at once',
  }),
  mss: value(integer('BYTES', 88, 65_495), { summary: 'send and accept no larger segments' }),
  'mtu-probing': value(choice('off', 'blackhole', 'always'), {
    summary: 'find out what the path carries: never, when large packets vanish (the default), or always',
  }),
} satisfies Flags

/** More than anybody waits: a day. */
const DAY = 86_400_000
/** The user timeout may not be shorter. */
const SHORTEST_TIMEOUT = 100

const milliseconds = (seconds: number, least: number): number => Math.min(DAY, Math.max(least, seconds * 1000))

/** As curl's --keepalive-time: the time until the first probe, and between probes. */
const keepAliveOf = (time: number): TcpOptionsInit => ({ keepAlive: time, keepAliveInterval: time })

/** The options that the flags ask for; what was not given is left out. */
export function socketOptions(args: Pick<Args<typeof SOCKET_FLAGS>, keyof typeof SOCKET_FLAGS>): TcpOptionsInit {
  const { ecn, mss, linger } = args
  const userTimeout = args['user-timeout']
  const keepAlive = args['keep-alive']
  const mtuProbing = args['mtu-probing']
  return {
    ...(ecn === undefined ? {} : { ecn }),
    ...(userTimeout === undefined ? {} : { userTimeout: milliseconds(userTimeout, SHORTEST_TIMEOUT) }),
    ...(keepAlive === undefined || keepAlive === 0 ? {} : keepAliveOf(milliseconds(keepAlive, 1))),
    ...(linger === undefined ? {} : { linger: milliseconds(linger, 0) }),
    ...(mss === undefined ? {} : { maxSegment: mss }),
    ...(mtuProbing === undefined ? {} : { mtuProbing }),
  }
}
