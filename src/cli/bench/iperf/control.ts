import { NetError } from '../../../base/errors.ts'
import type { TcpSocket } from '../../../stack/tcp-socket.ts'
import { abortError } from '../../../stack/waiters.ts'
import { type JsonObject, parseObject } from './json.ts'
import { explain, MAX_PARAMETERS, MAX_RESULTS, State, stateName, type Trouble } from './protocol.ts'

/** How long the other end may take to say the next thing, in milliseconds. */
const PATIENCE = 30_000

export interface ReadOptions {
  /** Milliseconds; infinite while a test runs. */
  readonly patience?: number
  readonly signal?: AbortSignal
}

/** The control connection of a test: states, and JSON with its length before it. */
export class ControlChannel {
  readonly socket: TcpSocket

  constructor(socket: TcpSocket) {
    this.socket = socket
    socket.setNoDelay()
  }

  async sendState(state: State): Promise<void> {
    await this.socket.write(Uint8Array.of(state & 0xff))
  }

  async sendJson(value: JsonObject): Promise<void> {
    const text = Buffer.from(JSON.stringify(value))
    const framed = Buffer.alloc(4 + text.length)
    framed.writeUInt32BE(text.length)
    text.copy(framed, 4)
    await this.socket.write(framed)
  }

  /** Tells a client what is wrong with its test. */
  async sendTrouble(trouble: Trouble): Promise<void> {
    const message = Buffer.alloc(9)
    message.writeInt8(State.SERVER_ERROR)
    message.writeInt32BE(trouble, 1)
    await this.socket.write(message)
  }

  /**
   * The next state, which must be one of `wanted`.
   * @throws {NetError} EBUSY, EPROTO, ECONNRESET, ETIMEDOUT, ABORT_ERR
   */
  async expect(wanted: readonly State[], options: ReadOptions = {}): Promise<State> {
    const [byte] = await this.#read(1, options)
    const state = (byte! << 24) >> 24
    const found = wanted.find((each) => each === state)
    if (found !== undefined) return found
    switch (state) {
      case State.ACCESS_DENIED:
        throw this.error('EBUSY', 'is busy with another test; try again later')
      case State.SERVER_TERMINATE:
        throw this.error('ECONNRESET', 'was ended in the middle of the test')
      case State.SERVER_ERROR: {
        const code = Buffer.from(await this.#read(8, options)).readInt32BE(0)
        throw this.error('EPROTO', `says: ${explain(code)}`)
      }
      default:
        throw this.error('EPROTO', `says ${stateName(state)} where ${wanted.map(stateName).join(' or ')} is due`)
    }
  }

  /** What another read has found, and no later than it may. @throws {NetError} ETIMEDOUT, ABORT_ERR, and what the read throws */
  async within<T>(read: Promise<T>, { patience = PATIENCE, signal }: ReadOptions = {}): Promise<T> {
    const late = AbortSignal.timeout(patience)
    const given = signal === undefined ? late : AbortSignal.any([late, signal])
    const over = new Promise<never>((_, reject) => {
      const give = (): void => reject(signal?.aborted ? abortError('bench') : this.#tooLate(patience))
      if (given.aborted) give()
      else given.addEventListener('abort', give, { once: true })
    })
    return Promise.race([read, over])
  }

  readParameters(options: ReadOptions = {}): Promise<JsonObject> {
    return this.#readJson(MAX_PARAMETERS, options)
  }

  readResults(options: ReadOptions = {}): Promise<JsonObject> {
    return this.#readJson(MAX_RESULTS, options)
  }

  /** Closes when the peer has heard everything and closes too, or after `patience` milliseconds; nothing more is read. */
  async drain(patience: number): Promise<void> {
    this.socket.end()
    const signal = AbortSignal.timeout(patience)
    const rest = new Uint8Array(256)
    const late = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    try {
      while ((await this.socket.readInto(rest, { signal })) > 0);
      await Promise.race([this.socket.closed, late])
    } catch {
      // It is reset, or it takes too long.
    }
    if (signal.aborted) this.socket.abort()
  }

  async #readJson(limit: number, options: ReadOptions): Promise<JsonObject> {
    const length = Buffer.from(await this.#read(4, options)).readUInt32BE(0)
    if (length === 0 || length > limit) {
      throw this.error('EPROTO', `announces ${length} bytes of JSON, where at most ${limit} make sense`)
    }
    const object = parseObject(await this.#read(length, options))
    if (object === undefined) throw this.error('EPROTO', 'sends something that is no JSON object')
    return object
  }

  async #read(count: number, { patience = PATIENCE, signal }: ReadOptions): Promise<Uint8Array> {
    const bytes = new Uint8Array(count)
    const late = Number.isFinite(patience) ? AbortSignal.timeout(patience) : undefined
    const signals = [late, signal].filter((each) => each !== undefined)
    const options = signals.length === 0 ? {} : { signal: AbortSignal.any(signals) }
    for (let filled = 0; filled < count; ) {
      let got: number
      try {
        got = await this.socket.readInto(bytes.subarray(filled), options)
      } catch (error) {
        if (late?.aborted && !signal?.aborted) {
          throw this.#tooLate(patience)
        }
        throw error
      }
      if (got === 0) throw this.error('ECONNRESET', 'closed the control connection in the middle of the test')
      filled += got
    }
    return bytes
  }

  #tooLate(patience: number): NetError {
    return this.error('ETIMEDOUT', `said nothing for ${patience / 1000} s`)
  }

  /** What the peer did wrong. */
  error(code: 'EBUSY' | 'EPROTO' | 'ECONNRESET' | 'ETIMEDOUT', what: string): NetError {
    const { remoteAddress: address, remotePort: port } = this.socket
    return new NetError(code, `The iperf3 peer ${address}:${port} ${what}`, { syscall: 'bench', address, port })
  }
}
