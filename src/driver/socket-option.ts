import { native } from './native.ts'
import { check } from './os-errors.ts'

const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

/** Levels and names of socket options that Node has no call for (socket(7), tcp(7), udp(7)). */
export const SocketOption = {
  SO_ERROR: { level: 1, name: 4 },
  SO_BINDTODEVICE: { level: 1, name: 25 },
  SO_MAX_PACING_RATE: { level: 1, name: 47 },
  TCP_INFO: { level: 6, name: 11 },
  TCP_NOTSENT_LOWAT: { level: 6, name: 25 },
  TCP_CONGESTION: { level: 6, name: 13 },
  UDP_SEGMENT: { level: 17, name: 103 },
} as const

/**
 * The kernel's name for a socket of node:net or node:tls, which Node shows nowhere else; undefined once it is closed, and for
 * sockets of our own stack, which have none. There is no use for it without the addon.
 */
export function descriptorOf(socket: object): number | undefined {
  const { _handle: handle } = socket as { readonly _handle?: { readonly fd?: number } | null }
  const descriptor = handle?.fd
  return descriptor !== undefined && descriptor >= 0 ? descriptor : undefined
}

export interface SocketOptionName {
  readonly level: number
  readonly name: number
}

/**
 * Reads an option of any socket; at most `length` bytes, in host order.
 * @throws NetError when the descriptor is no socket or knows no such option
 */
export function getSocketOption(descriptor: number, option: SocketOptionName, length = 4): Uint8Array {
  const target = new Uint8Array(length)
  const written = native().getOption(descriptor, option.level, option.name, target)
  check(written, `read socket option ${option.level}/${option.name} of descriptor ${descriptor}`, 'getsockopt')
  return target.subarray(0, written)
}

/** Sets an option of any socket; a number goes as a 32-bit integer. */
export function setSocketOption(descriptor: number, option: SocketOptionName, value: number | Uint8Array): void {
  const bytes = typeof value === 'number' ? new Uint8Array(4) : value
  if (typeof value === 'number') new DataView(bytes.buffer).setInt32(0, value, LITTLE_ENDIAN)
  check(
    native().setOption(descriptor, option.level, option.name, bytes),
    `set socket option ${option.level}/${option.name} of descriptor ${descriptor}`,
    'setsockopt',
  )
}
