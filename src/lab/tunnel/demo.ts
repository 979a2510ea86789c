import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { LabError } from '../error.ts'
import { Ground, tell } from './ground.ts'
import type { EndOrder, EndSettings, LineSettings, LinesOrder, LinesReport } from './messages.ts'
import {
  BACK,
  best,
  endsOf,
  FAR_PORT,
  type LaidLine,
  type LinePlan,
  layLines,
  NEAR_PORT,
  PROXY_PORT,
  queueOf,
  TUNNEL_PORT,
} from './plan.ts'
import { RunningTransfer, type TunnelTransfer } from './transfer.ts'

/** How long a transfer goes before a line is cut, and until it is mended, in milliseconds. */
const BEFORE_CUT = 1000
const CUT = 2000
/** How long a mended line may take to carry again before the demo goes on without it. */
const PATIENCE = 10_000
/** What is watched once it does. */
const AFTER = 500
/** A step that shows no progress for this long has failed. */
const STUCK = 30_000
const TICK = 200

export interface TunnelDemoOptions {
  readonly lines: readonly LinePlan[]
  /** Octets of each transfer. */
  readonly octets: number
  readonly signal: AbortSignal
  /** All is up. */
  readonly onReady: (lines: readonly LaidLine[], shaper: Ground['shaper']) => void
  readonly onStep: (step: TunnelStep) => void
  readonly onProgress: (progress: TunnelProgress) => void
}

export type StepName = 'alone' | 'all' | 'cut'

/** What happened in one of the three transfers. */
export interface TunnelStep {
  readonly name: StepName
  readonly transfer: TunnelTransfer
  /** The part of what was on all lines that each carried. */
  readonly shares: readonly number[]
  /** How soon after it was mended the line carried data again, in milliseconds; undefined where it did not, or none was cut. */
  readonly carriedAfter: number | undefined
}

export interface TunnelProgress {
  readonly name: StepName
  readonly arrived: number
  /** Bits per second on each line of late. */
  readonly rates: readonly number[]
}

/** Shows what a tunnel does with several lines, and removes everything again. @throws LabError; AbortError when the signal says so */
export async function runTunnelDemo(options: TunnelDemoOptions): Promise<readonly TunnelStep[]> {
  const lines = layLines(options.lines)
  const ground = await Ground.create(lines)
  const lost = new AbortController()
  try {
    const demo = await withSignals([options.signal, lost.signal], TunnelDemo.start(ground, options, lost))
    options.onReady(lines, ground.shaper)
    const steps: TunnelStep[] = []
    for (const name of ['alone', 'all', 'cut'] as const) {
      const step = await withSignals([options.signal, lost.signal], demo.step(name))
      steps.push(step)
      options.onStep(step)
    }
    return steps
  } finally {
    lost.abort()
    await ground.close()
  }
}

