import { Exit } from '../exit.ts'
import type { Interrupt } from '../interrupt.ts'
import type { Io } from '../io.ts'
import { type Network, throwIfLost } from '../network.ts'
import type { Interval } from './engine/measurement.ts'
import type { Observer, TestEnd, TestStart } from './engine/observer.ts'
import { BenchServer, type ServerObserver } from './engine/server.ts'
import type { BenchArgs } from './flags.ts'
import { ThroughputRecords } from './report/records.ts'
import { ThroughputText } from './report/throughput-text.ts'

const RULE = '-----------------------------------------------------------'

/** Serves until Ctrl-C, or one test. */
export async function serve(args: BenchArgs, io: Io, network: Network, interrupt: Interrupt): Promise<number> {
  const { output } = io
  const { port } = args
  const report = new ServerReport(io, port)
  const server = new BenchServer({
    host: network.host,
    port,
    interval: args.interval,
    once: args.once,
    echo: !args.iperf3,
    observer: report,
  })
  for (const address of network.addresses) output.note(`listening on ${address}:${port} (${network.interface})`)
  output.note('try from the other side:')
  for (const line of invitations(network.addresses[0]!, port, !args.iperf3)) output.note(`  ${line}`)
  output.record('listening', { addresses: network.addresses, port, interface: network.interface, echo: !args.iperf3 })
  interrupt.onStatus(() => `${server.tests} test${server.tests === 1 ? '' : 's'} so far`)
  interrupt.onLeave(() => network.close())
  const end = (): void => void server.close()
  interrupt.signal.addEventListener('abort', end, { once: true })
  network.lost.addEventListener('abort', end, { once: true })
  report.onIdle()
  await server.ended
  throwIfLost(network)
  await network.linger()
  return args.once && report.failure !== undefined ? Exit.NETWORK : Exit.OK
}

function invitations(address: string, port: number, isEcho: boolean): readonly string[] {
  const at = port === 5201 ? '' : ` -p ${port}`
  return [
    `gotcp bench ${address}${at}`,
    `iperf3 -c ${address}${at}`,
    ...(isEcho ? [`gotcp bench ${address}${at} --latency`] : []),
  ]
}

/** Says what the server does, test by test. */
class ServerReport implements ServerObserver {
  failure: unknown
  readonly #io: Io
  readonly #port: number
  readonly #report: Observer
  #tests = 0

  constructor(io: Io, port: number) {
    this.#io = io
    this.#port = port
    const { output } = io
    this.#report = output.json ? new ThroughputRecords(output) : new ThroughputText((line) => output.print(line))
  }

  onControl(peer: string, port: number): void {
    this.#io.output.print(`Accepted connection from ${peer}, port ${port}`)
  }

  onStart(start: TestStart): void {
    this.#report.onStart(start)
  }

  onInterval(start: TestStart, interval: Interval): void {
    this.#report.onInterval(start, interval)
  }

  onEnd(end: TestEnd): void {
    this.#report.onEnd(end)
  }

  onFailure(error: unknown): void {
    const { output } = this.#io
    const message = error instanceof Error ? error.message : String(error)
    this.failure = error
    output.warn(message)
    output.record('failure', { code: (error as NodeJS.ErrnoException).code ?? null, message })
  }

  onIdle(): void {
    const { output } = this.#io
    for (const line of [RULE, `Server listening on ${this.#port} (test #${++this.#tests})`, RULE]) output.print(line)
  }
}
