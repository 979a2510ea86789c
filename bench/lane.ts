import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'

import { firstLine, type Lab, type LabHost, outputOf } from '../test/real/netns.ts'
import type { Congestion, FlowOrder, Result } from './result.ts'

const FLOW = join(import.meta.dirname, 'flow.js')
const GOTCP = join(import.meta.dirname, '../src/cli/main.js')
const SENDER = '10.0.0.1'
const RECEIVER = '10.0.0.2'
const OURS = '10.0.0.3/24'

/** The line between the hosts of a lane. */
export interface LineSettings {
  /** What is lost each way, such as `1%`. */
  readonly loss: string
  /** The round trip in milliseconds. */
  readonly rtt: number
  /** Bits per second each way; the queue holds what the line carries in a round trip. */
  readonly rate: number
  readonly seed: number
}

/** How our end of a flow is to behave. */
export interface OurFlow {
  readonly port: number
  readonly ms: number
  readonly congestion: Congestion
  /** Connections to as many ports from `port` on; 1 by default. */
  readonly flows?: number
  readonly tracePath?: string | undefined
}

/** A process that has begun; what came of it is known later. */
export interface Begun {
  readonly result: Promise<Result>
}

const begin = async (child: ChildProcess): Promise<Begun> => {
  await firstLine(child)
  return { result: resultOf(child) }
}

const resultOf = async (child: ChildProcess): Promise<Result> => {
  const result = JSON.parse(await outputOf(child)) as Result
  if (result.wrong > 0) throw new Error(`${child.spawnargs.join(' ')}: ${result.wrong} wrong bytes`)
  return result
}

/** Three namespaces in a row: a sender, a line in the middle, a receiver. */
export class Lane {
  readonly #peer: string
  readonly #sender: LabHost
  readonly #middle: LabHost
  readonly #receiver: LabHost

  /** In a lab that has the hosts of `Lane.hosts`. */
  constructor(lab: Lab, peer: string, index = 0) {
    const [sender, middle, receiver] = Lane.hosts(index) as [string, string, string]
    this.#peer = peer
    this.#sender = lab.host(sender)
    this.#middle = lab.host(middle)
    this.#receiver = lab.host(receiver)
    lab.veth(sender, middle, { [sender]: `${SENDER}/24` }, { name: 'left' })
    lab.veth(receiver, middle, { [receiver]: `${RECEIVER}/24` }, { name: 'right' })
    // What one connection learned would be the next one's start.
    for (const host of [this.#sender, this.#receiver]) host.sysctl('ipv4.tcp_no_metrics_save', 1)
  }

  static hosts(index = 0): readonly string[] {
    return ['sender', 'middle', 'receiver'].map((name) => `${name}${index}`)
  }

  /** Does `work` while the line is up. */
  async behind<T>({ loss, rtt, rate, seed }: LineSettings, work: () => Promise<T>): Promise<T> {
    const queue = Math.round((rate / 8e3) * rtt)
    const trouble = ['--loss', loss, '--delay', `${rtt / 2}ms`, '--rate', `${rate}`, '--queue', `${queue}`]
    const command = [process.execPath, GOTCP, 'impair', '-i', 'left', '-i', 'right', ...trouble, '--seed', `${seed}`]
    const line = this.#middle.spawn('sh', '-c', `exec ${command.join(' ')} --json 2>/dev/null`)
    await firstLine(line)
    try {
      return await work()
    } finally {
      const said = outputOf(line)
      line.kill('SIGINT')
      const summary = JSON.parse((await said).trim().split('\n').at(-1)!)
      if (summary.dropped_by_kernel > 0)
        console.error(`bench: the line itself lost ${summary.dropped_by_kernel} frames`)
    }
  }

  /** The kernel receives on a port. */
  kernelTakes(port: number, ms: number): Promise<Begun> {
    return begin(this.#receiver.spawn(this.#peer, 'take', `${port}`, `${ms}`))
  }

  /** The kernel sends to whoever connects to a port of the sender. */
  kernelGives(port: number, congestion: Congestion): Promise<Begun> {
    return begin(this.#sender.spawn(this.#peer, 'give', `${port}`, congestion))
  }

  /** The kernel sends to a port of the receiver until it is reset. */
  kernelPours(port: number, congestion: Congestion): Begun {
    return { result: resultOf(this.#sender.spawn(this.#peer, 'pour', RECEIVER, `${port}`, congestion)) }
  }

  /** We send to ports of the receiver until they are reset. */
  wePour(flow: OurFlow): Promise<Begun> {
    return this.#ours(this.#sender, { ...flow, role: 'send', interface: 'left', host: RECEIVER, address: OURS })
  }

  /** We receive from a port of the sender. */
  weTake(flow: OurFlow): Promise<Begun> {
    return this.#ours(this.#receiver, { ...flow, role: 'receive', interface: 'right', host: SENDER, address: OURS })
  }

  #ours(host: LabHost, order: FlowOrder): Promise<Begun> {
    return begin(host.spawn(process.execPath, FLOW, JSON.stringify(order)))
  }
}
