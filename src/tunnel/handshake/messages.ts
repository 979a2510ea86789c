import { type Failure, HandshakeError } from '../auth/handshake-error.ts'
import { SESSION_ID_OCTETS, type SessionLimits } from '../auth/session-registry.ts'

/** The octets of every message of the handshake: docs/session-handshake.md has the pictures. */
export const MessageType = {
  GREETING: 1,
  HELLO: 2,
  AUTH: 3,
  CHALLENGE: 4,
  PROOF: 5,
  WELCOME: 6,
  JOIN: 7,
  ACCEPT: 8,
  REFUSE: 9,
} as const
export type MessageType = (typeof MessageType)[keyof typeof MessageType]

/** The only version there is so far. */
export const VERSION = 1
const MAGIC = 'gotcp'
/** Of a message, with its header. */
export const MAX_MESSAGE = 4096
export const HEADER_OCTETS = 3
export const NONCE_OCTETS = 16
const PROOF_OCTETS = 32
const INSTANCE_OCTETS = 16

/** Which mechanisms a server takes on this connection. */
export const Mechanism = { SCRAM_SHA_256: 1, SCRAM_SHA_256_PLUS: 2 } as const

/** What REFUSE says, by its octet. */
const REFUSALS: { readonly [code: number]: Failure } = {
  1: 'version',
  2: 'busy',
  3: 'banned',
  4: 'credentials',
  5: 'binding',
  6: 'session',
  7: 'path',
  8: 'limit',
  9: 'protocol',
  10: 'timeout',
  11: 'closing',
  12: 'address',
}
const CODES = new Map(Object.entries(REFUSALS).map(([code, failure]) => [failure, Number(code)]))
const MAX_RETRY_AFTER = 0xffff

export interface Greeting {
  readonly minVersion: number
  readonly maxVersion: number
  readonly mechanisms: number
  readonly features: number
  readonly nonce: Uint8Array
}

export interface Hello {
  readonly version: number
  readonly features: number
}

export interface Auth {
  readonly instance: Uint8Array
  readonly credit: number
  /** client-first-message of SCRAM. */
  readonly scram: string
}

export interface Join {
  readonly sessionId: Uint8Array
  readonly pathId: number
  readonly nonce: Uint8Array
}

export interface Welcome {
  readonly sessionId: Uint8Array
  readonly limits: SessionLimits
  /** server-final-message of SCRAM. */
  readonly scram: string
}

