import { constants } from 'node:os'

import { type ErrorCode, NetError } from '../base/errors.ts'

const NAMES = new Map<number, string>(Object.entries(constants.errno).map(([name, errno]) => [errno, name]))

/** Errnos that say the same as one of our codes under another name. */
const SYNONYMS: Readonly<Record<string, ErrorCode>> = {
  EACCES: 'EPERM',
  EPERM: 'EPERM',
  ENODEV: 'ENODEV',
  ENXIO: 'ENODEV',
  ENOENT: 'ENODEV',
  EBADFD: 'ENODEV',
  ENETDOWN: 'ENETDOWN',
  EADDRINUSE: 'EADDRINUSE',
  EBUSY: 'EADDRINUSE',
  EADDRNOTAVAIL: 'EADDRNOTAVAIL',
  EMSGSIZE: 'EMSGSIZE',
  ENOBUFS: 'ENOBUFS',
  ENOMEM: 'ENOBUFS',
  EMFILE: 'ENOBUFS',
  ENFILE: 'ENOBUFS',
  EAFNOSUPPORT: 'EAFNOSUPPORT',
}

const REASONS: Readonly<Record<string, string>> = {
  EPERM: 'permission denied',
  EACCES: 'permission denied',
  ENODEV: 'no such interface',
  ENXIO: 'no such interface',
  ENOENT: 'no such file',
  ENETDOWN: 'the interface is down',
  EADDRINUSE: 'the address and port are taken',
  EADDRNOTAVAIL: 'the address belongs to no interface of this machine',
  EBUSY: 'another process holds it',
  EINVAL: 'the kernel finds the request invalid',
  EMFILE: 'this process has too many open files',
  ENFILE: 'the system has too many open files',
  ENOMEM: 'no memory',
  ENOBUFS: 'no buffer space',
}

/** `EPERM` for 1; the number itself for one that Node has no name for. */
const errnoName = (errno: number): string => NAMES.get(errno) ?? `errno ${errno}`

/** Gives processes without root what the links need; to be pasted as it stands. */
export const CAPABILITY_FIX =
  'Run as root, or once: sudo setcap cap_net_admin,cap_net_raw+ep $(readlink -f $(which node))'

/**
 * Words an errno: `Cannot open AF_PACKET socket on "eth0": permission denied. Run as root, … (EPERM)`.
 *
 * @param status a negative errno, as the addon returns it
 * @param what what could not be done, to follow "Cannot"
 * @param fix what to do about it, by the errno's name; permission has a fix of its own
 */
export function osError(
  status: number,
  what: string,
  syscall: string,
  fix: Readonly<Record<string, string>> = {},
): NetError {
  const name = errnoName(-status)
  const code = SYNONYMS[name] ?? 'EINVAL'
  const reason = REASONS[name] ?? name
  const advice = fix[name] ?? fix[code] ?? (code === 'EPERM' ? CAPABILITY_FIX : undefined)
  return new NetError(code, `Cannot ${what}: ${reason}${advice === undefined ? '' : `. ${advice}`}`, { syscall })
}

/** Throws the wording of a failed call; passes any other result on. */
export function check(status: number, what: string, syscall: string, fix?: Readonly<Record<string, string>>): number {
  if (status < 0) throw osError(status, what, syscall, fix)
  return status
}
