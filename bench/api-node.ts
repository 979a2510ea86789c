import { once } from 'node:events'
import type { Socket } from 'node:net'
import { type Api, reported, WRITE } from './api.ts'
import { MarkChecker, markAll } from './mark.ts'

/** So many chunks are in use in turn: one that was written may still wait in the stream. */
const CHUNKS = 4

/** node:net's sockets as `gotcp/net` has them: `write` and 'drain', 'data' and 'end'. */
export class NodeApi implements Api {
  readonly #connect: () => Socket
  #byte = 0

  constructor(connect: () => Socket) {
    this.#connect = connect
  }

  async send(ms: number): Promise<MarkChecker> {
    const socket = this.#connect()
    const received: Buffer[] = []
    socket.on('data', (chunk) => received.push(chunk))
    await once(socket, 'connect')
    const chunks = Array.from({ length: CHUNKS }, () => new Uint8Array(WRITE))
    let sent = 0
    for (const end = performance.now() + ms; performance.now() < end; sent += WRITE) {
      const chunk = chunks[(sent / WRITE) % CHUNKS]!
      markAll(chunk, sent)
      if (!socket.write(chunk)) await once(socket, 'drain')
    }
    socket.end()
    await once(socket, 'close')
    const report = Uint8Array.from(Buffer.concat(received))
    return reported(new BigUint64Array(report.buffer), new MarkChecker(), sent)
  }

  async receive(ms: number): Promise<MarkChecker> {
    const socket = this.#connect()
    const seen = new MarkChecker()
    socket.on('data', (chunk) => seen.take(chunk, chunk.length))
    socket.write(new Uint8Array(BigUint64Array.of(BigInt(ms)).buffer))
    await once(socket, 'close')
    return seen
  }

  requests(goesOn: () => boolean): Promise<number> {
    return this.#converse(this.#connect(), goesOn)
  }

  async connections(goesOn: () => boolean): Promise<number> {
    let wrong = 0
    do wrong += await this.#converse(this.#connect(), () => false)
    while (goesOn())
    return wrong
  }

  /** Asks, and asks again at each answer while `goesOn`; then closes. The number of wrong answers. */
  #converse(socket: Socket, goesOn: () => boolean): Promise<number> {
    return new Promise((resolve, reject) => {
      let wrong = 0
      const ask = (): void => {
        this.#byte = (this.#byte + 1) & 0xff
        socket.write(Uint8Array.of(this.#byte))
      }
      socket.on('data', (answer) => {
        if (answer.length !== 1 || answer[0] !== this.#byte) wrong++
        if (goesOn()) ask()
        else {
          socket.end()
          resolve(wrong)
        }
      })
      socket.on('error', reject)
      ask()
    })
  }
}
