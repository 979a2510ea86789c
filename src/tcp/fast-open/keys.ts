import type { Ipv4Addr } from '../../base/address.ts'
import { rangeError } from '../../base/argument-errors.ts'
import type { Rng } from '../../base/rng.ts'
import { type SipKey, sipHash64, sipKey } from '../../base/siphash.ts'
import type { TcpOptions } from '../../wire/tcp-options.ts'

// RFC 7413 §4.1.2: a server's cookie authenticates the address of a client, and
// is computed afresh for each SYN, so that nothing is remembered. Ours is the
// SipHash tag of both addresses, as Linux computes it: servers of either kind
// behind one address can share a key.

/** What a Fast Open option carries: up to 16 bytes, none to ask for some, in the option of RFC 7413 or in the older one. */
export interface FastOpenCookie {
  readonly bytes: Uint8Array
  readonly isExperimental: boolean
}

const COOKIE_LEN = 8
const KEY_LEN = 16

const swapBytes = (word: number): number =>
  ((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)

/** The cookie of a segment, in memory of its own; undefined when it has none, empty when it asks for one. */
export function cookieOf(seg: {
  readonly options: TcpOptions
  readonly bytes: Uint8Array
}): FastOpenCookie | undefined {
  const { cookieAt, cookieLen, cookieIsExperimental } = seg.options
  if (cookieLen < 0) return undefined
  return { bytes: seg.bytes.slice(cookieAt, cookieAt + cookieLen), isExperimental: cookieIsExperimental }
}

/** The keys of a server: cookies are made with the first, and those of the second are still taken (§4.1.2: cookies expire with the key). */
export class FastOpenKeys {
  readonly primary: SipKey
  readonly backup: SipKey | undefined

  constructor(primary: SipKey, backup?: SipKey) {
    this.primary = primary
    this.backup = backup
  }

  static random(rng: Rng): FastOpenKeys {
    return new FastOpenKeys(sipKey(rng))
  }

  /** A new primary key; what was primary is still taken. */
  rotate(primary: SipKey): FastOpenKeys {
    return new FastOpenKeys(primary, this.primary)
  }

  /** The cookie for a client at `remote` that talks to `local`. */
  cookieFor(remote: Ipv4Addr, local: Ipv4Addr): Uint8Array {
    return cookieWith(this.primary, remote, local)
  }

  /** Whether the bytes are a cookie of that client: by the primary key, by the backup, or not at all. */
  check(bytes: Uint8Array, remote: Ipv4Addr, local: Ipv4Addr): 'primary' | 'backup' | undefined {
    if (sameBytes(bytes, cookieWith(this.primary, remote, local))) return 'primary'
    if (this.backup !== undefined && sameBytes(bytes, cookieWith(this.backup, remote, local))) return 'backup'
    return undefined
  }
}

function cookieWith(key: SipKey, remote: Ipv4Addr, local: Ipv4Addr): Uint8Array {
  const [low, high] = sipHash64(key, [swapBytes(remote), swapBytes(local)])
  const cookie = new Uint8Array(COOKIE_LEN)
  const view = new DataView(cookie.buffer)
  view.setUint32(0, low, true)
  view.setUint32(4, high, true)
  return cookie
}

/** Compares in a time that does not tell where two cookies differ. */
function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  let difference = 0
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!
  return difference === 0
}

/**
 * Reads a key as people write it: four groups of eight hexadecimal digits, joined by hyphens, as in Linux's sysctl.
 * @throws {RangeError} when it is no such text.
 */
export function parseFastOpenKey(text: string): SipKey {
  const match = /^([\da-f]{1,8})-([\da-f]{1,8})-([\da-f]{1,8})-([\da-f]{1,8})$/i.exec(text)
  if (match === null) {
    throw rangeError(`Cannot use the Fast Open key ${text}: it must be four hexadecimal words joined by hyphens`)
  }
  const word = (group: number): number => Number.parseInt(match[group]!, 16) | 0
  return [word(1), word(2), word(3), word(4)]
}

/**
 * Takes a key as 16 bytes, the way sockets are given one; 32 are a primary and a backup key.
 * @throws {RangeError} when they are of another number.
 */
export function fastOpenKeysOf(bytes: Uint8Array): FastOpenKeys {
  if (bytes.length !== KEY_LEN && bytes.length !== 2 * KEY_LEN) {
    throw rangeError(`Cannot use a Fast Open key of ${bytes.length} bytes: it has 16, or 32 with a backup key`)
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const keyAt = (at: number): SipKey => [
    view.getInt32(at, true),
    view.getInt32(at + 4, true),
    view.getInt32(at + 8, true),
    view.getInt32(at + 12, true),
  ]
  return new FastOpenKeys(keyAt(0), bytes.length > KEY_LEN ? keyAt(KEY_LEN) : undefined)
}
