import { isSynHeld, releaseSyn, synDataRoom } from '../tcp/fast-open/client.ts'
import { type FastOpenOptions, fastOpenOptionsOf, type TcpFastOpen } from '../tcp/fast-open/fast-open.ts'
import { FastOpenKeys, fastOpenKeysOf, parseFastOpenKey } from '../tcp/fast-open/keys.ts'
import type { Errno } from './errno.ts'
import type { KernelSocket } from './socket.ts'
import { FAST_OPEN_CLIENT, type Sysctls } from './sysctls.ts'

// TCP Fast Open as Linux's sockets offer it.

/** Brings Fast Open of the machine up to its kernel parameters. */
export function followSysctls(fastOpen: TcpFastOpen, sysctls: Sysctls): void {
  const options: FastOpenOptions = fastOpenOptionsOf(sysctls.number('tcp_fastopen'))
  const blackholeTimeout = 1000 * sysctls.number('tcp_fastopen_blackhole_timeout_sec')
  const keys = keysOf(sysctls.text('tcp_fastopen_key'))
  fastOpen.configure({ ...options, blackholeTimeout, ...(keys === undefined ? {} : { keys }) })
}

/** One key, or two with a comma between; undefined for a text that is none. */
function keysOf(text: string): FastOpenKeys | undefined {
  try {
    const [primary, backup] = text.split(',').map(parseFastOpenKey)
    return primary === undefined ? undefined : new FastOpenKeys(primary, backup)
  } catch {
    return undefined
  }
}

/** TCP_FASTOPEN_KEY: a key of 16 octets, or two. */
export function setFastOpenKey(socket: KernelSocket, value: string, length: number): Errno | undefined {
  try {
    const bytes = Uint8Array.from(value.slice(0, length), (char) => char.charCodeAt(0))
    socket.fastOpen.keys = fastOpenKeysOf(bytes)
  } catch {
    return 'EINVAL'
  }
  if (socket.listener !== undefined) socket.listener.fastOpen.keys = socket.fastOpen.keys
  return undefined
}

/** TCP_FASTOPEN_CONNECT and MSG_FASTOPEN are refused on a machine whose connections may not use it. */
export const refusesClients = (sysctls: Sysctls): boolean => (sysctls.number('tcp_fastopen') & FAST_OPEN_CLIENT) === 0

/** The connection has been asked for, and its SYN waits for the first write (defer_connect). */
export const isDeferred = ({ tcb }: KernelSocket): boolean => tcb !== undefined && isSynHeld(tcb)

/** The SYN has not gone out yet: what is written now can ride on it. */
export const isBeforeSyn = ({ tcb }: KernelSocket): boolean => tcb?.state === 'SYN-SENT' && tcb.board.isEmpty

/** Octets of `count` that the SYN of such a connection carries. It goes out with them, be they none. */
export function takeOntoSyn({ tcb }: KernelSocket, count: number): number {
  if (tcb === undefined) return 0
  const size = Math.min(count, synDataRoom(tcb))
  if (size === 0) releaseSyn(tcb)
  return size
}