/** A message as it goes over the wire. */
export function writeMessage(type: MessageType, ...parts: readonly Uint8Array[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  return Buffer.concat([Buffer.from([type, length >>> 8, length & 0xff]), ...parts])
}

export const writeGreeting = ({ minVersion, maxVersion, mechanisms, features, nonce }: Greeting): Buffer =>
  writeMessage(
    MessageType.GREETING,
    Buffer.from(MAGIC),
    Buffer.from([minVersion, maxVersion, mechanisms]),
    u32(features),
    nonce,
  )

/** What a later version says behind the nonce is ignored. */
export function readGreeting(body: Buffer): Greeting {
  if (body.length < 12 + NONCE_OCTETS || body.toString('latin1', 0, 5) !== MAGIC) throw malformed('GREETING')
  const [minVersion, maxVersion, mechanisms] = body.subarray(5, 8)
  const nonce = body.subarray(12, 12 + NONCE_OCTETS)
  return {
    minVersion: minVersion!,
    maxVersion: maxVersion!,
    mechanisms: mechanisms!,
    features: body.readUInt32BE(8),
    nonce,
  }
}

export const writeHello = ({ version, features }: Hello): Buffer =>
  writeMessage(MessageType.HELLO, Buffer.from([version]), u32(features))

export function readHello(body: Buffer): Hello {
  if (body.length !== 5) throw malformed('HELLO')
  return { version: body[0]!, features: body.readUInt32BE(1) }
}

export const writeAuth = ({ instance, credit, scram }: Auth): Buffer =>
  writeMessage(MessageType.AUTH, instance, u32(credit), Buffer.from(scram))

export function readAuth(body: Buffer): Auth {
  if (body.length < INSTANCE_OCTETS + 4) throw malformed('AUTH')
  return {
    instance: body.subarray(0, INSTANCE_OCTETS),
    credit: body.readUInt32BE(INSTANCE_OCTETS),
    scram: readText(body.subarray(INSTANCE_OCTETS + 4)),
  }
}

const WELCOME_FIELDS = SESSION_ID_OCTETS + 14

/** All of WELCOME but its proof; the header counts that as well. */
export const writeWelcome = ({ sessionId, limits, scram }: Welcome): Buffer =>
  withoutProof(
    MessageType.WELCOME,
    sessionId,
    u16(limits.maxPaths),
    u32(limits.maxStreams),
    u32(limits.freezeTime),
    u32(limits.credit),
    Buffer.from(scram),
  )

export function readWelcome(body: Buffer): Welcome {
  if (body.length < WELCOME_FIELDS + PROOF_OCTETS) throw malformed('WELCOME')
  const at = SESSION_ID_OCTETS
  return {
    sessionId: body.subarray(0, at),
    limits: {
      maxPaths: body.readUInt16BE(at),
      maxStreams: body.readUInt32BE(at + 2),
      freezeTime: body.readUInt32BE(at + 6),
      credit: body.readUInt32BE(at + 10),
    },
    scram: readText(body.subarray(WELCOME_FIELDS, body.length - PROOF_OCTETS)),
  }
}

/** All of JOIN but its proof. */
export const writeJoin = ({ sessionId, pathId, nonce }: Join): Buffer =>
  withoutProof(MessageType.JOIN, sessionId, u32(pathId), nonce)

export function readJoin(body: Buffer): Join {
  if (body.length !== SESSION_ID_OCTETS + 4 + NONCE_OCTETS + PROOF_OCTETS) throw malformed('JOIN')
  const nonceAt = SESSION_ID_OCTETS + 4
  return {
    sessionId: body.subarray(0, SESSION_ID_OCTETS),
    pathId: body.readUInt32BE(SESSION_ID_OCTETS),
    nonce: body.subarray(nonceAt, nonceAt + NONCE_OCTETS),
  }
}

/** All of ACCEPT but its proof. */
export const writeAccept = (): Buffer => withoutProof(MessageType.ACCEPT)

/** The proof that ends a message of JOIN, ACCEPT or WELCOME, and the message without it. */
export function splitProof(message: Buffer): { readonly proof: Buffer; readonly before: Buffer } {
  const at = message.length - PROOF_OCTETS
  if (at < HEADER_OCTETS) throw malformed('a proof is missing')
  return { proof: message.subarray(at), before: message.subarray(0, at) }
}

export function writeRefuse(failure: Failure, retryAfter: number): Buffer {
  const seconds = Math.min(MAX_RETRY_AFTER, Math.ceil(retryAfter / 1000))
  return writeMessage(MessageType.REFUSE, Buffer.from([CODES.get(failure) ?? CODES.get('protocol')!]), u16(seconds))
}

export function readRefuse(body: Buffer): HandshakeError {
  if (body.length !== 3) throw malformed('REFUSE')
  const failure = REFUSALS[body[0]!] ?? 'protocol'
  return new HandshakeError(failure, { retryAfter: body.readUInt16BE(1) * 1000, isFromPeer: true })
}

/** A message whose last 32 octets, which its length counts, are still to come. */
function withoutProof(type: MessageType, ...parts: readonly Uint8Array[]): Buffer {
  const message = writeMessage(type, ...parts)
  message.writeUInt16BE(message.length - HEADER_OCTETS + PROOF_OCTETS, 1)
  return message
}

/** UTF-8 that is no other text when written again: nothing is replaced, nothing is skipped. */
export function readText(bytes: Buffer): string {
  const text = bytes.toString()
  if (!Buffer.from(text).equals(bytes)) throw malformed('text that is not UTF-8')
  return text
}

const u16 = (value: number): Buffer => Buffer.from([(value >>> 8) & 0xff, value & 0xff])
const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(Math.min(value, 0xffff_ffff))
  return bytes
}

const malformed = (detail: string): HandshakeError => new HandshakeError('protocol', { detail })
