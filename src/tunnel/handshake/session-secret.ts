import { hkdfSync } from 'node:crypto'
import type { ScramOutcome } from '../auth/scram.ts'
import { HASH_OCTETS, hmac, isSame, sha256 } from '../auth/scram-keys.ts'

const NOTHING = Buffer.alloc(0)

/** Everything that was said on one connection so far, and the channel it was said on: what proofs are about. */
export class Transcript {
  readonly #parts: Uint8Array[]

  /** `binding` is the 32 octets of RFC 9266, or nothing where there is no TLS. */
  constructor(binding: Uint8Array | undefined) {
    this.#parts = [Buffer.from([binding === undefined ? 0 : 1]), binding ?? NOTHING]
  }

  /** A message, or the part of it that a proof is about, as it went over the wire. */
  add(message: Uint8Array): void {
    this.#parts.push(Uint8Array.from(message))
  }

  get octets(): readonly Uint8Array[] {
    return this.#parts
  }
}

/** What a session's two ends share, made from the password's proof; it never travels, and is never shown. */
export class SessionSecret {
  readonly #clientKey: Buffer
  readonly #serverKey: Buffer

  /** `secret` is 32 octets. */
  constructor(secret: Uint8Array) {
    this.#clientKey = expand(secret, 'gotcp client proof v1')
    this.#serverKey = expand(secret, 'gotcp server proof v1')
  }

  /** The secret of the session that begins with this exchange, whose transcript reaches to PROOF. */
  static derive({ clientKey, storedKey, serverKey }: ScramOutcome, transcript: Transcript): SessionSecret {
    const material = Buffer.concat([clientKey, storedKey, serverKey])
    const salt = sha256(...transcript.octets)
    return new SessionSecret(Buffer.from(hkdfSync('sha256', material, salt, 'gotcp session secret v1', HASH_OCTETS)))
  }

  /** That one end knows the secret, and has heard and said exactly this, on this channel. */
  proof(of: 'client' | 'server', transcript: Transcript): Buffer {
    return hmac(of === 'client' ? this.#clientKey : this.#serverKey, ...transcript.octets)
  }

  isProof(proof: Uint8Array, of: 'client' | 'server', transcript: Transcript): boolean {
    return isSame(proof, this.proof(of, transcript))
  }
}

const expand = (secret: Uint8Array, label: string): Buffer =>
  Buffer.from(hkdfSync('sha256', secret, NOTHING, label, HASH_OCTETS))
