import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { NetError } from '../../base/errors.ts'
import { saslPrep } from './saslprep.ts'

/** RFC 7677 §4: a server should ask for no less, and a client does less for nobody. */
export const MIN_ITERATIONS = 4096
/** About four seconds of a processor: more is no protection, only a way to keep a client busy. */
export const MAX_ITERATIONS = 10_000_000
/** What is asked for where nobody says otherwise: about 40 ms of a client, once for each session. */
export const DEFAULT_ITERATIONS = 100_000
export const HASH_OCTETS = 32
export const SALT_OCTETS = 16
const MAX_SALT = 128
/** Octets: a password is a password, not a way to make the hash function work. */
export const MAX_PASSWORD = 1024

/** Derivations at once: the rest of the thread pool is for files and names. */
const MAX_AT_ONCE = 2
const MAX_WAITING = 256

/** What a server keeps of a password (RFC 5802 §3): enough to check it and to prove itself, not to log in with. */
export interface ScramKeys {
  readonly iterations: number
  readonly salt: Uint8Array
  readonly storedKey: Uint8Array
  readonly serverKey: Uint8Array
}

/** What a client knows who knows the password. */
export interface ClientKeys extends ScramKeys {
  readonly clientKey: Uint8Array
}

export const sha256 = (...parts: readonly (Uint8Array | string)[]): Buffer => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

export const hmac = (key: Uint8Array, ...parts: readonly (Uint8Array | string)[]): Buffer => {
  const mac = createHmac('sha256', key)
  for (const part of parts) mac.update(part)
  return mac.digest()
}

/** Whether they are the same, found in a time that tells nothing but whether their lengths are. */
export const isSame = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && timingSafeEqual(a, b)

let running = 0
const waiting: (() => void)[] = []
const pbkdf2Async = promisify(pbkdf2)

/**
 * All keys of a password, computed outside of the event loop and a few at a time.
 * @throws {NetError} EINVAL when the password cannot be used, EBUSY when hundreds wait already.
 */
export async function deriveKeys(password: string, salt: Uint8Array, iterations: number): Promise<ClientKeys> {
  const prepared = preparePassword(password)
  if (waiting.length >= MAX_WAITING)
    throw new NetError('EBUSY', 'Too many passwords are being worked on: try again later')
  if (running >= MAX_AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve))
  else running++
  try {
    // RFC 5802 §2.2, Hi(): one block of PBKDF2.
    const saltedPassword = await pbkdf2Async(prepared, salt, iterations, HASH_OCTETS, 'sha256')
    const clientKey = hmac(saltedPassword, 'Client Key')
    return { iterations, salt, clientKey, storedKey: sha256(clientKey), serverKey: hmac(saltedPassword, 'Server Key') }
  } finally {
    const next = waiting.shift()
    if (next === undefined) running--
    else next()
  }
}

function preparePassword(password: string): string {
  const prepared = saslPrep(password)
  if (prepared !== undefined && Buffer.byteLength(prepared) <= MAX_PASSWORD) return prepared
  const why =
    prepared === undefined ? 'it is empty or has control characters' : `it is longer than ${MAX_PASSWORD} octets`
  throw new NetError('EINVAL', `Cannot use the password: ${why}`)
}

/** The stored form of a password, as PostgreSQL writes it: `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`. */
export async function hashPassword(password: string, iterations = DEFAULT_ITERATIONS): Promise<string> {
  return formatScramKeys(await deriveKeys(password, randomBytes(SALT_OCTETS), iterations))
}

export const formatScramKeys = ({ iterations, salt, storedKey, serverKey }: ScramKeys): string =>
  `SCRAM-SHA-256$${iterations}:${base64(salt)}$${base64(storedKey)}:${base64(serverKey)}`

const STORED_FORM = /^SCRAM-SHA-256\$(\d{1,8}):([^$:]+)\$([^$:]+):([^$:]+)$/

/** Reads the stored form. Undefined for anything else, and for fewer than 4096 iterations. */
export function parseScramKeys(text: string): ScramKeys | undefined {
  const [, count, saltText, storedText, serverText] = STORED_FORM.exec(text.trim()) ?? []
  if (count === undefined) return undefined
  const iterations = Number(count)
  const [salt, storedKey, serverKey] = [saltText!, storedText!, serverText!].map(readBase64)
  if (iterations < MIN_ITERATIONS || iterations > MAX_ITERATIONS) return undefined
  if (salt === undefined || salt.length > MAX_SALT) return undefined
  if (storedKey?.length !== HASH_OCTETS || serverKey?.length !== HASH_OCTETS) return undefined
  return { iterations, salt, storedKey, serverKey }
}

export const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')

/** The octets of base64 as RFC 4648 §4 writes it, at least one; undefined for any other spelling. */
export function readBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64')
  return bytes.length > 0 && bytes.toString('base64') === text ? bytes : undefined
}
