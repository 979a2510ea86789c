import { NetError } from '../../base/errors.ts'
import { saslPrep } from './saslprep.ts'
import { type ClientKeys, deriveKeys, isSame, MAX_PASSWORD } from './scram-keys.ts'

/** Who logs in, and what his password becomes with a server's salt. */
export interface ClientCredentials {
  /** As `saslPrep` gives it. */
  readonly user: string
  keysFor(salt: Uint8Array, iterations: number): Promise<ClientKeys>
}

/**
 * A user with a password. The keys for the latest salt are kept, so that only the first of several sessions costs the
 * iterations (RFC 5802 §5.1).
 * @throws {NetError} EINVAL when name or password cannot be used.
 */
export function passwordCredentials(name: string, password: string): ClientCredentials {
  const user = saslPrep(name)
  if (user === undefined)
    throw new NetError('EINVAL', 'Cannot use the user name: it is empty or has control characters')
  const prepared = saslPrep(password)
  if (prepared === undefined || Buffer.byteLength(prepared) > MAX_PASSWORD) {
    throw new NetError(
      'EINVAL',
      `Cannot use the password: it is empty, has control characters, or is longer than ${MAX_PASSWORD} octets`,
    )
  }
  let latest: ClientKeys | undefined
  return {
    user,
    async keysFor(salt, iterations) {
      if (latest === undefined || latest.iterations !== iterations || !isSame(latest.salt, salt)) {
        latest = await deriveKeys(prepared, Uint8Array.from(salt), iterations)
      }
      return latest
    },
  }
}