/** Resolves with the work, or rejects with what the first of the signals says. */
async function withSignals<T>(signals: readonly AbortSignal[], work: Promise<T>): Promise<T> {
  const signal = AbortSignal.any([...signals])
  return await new Promise<T>((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason)
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}

interface Processes {
  readonly lines: ChildProcess
  readonly client: ChildProcess
  readonly pourer: ChildProcess
  readonly taker: ChildProcess
}

/** The processes of the demo, and what they do together. */
class TunnelDemo {
  readonly #lines: readonly LaidLine[]
  readonly #options: TunnelDemoOptions
  readonly #processes: Processes
  readonly #lost: AbortController
  /** Octets that each line has carried towards the server since it was laid. */
  #carried: readonly number[]

  private constructor(ground: Ground, options: TunnelDemoOptions, processes: Processes, lost: AbortController) {
    this.#lines = ground.lines
    this.#options = options
    this.#processes = processes
    this.#lost = lost
    this.#carried = ground.lines.map(() => 0)
    processes.lines.on('message', (report: LinesReport) => {
      if ('octets' in report) this.#carried = report.octets
    })
  }

  /** Starts the lines and the proxy, then what is on the hosts. */
  static async start(ground: Ground, options: TunnelDemoOptions, lost: AbortController): Promise<TunnelDemo> {
    const { lines, shaper } = ground
    const onLost = (error: Error): void => lost.abort(error)
    const settings = lines.map((line) => lineSettings(line, shaper))
    const password = randomBytes(18).toString('base64url')
    const [wire, taker, pourer] = await Promise.all([
      ground.start('wire', 'lines', { lay: settings } satisfies LinesOrder, onLost),
      ground.start('server', 'take', undefined, onLost),
      ground.start('client', 'pour', undefined, onLost),
      ground.start('proxy', 'proxy', undefined, onLost),
      ground.start('server', 'end', { settings: serverSettings(password) } satisfies EndOrder, onLost),
    ])
    const order: EndOrder = { settings: clientSettings(password, lines) }
    const client = await ground.start('client', 'end', order, onLost)
    return new TunnelDemo(ground, options, { lines: wire, client, pourer, taker }, lost)
  }

  async step(name: StepName): Promise<TunnelStep> {
    const { client, pourer, taker } = this.#processes
    const used = name === 'alone' ? [best(this.#lines)] : this.#lines
    tell(client, { use: used.map((line) => line.name) } satisfies EndOrder)
    await once(client, 'message')
    const before = this.#carried
    const transfer = new RunningTransfer(pourer, taker, name === 'cut' ? undefined : this.#options.octets)
    const stopShowing = this.#show(name, transfer)
    try {
      const carriedAfter = name === 'cut' ? await this.#cut(transfer) : undefined
      const result = await transfer.done
      await this.#nextCount()
      const octets = this.#carried.map((count, i) => count - before[i]!)
      const sum = octets.reduce((total, count) => total + count, 0)
      return { name, transfer: result, shares: octets.map((count) => count / sum), carriedAfter }
    } finally {
      stopShowing()
    }
  }

  /** Cuts the fastest line while octets flow, and mends it; how soon it carried again. */
  async #cut(transfer: RunningTransfer): Promise<number | undefined> {
    const { lines } = this.#processes
    const line = this.#lines.indexOf(best(this.#lines))
    await this.#pause(BEFORE_CUT)
    transfer.watch()
    tell(lines, { cut: line } satisfies LinesOrder)
    await this.#pause(CUT)
    const carriedAfter = this.#reported()
    tell(lines, { mend: line } satisfies LinesOrder)
    const after = await Promise.race([carriedAfter, this.#pause(PATIENCE)])
    await this.#pause(AFTER)
    while (transfer.arrived < this.#options.octets) await this.#pause(TICK)
    transfer.finish()
    return after
  }

  #reported(): Promise<number> {
    return new Promise((resolve) => {
      const onReport = (report: LinesReport): void => {
        if (!('carriesAfter' in report)) return
        this.#processes.lines.off('message', onReport)
        resolve(report.carriesAfter)
      }
      this.#processes.lines.on('message', onReport)
    })
  }

  async #nextCount(): Promise<void> {
    await once(this.#processes.lines, 'message')
  }

  async #pause(ms: number): Promise<undefined> {
    await sleep(ms, undefined, { signal: this.#lost.signal })
    return undefined
  }

  /** Shows how it goes, and gives up when nothing moves any more; returns what ends that. */
  #show(name: StepName, transfer: RunningTransfer): () => void {
    let carried = this.#carried
    let arrived = 0
    let movedAt = performance.now()
    let shownAt = movedAt
    const timer = setInterval(() => {
      const now = performance.now()
      if (transfer.arrived > arrived) movedAt = now
      if (now - movedAt > STUCK) this.#lost.abort(new LabError(`nothing arrived for ${STUCK / 1000} s`))
      const rates = this.#carried.map((count, i) => ((count - carried[i]!) * 8000) / (now - shownAt))
      arrived = transfer.arrived
      carried = this.#carried
      shownAt = now
      this.#options.onProgress({ name, arrived, rates })
    }, TICK)
    return () => clearInterval(timer)
  }
}

function lineSettings(line: LaidLine, shaper: Ground['shaper']): LineSettings {
  const [left, right] = endsOf(line)
  const rate = shaper === 'tbf' ? undefined : line.rate
  return { left, right, delay: Math.round(line.rtt / 2), rate, queueBytes: queueOf(line) }
}

const USER = 'lab'
const SERVICE = 'bulk'

const serverSettings = (password: string): EndSettings => ({
  mode: 'server',
  listen: [`0.0.0.0:${TUNNEL_PORT}`],
  users: [{ name: USER, password }],
  services: [{ name: SERVICE, type: 'tcp', connect: `127.0.0.1:${FAR_PORT}` }],
})

const clientSettings = (password: string, lines: readonly LaidLine[]): EndSettings => ({
  mode: 'client',
  user: USER,
  password,
  paths: lines.map(({ name, far, isProxied }) =>
    isProxied
      ? { name, remote: `${BACK.server}:${TUNNEL_PORT}`, proxy: `socks5://${far}:${PROXY_PORT}` }
      : { name, remote: `${far}:${TUNNEL_PORT}` },
  ),
  services: [{ name: SERVICE, type: 'tcp', listen: `127.0.0.1:${NEAR_PORT}` }],
})
