import { randomBytes } from 'node:crypto'
import type { Lease } from '../auth/guard.ts'
import { HandshakeError } from '../auth/handshake-error.ts'
import { ScramServer } from '../auth/scram.ts'
import { HASH_OCTETS } from '../auth/scram-keys.ts'
import type { RegisteredSession, SessionLimits, SessionRegistry } from '../auth/session-registry.ts'
import type { User, UserStore } from '../auth/users.ts'
import type { HandshakeEvents } from './events.ts'
import { MessageReader } from './message-reader.ts'
import {
  HEADER_OCTETS,
  Mechanism,
  MessageType,
  NONCE_OCTETS,
  readAuth,
  readHello,
  readJoin,
  readText,
  splitProof,
  VERSION,
  writeAccept,
  writeGreeting,
  writeMessage,
  writeRefuse,
  writeWelcome,
} from './messages.ts'
import { SessionSecret, Transcript } from './session-secret.ts'

export interface ServerHandshakeOptions {
  readonly users: UserStore
  readonly sessions: SessionRegistry<SessionSecret>
  /** What a session may where its user's own limits say nothing. */
  readonly limits: SessionLimits
  /** The 32 octets of RFC 9266 of this connection; absent without TLS. */
  readonly binding?: Uint8Array | undefined
  /** Bits of what this side can beyond version 1. Default none. */
  readonly features?: number
  readonly random?: (octets: number) => Uint8Array
}

export interface ServerHandshakeResult {
  readonly kind: 'authenticated' | 'joined'
  readonly session: RegisteredSession<SessionSecret>
  /** Counts among `session.paths`; give it back with `SessionRegistry.leave`. */
  readonly pathId: number
  /** As he is now; changes when users are read again. */
  readonly user: User
  readonly features: number
}

/** What the client may say in each state. */
const EXPECTED = {
  hello: [MessageType.HELLO],
  wish: [MessageType.AUTH, MessageType.JOIN],
  proof: [MessageType.PROOF],
  over: [],
} as const satisfies Record<string, readonly MessageType[]>

/** Of sessions that do not exist: nobody knows it. */
const UNKNOWN = new SessionSecret(randomBytes(HASH_OCTETS))

/** The server's side of the handshake: octets in, octets out. `start`, then `receive` what comes. */
export class ServerHandshake {
  readonly #options: ServerHandshakeOptions
  readonly #lease: Lease
  readonly #events: HandshakeEvents<ServerHandshakeResult>
  readonly #reader = new MessageReader()
  readonly #transcript: Transcript
  readonly #random: (octets: number) => Uint8Array
  #state: keyof typeof EXPECTED = 'hello'
  #features = 0
  #scram: ScramServer | undefined
  /** Who it says it is, before that is proven. */
  #claim: string | undefined
  #instance: Uint8Array = Buffer.alloc(0)
  #credit = 0

  /** The lease is released when it is over. */
  constructor(options: ServerHandshakeOptions, lease: Lease, events: HandshakeEvents<ServerHandshakeResult>) {
    this.#options = options
    this.#lease = lease
    this.#events = events
    this.#random = options.random ?? randomBytes
    this.#transcript = new Transcript(options.binding)
    lease.onDisplaced = () => this.#fail(new HandshakeError('busy', { retryAfter: 1000 }))
  }

  /** Greets. */
  start(): void {
    const { binding, features = 0 } = this.#options
    const mechanisms = binding === undefined ? Mechanism.SCRAM_SHA_256 : Mechanism.SCRAM_SHA_256_PLUS
    const nonce = this.#random(NONCE_OCTETS)
    const greeting = writeGreeting({ minVersion: VERSION, maxVersion: VERSION, mechanisms, features, nonce })
    this.#transcript.add(greeting)
    this.#events.send(greeting)
  }

  /** Octets from the client, cut anyhow. */
  receive(bytes: Uint8Array): void {
    if (this.#state === 'over') return
    try {
      this.#reader.push(bytes)
      while (!this.#isOver()) {
        const message = this.#reader.next(EXPECTED[this.#state])
        if (message === undefined) return
        this.#onMessage(message)
      }
    } catch (error) {
      this.#fail(HandshakeError.of(error))
    }
  }

  /** The connection has ended. */
  closed(): void {
    this.#fail(new HandshakeError('closed'))
  }

  /** The time is over. */
  expire(): void {
    this.#fail(new HandshakeError('timeout'))
  }

  /** The server is being shut down. */
  abort(): void {
    this.#fail(new HandshakeError('closing'))
  }

  #isOver(): boolean {
    return this.#state === 'over'
  }

