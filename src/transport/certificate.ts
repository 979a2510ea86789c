import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { NetError } from '../base/errors.ts'
import { keptText } from './kept-text.ts'

/** A certificate (with its chain, if it has one) and its private key: PEM. */
export interface Identity {
  readonly certificate: string
  readonly key: string
}

/** Where `ownIdentity` keeps it: one file for both, so that there is never one without the other. */
export const IDENTITY_FILE = 'identity.pem'

const YEARS = 10
const CERTIFICATES = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g
const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]+-----END [A-Z ]*PRIVATE KEY-----/

/** From files, as an authority gives them out. @throws {NetError} EINVAL that names the file, and what is wrong with it. */
export async function readIdentity(certificateFile: string, keyFile: string): Promise<Identity> {
  const certificate = await readPem('certificate', certificateFile)
  const key = certificateFile === keyFile ? certificate : await readPem('key', keyFile)
  return checked({ certificate, key }, certificateFile, keyFile)
}

/** An authority's certificates, PEM. @throws {NetError} EINVAL that names the file, and what is wrong with it. */
export async function readAuthority(file: string): Promise<string> {
  const text = await readPem('authority', file)
  const all = text.match(CERTIFICATES) ?? []
  const isSound = all.length > 0 && all.every((each) => attempt(() => new X509Certificate(each)) !== undefined)
  if (!isSound) throw new NetError('EINVAL', `Cannot use "${file}": it holds no certificate in PEM`)
  return all.join('\n')
}

/**
 * The server's own: made at the first call, signed by itself (ECDSA P-256, ten years), and kept in `directory` from then
 * on, for its owner's eyes only. Two processes that begin at once end up with the same one.
 * @throws {NetError} EINVAL when the directory cannot be written, or what is in the file is none
 */
export async function ownIdentity(directory: string): Promise<Identity> {
  const kept = await keptText(directory, IDENTITY_FILE, "the server's certificate", async () => {
    const { certificate, key } = await makeIdentity()
    return `${certificate.trim()}\n${key.trim()}\n`
  })
  const path = join(directory, IDENTITY_FILE)
  const certificate = kept.match(CERTIFICATES)?.join('\n') ?? ''
  const key = PRIVATE_KEY.exec(kept)?.[0] ?? ''
  return checked({ certificate, key }, path, path)
}

/** `sha256:` and the digest of the certificate in hexadecimal. */
export const fingerprintOf = (certificate: string | Buffer): string =>
  `sha256:${new X509Certificate(certificate).fingerprint256.replaceAll(':', '').toLowerCase()}`

/** As `fingerprintOf` writes it, or as `openssl x509 -fingerprint -sha256` does; undefined for anything else. */
export function parseFingerprint(text: string): string | undefined {
  const digits = text
    .trim()
    .replace(/^sha-?256(:| fingerprint=)/i, '')
    .replaceAll(':', '')
  return /^[0-9a-f]{64}$/i.test(digits) ? `sha256:${digits.toLowerCase()}` : undefined
}

async function makeIdentity(): Promise<Identity> {
  // Rarely needed, and slow to load.
  const { generate } = await import('selfsigned')
  const notBeforeDate = new Date()
  const notAfterDate = new Date(notBeforeDate)
  notAfterDate.setFullYear(notAfterDate.getFullYear() + YEARS)
  const made = await generate([{ name: 'commonName', value: 'gotcp' }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    notBeforeDate,
    notAfterDate,
  })
  return { certificate: made.cert, key: made.private }
}

async function readPem(what: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw new NetError('EINVAL', `Cannot read the ${what} "${path}": ${(error as Error).message}`)
  }
}

function checked(identity: Identity, certificateFile: string, keyFile: string): Identity {
  const problem = (file: string, why: string): NetError => new NetError('EINVAL', `Cannot use "${file}": ${why}`)
  const certificate = attempt(() => new X509Certificate(identity.certificate))
  if (certificate === undefined) throw problem(certificateFile, 'it holds no certificate in PEM')
  const key = attempt(() => createPrivateKey(identity.key))
  if (key === undefined) throw problem(keyFile, 'it holds no private key in PEM without a passphrase')
  if (!certificate.checkPrivateKey(key)) throw problem(keyFile, `it is not the key of "${certificateFile}"`)
  return identity
}

function attempt<T>(body: () => T): T | undefined {
  try {
    return body()
  } catch {
    return undefined
  }
}
