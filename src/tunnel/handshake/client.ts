import { randomBytes } from 'node:crypto'
import type { ClientCredentials } from '../auth/credentials.ts'
import { HandshakeError } from '../auth/handshake-error.ts'
import { ScramClient, type ScramOutcome } from '../auth/scram.ts'
import type { SessionLimits } from '../auth/session-registry.ts'
import type { HandshakeEvents } from './events.ts'
import { MessageReader } from './message-reader.ts'
import {
  HEADER_OCTETS,
  Mechanism,
  MessageType,
  NONCE_OCTETS,
  readGreeting,
  readRefuse,
  readText,
  readWelcome,
  splitProof,
  VERSION,
  writeAuth,
  writeHello,
  writeJoin,
  writeMessage,
} from './messages.ts'
import { SessionSecret, Transcript } from './session-secret.ts'

/** A session as its client knows it: what another path needs to join it. */
export interface ClientSession {
  readonly id: Uint8Array
  readonly secret: SessionSecret
  /** What the server allows. */
  readonly limits: SessionLimits
}

/** To begin a session. */
export interface Authenticate {
  readonly kind: 'authenticate'
  readonly credentials: ClientCredentials
  /** 16 octets that say which client of the user this is: one that begins anew replaces its own old session at once. */
  readonly instance: Uint8Array
  /** Octets that the server may send on the whole session before it is given more. */
  readonly credit: number
}

/** To give a session another path. */
export interface JoinSession {
  readonly kind: 'join'
  readonly session: Pick<ClientSession, 'id' | 'secret'>
  /** Higher than that of every attempt before, whatever became of it. */
  readonly pathId: number
}

export interface ClientHandshakeOptions {
  readonly wish: Authenticate | JoinSession
  /** The 32 octets of RFC 9266 of this connection; absent without TLS. */
  readonly binding?: Uint8Array | undefined
  /** Lets a server do without channel binding on TLS, for instance behind a terminator. Default false. */
  readonly allowUnbound?: boolean
  /** Fewer iterations are refused. Default 4096. */
  readonly minIterations?: number
  /** Bits of what this side can beyond version 1. Default none. */
  readonly features?: number
  readonly random?: (octets: number) => Uint8Array
}

export type ClientHandshakeResult =
  | { readonly kind: 'authenticated'; readonly session: ClientSession; readonly pathId: 0; readonly features: number }
  | { readonly kind: 'joined'; readonly pathId: number; readonly features: number }

/** What the server may say in each state. It has nothing to say before it has our proof, so that nobody fills our memory. */
const EXPECTED = {
  greeting: [MessageType.GREETING, MessageType.REFUSE],
  challenge: [MessageType.CHALLENGE, MessageType.REFUSE],
  deriving: [MessageType.REFUSE],
  welcome: [MessageType.WELCOME, MessageType.REFUSE],
  accept: [MessageType.ACCEPT, MessageType.REFUSE],
  over: [],
} as const satisfies Record<string, readonly MessageType[]>

/**
 * The client's side of the handshake: octets in, octets out. It sends nothing of the session before the server has
 * proven that it knows the password, or the session's secret, on this very channel.
 */
export class ClientHandshake {
  readonly #options: ClientHandshakeOptions
  readonly #events: HandshakeEvents<ClientHandshakeResult>
  readonly #reader = new MessageReader()
  readonly #transcript: Transcript
  readonly #random: (octets: number) => Uint8Array
  #state: keyof typeof EXPECTED = 'greeting'
  #features = 0
  #scram: ScramClient | undefined

  constructor(options: ClientHandshakeOptions, events: HandshakeEvents<ClientHandshakeResult>) {
    this.#options = options
    this.#events = events
    this.#random = options.random ?? randomBytes
    this.#transcript = new Transcript(options.binding)
  }

  /** Octets from the server, cut anyhow. */
  receive(bytes: Uint8Array): void {
    if (this.#state === 'over') return
    try {
      this.#reader.push(bytes)
      this.#readAll()
    } catch (error) {
      this.#fail(HandshakeError.of(error))
    }
  }

  /** The connection has ended; `why` is for people. */
  closed(why?: string): void {
    this.#fail(new HandshakeError('closed', why === undefined ? {} : { detail: why }))
  }

  /** The time is over. */
  expire(): void {
    this.#fail(new HandshakeError('timeout'))
  }

  /** Its caller gives it up. */
  abort(): void {
    this.#fail(new HandshakeError('closed'))
  }

  #readAll(): void {
    while (this.#state !== 'over') {
      const message = this.#reader.next(EXPECTED[this.#state])
      if (message === undefined) return
      this.#onMessage(message)
    }
  }

