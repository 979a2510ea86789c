import { type ErrorCode, NetError } from '../../base/errors.ts'

/** Why a handshake failed; each is the name of its counter as well. */
const FAILURES = {
  version: { code: 'EPROTO', text: 'the two sides have no version of the protocol in common' },
  protocol: { code: 'EPROTO', text: 'what was said is not this protocol; is that a gotcp server, and that port?' },
  timeout: { code: 'ETIMEDOUT', text: 'the handshake was not complete in time' },
  closed: { code: 'ECONNRESET', text: 'the connection ended in the middle of the handshake' },
  busy: { code: 'EBUSY', text: 'too many handshakes are going on at the server' },
  banned: {
    code: 'ERR_REFUSED',
    text: 'no passwords are taken from this address for a while: too many were wrong',
  },
  credentials: { code: 'ERR_AUTH', text: 'user or password is wrong' },
  binding: {
    code: 'ERR_AUTH',
    text: 'the two ends are not on the same TLS connection: somebody stands between them, or ends TLS for the server',
  },
  unbound: {
    code: 'ERR_AUTH',
    text: 'the server does not bind passwords to the TLS connection: somebody ends TLS before it, or pretends to be it',
  },
  iterations: {
    code: 'ERR_AUTH',
    text: 'the server asks for a number of iterations that no honest server asks for (RFC 7677 §4 has at least 4096)',
  },
  unproven: {
    code: 'ERR_AUTH',
    text: 'the server could not prove that it knows the password, or the session: it is not the right one',
  },
  session: { code: 'ERR_REFUSED', text: 'the session is not known (any more): authenticate anew' },
  path: { code: 'ERR_REFUSED', text: 'the number of the path was used before: take a higher one' },
  limit: {
    code: 'ERR_REFUSED',
    text: 'a limit of this user is reached: close other sessions or paths, or have it raised',
  },
  address: { code: 'ERR_REFUSED', text: 'no connections are taken from this address' },
  closing: { code: 'ERR_REFUSED', text: 'the server is being shut down' },
} as const satisfies Record<string, { readonly code: ErrorCode; readonly text: string }>

export type Failure = keyof typeof FAILURES

/** Letters of a name that a log needs. */
const LONGEST_CLAIM = 64

/** What a handshake fails with on either side: a code as every error has, and the exact `failure`. */
export class HandshakeError extends NetError {
  readonly failure: Failure
  /** Milliseconds until it makes sense to try again, as the server says; 0 when it says nothing. */
  readonly retryAfter: number
  /** The other side said so; otherwise it was found here. */
  readonly isFromPeer: boolean

  constructor(
    failure: Failure,
    about: { retryAfter?: number; isFromPeer?: boolean; detail?: string; cause?: unknown } = {},
  ) {
    const { code, text } = FAILURES[failure]
    const said = about.isFromPeer ? `the server says: ${text}` : text
    super(code, `Cannot begin the session: ${said}${about.detail === undefined ? '' : `: ${about.detail}`}`)
    this.failure = failure
    this.retryAfter = about.retryAfter ?? 0
    this.isFromPeer = about.isFromPeer ?? false
    if (about.cause !== undefined) this.cause = about.cause
  }

  /** The same for those who read the server's log: who it was that failed, as far as one can believe him. */
  by(claim: string): HandshakeError {
    const detail = JSON.stringify(claim.slice(0, LONGEST_CLAIM))
    return new HandshakeError(this.failure, { retryAfter: this.retryAfter, detail, cause: this })
  }

  /** Whatever was thrown in the middle of a handshake, as the end of that handshake and of nothing else. */
  static of(error: unknown): HandshakeError {
    if (error instanceof HandshakeError) return error
    const failure = error instanceof NetError && error.code === 'EBUSY' ? 'busy' : 'protocol'
    return new HandshakeError(failure, { detail: error instanceof Error ? error.message : String(error), cause: error })
  }
}
