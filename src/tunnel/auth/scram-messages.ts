import { HandshakeError } from './handshake-error.ts'
import { base64, HASH_OCTETS, readBase64 } from './scram-keys.ts'

/** RFC 9266 §2: the only channel binding there is with TLS 1.3. */
const BINDING_NAME = 'tls-exporter'
const MAX_NAME = 255
const MAX_SALT = 128
/** RFC 5802 §7: printable ASCII but the comma. */
const NONCE = /^[\x21-\x2b\x2d-\x7e]{16,256}$/

/**
 * What a client says about channel binding (RFC 5802 §6): `p` it binds, `n` it has nothing to bind to, `y` it could but
 * believes that the server cannot.
 */
export type BindingFlag = 'p' | 'n' | 'y'

/** RFC 5802 §7, gs2-header. No name to act as: whoever logs in acts as himself. */
export const gs2Header = (flag: BindingFlag): string => `${flag === 'p' ? `p=${BINDING_NAME}` : flag},,`

/** The `c` of client-final-message: the header, and what it is bound to. */
export const bindingData = (flag: BindingFlag, binding: Uint8Array | undefined): Buffer =>
  Buffer.concat([Buffer.from(gs2Header(flag)), flag === 'p' ? binding! : Buffer.alloc(0)])

export const clientFirstBare = (user: string, nonce: string): string =>
  `n=${user.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${nonce}`

export interface ClientFirst {
  readonly flag: BindingFlag
  readonly user: string
  readonly nonce: string
  readonly bare: string
}

export function parseClientFirst(text: string): ClientFirst {
  const [, header, name, authzid, bare] = /^(n|y|p=([A-Za-z0-9.-]{1,64})),([^,]*),(.*)$/s.exec(text) ?? []
  if (header === undefined) throw malformed('client-first-message')
  // Not RFC: nobody acts as somebody else; see docs/deviations.md#scram
  if (authzid !== '') throw malformed('client-first-message: acting as somebody else is not supported')
  if (name !== undefined && name !== BINDING_NAME)
    throw new HandshakeError('binding', { detail: `it binds to ${name}` })
  const [, userText, nonce] = /^n=([^,]+),r=([^,]+)(?:,.*)?$/s.exec(bare!) ?? []
  const user = userText === undefined ? undefined : readName(userText)
  if (user === undefined || nonce === undefined || !NONCE.test(nonce)) throw malformed('client-first-message')
  return { flag: header[0] as BindingFlag, user, nonce, bare: bare! }
}

/** RFC 5802 §5.1: `=2C` and `=3D` are the only ways to write a comma and an equals sign. */
function readName(text: string): string | undefined {
  if (/=(?!2C|3D)/.test(text) || Buffer.byteLength(text) > 3 * MAX_NAME) return undefined
  const name = text.replaceAll('=2C', ',').replaceAll('=3D', '=')
  return Buffer.byteLength(name) > MAX_NAME ? undefined : name
}

export const serverFirst = (nonce: string, salt: Uint8Array, iterations: number): string =>
  `r=${nonce},s=${base64(salt)},i=${iterations}`

export interface ServerFirst {
  readonly nonce: string
  readonly salt: Uint8Array
  readonly iterations: number
}

export function parseServerFirst(text: string): ServerFirst {
  const [, nonce, saltText, count] = /^r=([^,]+),s=([^,]+),i=([1-9]\d{0,8})(?:,.*)?$/s.exec(text) ?? []
  const salt = saltText === undefined ? undefined : readBase64(saltText)
  if (nonce === undefined || !NONCE.test(nonce) || salt === undefined || salt.length > MAX_SALT) {
    throw malformed('server-first-message')
  }
  return { nonce, salt, iterations: Number(count) }
}

export const clientFinalBare = (binding: Uint8Array, nonce: string): string => `c=${base64(binding)},r=${nonce}`

export interface ClientFinal {
  readonly binding: Uint8Array
  readonly nonce: string
  readonly proof: Uint8Array
  readonly bare: string
}

export function parseClientFinal(text: string): ClientFinal {
  const [, bare, bindingText, nonce, proofText] = /^(c=([^,]+),r=([^,]+)(?:,.*)?),p=([^,]+)$/s.exec(text) ?? []
  if (bare === undefined) throw malformed('client-final-message')
  const binding = readBase64(bindingText!)
  const proof = readBase64(proofText!)
  if (binding === undefined || proof?.length !== HASH_OCTETS) throw malformed('client-final-message')
  return { binding, nonce: nonce!, proof, bare }
}

export const serverFinal = (signature: Uint8Array): string => `v=${base64(signature)}`

export function parseServerFinal(text: string): Uint8Array {
  const [, signatureText] = /^v=([^,]+)(?:,.*)?$/s.exec(text) ?? []
  const signature = signatureText === undefined ? undefined : readBase64(signatureText)
  if (signature?.length !== HASH_OCTETS) throw malformed('server-final-message')
  return signature
}

const malformed = (what: string): HandshakeError => new HandshakeError('protocol', { detail: what })
