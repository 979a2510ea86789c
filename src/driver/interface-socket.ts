import { closeSync } from 'node:fs'
import { isIPv6, Socket, type TcpNetConnectOpts } from 'node:net'
import { native } from './native.ts'
import { check, osError } from './os-errors.ts'
import { SocketOption } from './socket-option.ts'

/** What Node's sockets are made with beside what its types tell: without it one reads before it is connected. */
interface Unread {
  readonly manualStart: boolean
}

/**
 * As node:net's `connect` to an address (no name), by one interface of the kernel only, whatever its routes to that
 * address would prefer (SO_BINDTODEVICE, socket(7)). There must be a route by that interface all the same. Needs no
 * privilege since Linux 5.7.
 * @throws {NetError} ENODEV, EPERM, ERR_ADDON_MISSING
 */
export function connectByInterface(name: string, options: TcpNetConnectOpts & { readonly host: string }): Socket {
  const descriptor = check(native().openStream(isIPv6(options.host)), 'open a TCP socket', 'socket')
  const device = Buffer.from(`${name}\0`)
  const { level, name: option } = SocketOption.SO_BINDTODEVICE
  const status = native().setOption(descriptor, level, option, device)
  if (status < 0) {
    closeSync(descriptor)
    throw osError(status, `connect by interface "${name}"`, 'setsockopt', { ENODEV: '`ip link` lists those there are' })
  }
  const { allowHalfOpen = false, noDelay = false } = options
  const unread: Unread = { manualStart: true }
  return new Socket({ fd: descriptor, allowHalfOpen, ...unread }).setNoDelay(noDelay).connect(options)
}
