import { ResetCode } from '../../session/streams/stream-types.ts'
import { type HostPort, isHost } from '../../transport/host-port.ts'
import type { Login } from '../../transport/proxy.ts'
import {
  addressLength,
  Command,
  LOGIN_VERSION,
  Method,
  readAddress,
  request,
  SOCKS5_VERSION,
} from '../../transport/socks5-wire.ts'
import { isLogin } from './login.ts'
import type { Progress, WishParser } from './proxy-front.ts'

/** RFC 1928 §6. */
export const SocksReply = {
  GRANTED: 0,
  FAILED: 1,
  FORBIDDEN: 2,
  HOST_UNREACHABLE: 4,
  REFUSED: 5,
  EXPIRED: 6,
  NO_SUCH_COMMAND: 7,
  NO_SUCH_ADDRESS: 8,
} as const
export type SocksReply = (typeof SocksReply)[keyof typeof SocksReply]

export interface SocksWish {
  readonly command: Command
  readonly to: HostPort
}

const NOWHERE: HostPort = { host: '0.0.0.0', port: 0 }

/** A reply has the shape of a request, with its code where the command stands (RFC 1928 §6). */
export const socksReply = (code: SocksReply, bound = NOWHERE): Uint8Array => request(code as number as Command, bound)

/** Reads what a client of SOCKS5 says before its data (RFC 1928 §3 and §4, RFC 1929). */
export class SocksHandshake implements WishParser<SocksWish> {
  readonly #login: Login | undefined
  #state: 'greeting' | 'login' | 'request' = 'greeting'
  #bytes: Buffer = Buffer.alloc(0)

  constructor(login: Login | undefined) {
    this.#login = login
  }

  push(chunk: Buffer): Progress<SocksWish> {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk])
    const said: Uint8Array[] = []
    for (;;) {
      const progress = this.#step()
      if (progress === undefined) return { say: together(said) }
      if (progress.say !== undefined) said.push(progress.say)
      if (progress.wish !== undefined || progress.failure !== undefined) return { ...progress, say: together(said) }
    }
  }

  /** Undefined when more must come first. */
  #step(): Progress<SocksWish> | undefined {
    switch (this.#state) {
      case 'greeting':
        return this.#readGreeting()
      case 'login':
        return this.#readLogin()
      case 'request':
        return this.#readRequest()
    }
  }

  #readGreeting(): Progress<SocksWish> | undefined {
    const [version, count] = this.#bytes
    if (version !== undefined && version !== SOCKS5_VERSION) return { failure: ResetCode.PROTOCOL }
    if (count === undefined || this.#bytes.length < 2 + count) return undefined
    const methods = this.#take(2 + count).subarray(2)
    const wanted = this.#login === undefined ? Method.NONE : Method.LOGIN
    if (!methods.includes(wanted)) {
      return { say: Uint8Array.of(SOCKS5_VERSION, Method.NOT_ACCEPTABLE), failure: ResetCode.FORBIDDEN }
    }
    this.#state = wanted === Method.LOGIN ? 'login' : 'request'
    return { say: Uint8Array.of(SOCKS5_VERSION, wanted) }
  }

  #readLogin(): Progress<SocksWish> | undefined {
    const [version, nameLength] = this.#bytes
    if (version !== undefined && version !== LOGIN_VERSION) return { failure: ResetCode.PROTOCOL }
    const passwordLength = nameLength === undefined ? undefined : this.#bytes[2 + nameLength]
    if (passwordLength === undefined || this.#bytes.length < 3 + nameLength! + passwordLength) return undefined
    const bytes = this.#take(3 + nameLength! + passwordLength)
    const user = bytes.toString('utf8', 2, 2 + nameLength!)
    const password = bytes.toString('utf8', 3 + nameLength!)
    if (!isLogin({ user, password }, this.#login!)) {
      return { say: Uint8Array.of(LOGIN_VERSION, 1), failure: ResetCode.FORBIDDEN }
    }
    this.#state = 'request'
    return { say: Uint8Array.of(LOGIN_VERSION, 0) }
  }

  #readRequest(): Progress<SocksWish> | undefined {
    const [version, command, , type] = this.#bytes
    if (version !== undefined && version !== SOCKS5_VERSION) return { failure: ResetCode.PROTOCOL }
    // One octet of the address is needed to know how long it is.
    if (type === undefined || this.#bytes.length < 5) return undefined
    const length = addressLength(this.#bytes, 3)
    if (length === undefined) return { say: socksReply(SocksReply.NO_SUCH_ADDRESS), failure: ResetCode.PROTOCOL }
    if (this.#bytes.length < 3 + length) return undefined
    const to = readAddress(this.#take(3 + length), 3)
    if (command === Command.UDP_ASSOCIATE) return { wish: { command, to }, rest: this.#bytes }
    // BIND, and what is no command at all.
    if (command !== Command.CONNECT) {
      return { say: socksReply(SocksReply.NO_SUCH_COMMAND), failure: ResetCode.FORBIDDEN }
    }
    if (!isHost(to.host)) return { say: socksReply(SocksReply.HOST_UNREACHABLE), failure: ResetCode.UNREACHABLE }
    return { wish: { command, to }, rest: this.#bytes }
  }

  #take(count: number): Buffer {
    const taken = this.#bytes.subarray(0, count)
    this.#bytes = this.#bytes.subarray(count)
    return taken
  }
}

const together = (said: readonly Uint8Array[]): Uint8Array | undefined =>
  said.length === 0 ? undefined : Buffer.concat(said)
