import { HandshakeError } from './handshake-error.ts'
import { type ClientKeys, hmac, isSame, MAX_ITERATIONS, MIN_ITERATIONS, type ScramKeys, sha256 } from './scram-keys.ts'
import {
  type BindingFlag,
  bindingData,
  clientFinalBare,
  clientFirstBare,
  gs2Header,
  parseClientFinal,
  parseClientFirst,
  parseServerFinal,
  parseServerFirst,
  serverFinal,
  serverFirst,
} from './scram-messages.ts'

/** What both know when it is over, and nobody who only listened to TLS or stole the server's file does. */
export interface ScramOutcome extends ClientKeys {
  readonly user: string
}

export interface ScramClientOptions {
  /** As `saslPrep` gives it. */
  readonly user: string
  /** The keys of the password for the server's salt; RFC 5802 §5.1 lets a client keep them. */
  readonly keysFor: (salt: Uint8Array, iterations: number) => Promise<ClientKeys>
  /** The 32 octets of RFC 9266; with it the mechanism is SCRAM-SHA-256-PLUS. */
  readonly binding?: Uint8Array | undefined
  /** The server is believed not to bind although this side could: the flag `y`. */
  readonly isBindingRefused?: boolean
  /** Printable, without commas, never used before. */
  readonly nonce: string
  /** Fewer are refused. Default 4096. */
  readonly minIterations?: number
}

/** The client of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802 §3, RFC 7677): `first`, `answer`, `verify`, in that order. */
export class ScramClient {
  /** client-first-message. */
  readonly first: string
  readonly #options: ScramClientOptions
  readonly #flag: BindingFlag
  readonly #firstBare: string
  #keys: ClientKeys | undefined
  #authMessage = ''

  constructor(options: ScramClientOptions) {
    this.#options = options
    this.#flag = options.isBindingRefused ? 'y' : options.binding === undefined ? 'n' : 'p'
    this.#firstBare = clientFirstBare(options.user, options.nonce)
    this.first = gs2Header(this.#flag) + this.#firstBare
  }

  /** client-final-message. @throws {HandshakeError} when the server's answer is not one, or asks for too little or too much. */
  async answer(serverFirstMessage: string): Promise<string> {
    const { nonce, salt, iterations } = parseServerFirst(serverFirstMessage)
    const { nonce: ours, minIterations = MIN_ITERATIONS, binding, keysFor } = this.#options
    // RFC 5802 §5.1: the client must verify that the nonce begins with its own; and the server's part must be there.
    if (!nonce.startsWith(ours) || nonce.length < ours.length + 16) {
      throw new HandshakeError('protocol', { detail: 'the nonce is not ours' })
    }
    if (iterations < Math.max(minIterations, MIN_ITERATIONS) || iterations > MAX_ITERATIONS) {
      throw new HandshakeError('iterations', { detail: String(iterations) })
    }
    const keys = await keysFor(salt, iterations)
    const bare = clientFinalBare(bindingData(this.#flag, binding), nonce)
    this.#authMessage = `${this.#firstBare},${serverFirstMessage},${bare}`
    this.#keys = keys
    const proof = xor(keys.clientKey, hmac(keys.storedKey, this.#authMessage))
    return `${bare},p=${proof.toString('base64')}`
  }

  /** @throws {HandshakeError} `unproven` when the server does not know the password either. */
  verify(serverFinalMessage: string): ScramOutcome {
    const keys = this.#keys!
    const signature = parseServerFinal(serverFinalMessage)
    if (!isSame(signature, hmac(keys.serverKey, this.#authMessage))) throw new HandshakeError('unproven')
    return { ...keys, user: this.#options.user }
  }
}

export interface ScramServerOptions {
  /** The keys of a user; of one that does not exist, keys that look as if. */
  readonly keysFor: (user: string) => ScramKeys & { readonly isKnown: boolean }
  /** The 32 octets of RFC 9266; with it nothing but SCRAM-SHA-256-PLUS is taken. */
  readonly binding?: Uint8Array | undefined
  /** This side's part: printable, without commas, at least 16 characters, never used before. */
  readonly nonce: string
}

/** The server of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS: `challenge`, then `verify`. */
export class ScramServer {
  readonly #options: ScramServerOptions
  #flag: BindingFlag = 'n'
  #user = ''
  #keys: (ScramKeys & { readonly isKnown: boolean }) | undefined
  #firstBare = ''
  #challenge = ''
  #nonce = ''

  constructor(options: ScramServerOptions) {
    this.#options = options
  }

  /** server-first-message. @throws {HandshakeError} `binding` when the client's channel cannot be ours, or `protocol`. */
  challenge(clientFirstMessage: string): string {
    const { flag, user, nonce, bare } = parseClientFirst(clientFirstMessage)
    const { binding, keysFor, nonce: ours } = this.#options
    // RFC 5802 §6: 'y' to a server that binds, or no binding on a channel that has one, is a downgrade.
    if ((flag === 'p') !== (binding !== undefined)) {
      throw new HandshakeError('binding', { detail: flag === 'p' ? 'only the client has TLS' : `its flag is ${flag}` })
    }
    this.#flag = flag
    this.#user = user
    this.#firstBare = bare
    this.#keys = keysFor(user)
    this.#nonce = nonce + ours
    this.#challenge = serverFirst(this.#nonce, this.#keys.salt, this.#keys.iterations)
    return this.#challenge
  }

  /**
   * server-final-message, and who it is.
   * @throws {HandshakeError} `binding` when the client is bound to another channel, `credentials`, `protocol`.
   */
  verify(clientFinalMessage: string): { readonly final: string; readonly outcome: ScramOutcome } {
    const { binding, nonce, proof, bare } = parseClientFinal(clientFinalMessage)
    const keys = this.#keys!
    if (!isSame(Buffer.from(nonce), Buffer.from(this.#nonce))) {
      throw new HandshakeError('protocol', { detail: 'the nonce is not ours' })
    }
    if (!isSame(binding, bindingData(this.#flag, this.#options.binding))) throw new HandshakeError('binding')
    const authMessage = `${this.#firstBare},${this.#challenge},${bare}`
    const clientKey = xor(proof, hmac(keys.storedKey, authMessage))
    const isRight = isSame(sha256(clientKey), keys.storedKey)
    const signature = hmac(keys.serverKey, authMessage)
    // One answer for an unknown name and a wrong password, after the same work.
    if (!(Number(isRight) & Number(keys.isKnown))) throw new HandshakeError('credentials')
    const { iterations, salt, storedKey, serverKey } = keys
    const outcome = { user: this.#user, clientKey, iterations, salt, storedKey, serverKey }
    return { final: serverFinal(signature), outcome }
  }
}

function xor(a: Uint8Array, b: Uint8Array): Buffer {
  const out = Buffer.alloc(a.length)
  for (let i = 0; i < a.length; i++) out[i] = a[i]! ^ b[i]!
  return out
}
