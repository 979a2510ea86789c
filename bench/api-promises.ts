import type { AnyTcpSocket } from '../src/index.ts'
import { type Api, READ, reported, WRITE } from './api.ts'
import { MarkChecker, markAll } from './mark.ts'

async function readExactly(socket: AnyTcpSocket, target: Uint8Array): Promise<void> {
  for (let have = 0; have < target.length; ) {
    const count = await socket.readInto(target.subarray(have))
    if (count === 0) throw new Error('the peer closed early')
    have += count
  }
}

/** The stack's own sockets, with promises, in whichever thread it is. */
export class PromiseApi implements Api {
  readonly #connect: () => Promise<AnyTcpSocket>
  readonly #question = new Uint8Array(1)
  readonly #answer = new Uint8Array(1)

  constructor(connect: () => Promise<AnyTcpSocket>) {
    this.#connect = connect
  }

  async send(ms: number): Promise<MarkChecker> {
    const socket = await this.#connect()
    const chunk = new Uint8Array(WRITE)
    let sent = 0
    for (const end = performance.now() + ms; performance.now() < end; sent += WRITE) {
      markAll(chunk, sent)
      await socket.write(chunk)
    }
    socket.end()
    const report = new BigUint64Array(2)
    await readExactly(socket, new Uint8Array(report.buffer))
    await socket.close()
    return reported(report, new MarkChecker(), sent)
  }

  async receive(ms: number): Promise<MarkChecker> {
    const socket = await this.#connect()
    await socket.write(new Uint8Array(BigUint64Array.of(BigInt(ms)).buffer))
    const memory = new Uint8Array(READ)
    const seen = new MarkChecker()
    for (let count = await socket.readInto(memory); count > 0; count = await socket.readInto(memory)) {
      seen.take(memory, count)
    }
    await socket.close()
    return seen
  }

  async requests(goesOn: () => boolean): Promise<number> {
    const socket = await this.#connect()
    let wrong = 0
    do wrong += await this.#ask(socket)
    while (goesOn())
    await socket.close()
    return wrong
  }

  async connections(goesOn: () => boolean): Promise<number> {
    let wrong = 0
    do {
      const socket = await this.#connect()
      wrong += await this.#ask(socket)
      // As close(2) does: the rest of the connection's end is not waited for.
      void socket.close()
    } while (goesOn())
    return wrong
  }

  /** One byte and its answer; 1 where that is another. */
  async #ask(socket: AnyTcpSocket): Promise<number> {
    this.#question[0]!++
    await socket.write(this.#question)
    return (await socket.readInto(this.#answer)) === 1 && this.#answer[0] === this.#question[0] ? 0 : 1
  }
}