  #onMessage(message: Buffer): void {
    const body = message.subarray(HEADER_OCTETS)
    const type = message[0]
    if (type === MessageType.REFUSE) throw readRefuse(body)
    if (type === MessageType.GREETING) this.#onGreeting(message, body)
    else if (type === MessageType.CHALLENGE) this.#onChallenge(message, body)
    else if (type === MessageType.WELCOME) this.#onWelcome(message, body)
    else this.#onAccept(message)
  }

  #onGreeting(message: Buffer, body: Buffer): void {
    const greeting = readGreeting(body)
    const { wish, features = 0 } = this.#options
    if (VERSION < greeting.minVersion || VERSION > greeting.maxVersion) {
      throw new HandshakeError('version', { detail: `it speaks ${greeting.minVersion} to ${greeting.maxVersion}` })
    }
    this.#features = (features & greeting.features) >>> 0
    this.#transcript.add(message)
    const hello = writeHello({ version: VERSION, features })
    this.#transcript.add(hello)
    const more = wish.kind === 'join' ? this.#join(wish) : this.#authenticate(wish, greeting.mechanisms)
    this.#events.send(Buffer.concat([hello, more]))
  }

  #authenticate({ credentials, instance, credit }: Authenticate, mechanisms: number): Buffer {
    const { binding, allowUnbound = false, minIterations } = this.#options
    const isBindingRefused = binding !== undefined && (mechanisms & Mechanism.SCRAM_SHA_256_PLUS) === 0
    if (isBindingRefused && !allowUnbound) throw new HandshakeError('unbound')
    this.#scram = new ScramClient({
      user: credentials.user,
      keysFor: (salt, iterations) => credentials.keysFor(salt, iterations),
      binding,
      isBindingRefused,
      nonce: Buffer.from(this.#random(24)).toString('base64'),
      ...(minIterations === undefined ? {} : { minIterations }),
    })
    const auth = writeAuth({ instance, credit, scram: this.#scram.first })
    this.#transcript.add(auth)
    this.#state = 'challenge'
    return auth
  }

  #join({ session, pathId }: JoinSession): Buffer {
    const join = writeJoin({ sessionId: session.id, pathId, nonce: this.#random(NONCE_OCTETS) })
    this.#transcript.add(join)
    const proof = session.secret.proof('client', this.#transcript)
    this.#transcript.add(proof)
    this.#state = 'accept'
    return Buffer.concat([join, proof])
  }

  #onChallenge(message: Buffer, body: Buffer): void {
    this.#transcript.add(message)
    this.#state = 'deriving'
    this.#scram!.answer(readText(body)).then(
      (answer) => {
        if (this.#state !== 'deriving') return
        const proof = writeMessage(MessageType.PROOF, Buffer.from(answer))
        this.#transcript.add(proof)
        this.#state = 'welcome'
        this.#events.send(proof)
      },
      (error: unknown) => this.#fail(HandshakeError.of(error)),
    )
  }

  #onWelcome(message: Buffer, body: Buffer): void {
    const welcome = readWelcome(body)
    const outcome: ScramOutcome = this.#scram!.verify(welcome.scram)
    const secret = SessionSecret.derive(outcome, this.#transcript)
    this.#checkProof(message, secret)
    const session = { id: Uint8Array.from(welcome.sessionId), secret, limits: welcome.limits }
    this.#done({ kind: 'authenticated', session, pathId: 0, features: this.#features })
  }

  #onAccept(message: Buffer): void {
    const wish = this.#options.wish as JoinSession
    this.#checkProof(message, wish.session.secret)
    this.#done({ kind: 'joined', pathId: wish.pathId, features: this.#features })
  }

  #checkProof(message: Buffer, secret: SessionSecret): void {
    const { proof, before } = splitProof(message)
    this.#transcript.add(before)
    if (!secret.isProof(proof, 'server', this.#transcript)) throw new HandshakeError('unproven')
  }

  #done(result: ClientHandshakeResult): void {
    this.#state = 'over'
    this.#events.onDone(result, this.#reader.takeRest())
  }

  #fail(error: HandshakeError): void {
    if (this.#state === 'over') return
    this.#state = 'over'
    this.#events.onFailed(error)
  }
}