  #onMessage(message: Buffer): void {
    const body = message.subarray(HEADER_OCTETS)
    const type = message[0]
    if (type === MessageType.HELLO) this.#onHello(message, body)
    else if (type === MessageType.AUTH) this.#onAuth(message, body)
    else if (type === MessageType.JOIN) this.#onJoin(message, body)
    else this.#onProof(message, body)
  }

  #onHello(message: Buffer, body: Buffer): void {
    const hello = readHello(body)
    if (hello.version !== VERSION) throw new HandshakeError('version', { detail: `it wants ${hello.version}` })
    this.#features = (hello.features & (this.#options.features ?? 0)) >>> 0
    this.#transcript.add(message)
    this.#state = 'wish'
  }

  #onAuth(message: Buffer, body: Buffer): void {
    const { instance, credit, scram } = readAuth(body)
    const { bannedFor } = this.#lease
    if (bannedFor > 0) throw new HandshakeError('banned', { retryAfter: bannedFor })
    const { users, binding } = this.#options
    this.#scram = new ScramServer({
      keysFor: (user) => {
        this.#claim = user
        return users.keysFor(user)
      },
      binding,
      nonce: Buffer.from(this.#random(24)).toString('base64'),
    })
    const challenge = writeMessage(MessageType.CHALLENGE, Buffer.from(this.#scram.challenge(scram)))
    this.#instance = Uint8Array.from(instance)
    this.#credit = credit
    this.#transcript.add(message)
    this.#transcript.add(challenge)
    this.#state = 'proof'
    this.#events.send(challenge)
  }

  #onProof(message: Buffer, body: Buffer): void {
    this.#expectNothingMore()
    const { final, outcome } = this.#scram!.verify(readText(body))
    const { users, sessions, limits } = this.#options
    const user = users.find(outcome.user)
    if (user === undefined) throw new HandshakeError('credentials')
    this.#transcript.add(message)
    const secret = SessionSecret.derive(outcome, this.#transcript)
    const session = sessions.create(
      {
        user: user.name,
        instance: this.#instance,
        clientCredit: this.#credit,
        secret,
        limits: limitsOf(user, limits),
      },
      user.maxSessions,
    )
    if (session === undefined) throw new HandshakeError('limit', { retryAfter: limits.freezeTime })
    const welcome = writeWelcome({ sessionId: session.id, limits: session.limits, scram: final })
    this.#prove(welcome, secret)
    this.#done({ kind: 'authenticated', session, pathId: 0, user, features: this.#features })
  }

  #onJoin(message: Buffer, body: Buffer): void {
    this.#expectNothingMore()
    const { sessionId, pathId } = readJoin(body)
    const { users, sessions } = this.#options
    const { proof, before } = splitProof(message)
    this.#transcript.add(before)
    const session = sessions.find(sessionId)
    // An unknown session costs the same work as a wrong proof, and gets the same answer.
    const secret = session?.secret ?? UNKNOWN
    const isProof = secret.isProof(proof, 'client', this.#transcript)
    if (!isProof || session === undefined) throw new HandshakeError('session')
    const user = users.find(session.user)
    if (user === undefined) throw new HandshakeError('session', { detail: 'its user is gone' })
    const refusal = sessions.join(session, pathId)
    if (refusal !== undefined) throw new HandshakeError(refusal, refusal === 'limit' ? { retryAfter: 1000 } : {})
    this.#transcript.add(proof)
    this.#prove(writeAccept(), secret)
    this.#done({ kind: 'joined', session, pathId, user, features: this.#features })
  }

  /** Whoever speaks before the answer has not checked who we are; nobody of ours does. */
  #expectNothingMore(): void {
    if (this.#reader.length > 0) throw new HandshakeError('protocol', { detail: 'octets before the answer' })
  }

  #prove(message: Buffer, secret: SessionSecret): void {
    this.#transcript.add(message)
    this.#events.send(Buffer.concat([message, secret.proof('server', this.#transcript)]))
  }

  #done(result: ServerHandshakeResult): void {
    this.#state = 'over'
    this.#lease.release()
    this.#events.onDone(result, this.#reader.takeRest())
  }

  /** Says why, if it is still of use to anybody, and ends. */
  #fail(error: HandshakeError): void {
    if (this.#state === 'over') return
    this.#state = 'over'
    this.#lease.failed(error.failure)
    this.#lease.release()
    if (error.failure !== 'closed') this.#events.send(writeRefuse(error.failure, error.retryAfter))
    this.#events.onFailed(this.#claim === undefined ? error : error.by(this.#claim))
  }
}

/** The user's own limits, never more than the server's, nor than the wire can say. */
function limitsOf({ maxPaths, maxStreams }: User, limits: SessionLimits): SessionLimits {
  return {
    maxPaths: Math.min(maxPaths ?? limits.maxPaths, limits.maxPaths, 0xffff),
    maxStreams: Math.min(maxStreams ?? limits.maxStreams, limits.maxStreams, 0xffff_ffff),
    freezeTime: Math.min(limits.freezeTime, 0xffff_ffff),
    credit: Math.min(limits.credit, 0xffff_ffff),
  }
}
