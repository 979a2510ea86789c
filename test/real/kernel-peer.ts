import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

import type { LabHost } from './netns.ts'
import type { PeerOrder, PeerPlan, PeerTally } from './peer-protocol.ts'

const PROGRAM = join(import.meta.dirname, 'peer-main.js')

interface Answer {
  readonly id: number
  readonly port?: number
  readonly tally?: PeerTally
}

/** A listening port of the kernel's. */
export interface PeerListener {
  readonly port: number
  /** What came of its connections, when `connections` have been made and none is open. */
  report(connections?: number): Promise<PeerTally>
  close(): Promise<void>
}

type Distribute<T> = T extends unknown ? Omit<T, 'id'> : never

/** A kernel with Node's sockets on it, at our command: what our stack talks to. */
export class KernelPeer {
  readonly address: string
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, (answer: Answer) => void>()
  #orders = 0

  /** Starts it in a host of a lab; the lab's `close` ends it. */
  constructor(host: LabHost, address: string) {
    this.address = address
    this.#child = host.spawn(process.execPath, PROGRAM)
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      const answer: Answer = JSON.parse(line)
      this.#waiting.get(answer.id)?.(answer)
      this.#waiting.delete(answer.id)
    })
  }

  async listen(plan: PeerPlan): Promise<PeerListener> {
    const { id, port } = await this.#order({ op: 'listen', host: this.address, plan })
    return {
      port: port!,
      report: async (connections = 1) => (await this.#order({ op: 'report', of: id, connections })).tally!,
      close: async () => void (await this.#order({ op: 'close', of: id })),
    }
  }

  /** Makes `count` connections to us, `parallel` at a time; resolves when all are closed. */
  async connect(host: string, port: number, plan: PeerPlan, count = 1, parallel = 1): Promise<PeerTally> {
    return (await this.#order({ op: 'connect', host, port, plan, count, parallel })).tally!
  }

  #order(order: Distribute<PeerOrder>): Promise<Answer> {
    const id = ++this.#orders
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve)
      this.#child.stdin!.write(`${JSON.stringify({ ...order, id })}\n`)
    })
  }
}
