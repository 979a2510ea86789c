import { parseIpv4 } from '../../src/base/address.ts'
import type { Interval } from '../../src/cli/bench/engine/measurement.ts'
import type { TestEnd, TestStart } from '../../src/cli/bench/engine/observer.ts'
import { BenchServer, type ServerObserver, type ServerOptions } from '../../src/cli/bench/engine/server.ts'
import type { Parameters } from '../../src/cli/bench/iperf/parameters.ts'
import { createStack } from '../../src/driver/create-stack.ts'
import { Cable } from '../../src/link/cable.ts'
import type { Host } from '../../src/stack/host.ts'

export const SERVER = parseIpv4('10.0.0.2')!

/** A short test of iperf3's, with what is not said as the command's own defaults have it. */
export const parameters = (init: Partial<Parameters> = {}): Parameters => ({
  protocol: 'tcp',
  time: 0.2,
  bytes: 0,
  omit: 0,
  parallel: 1,
  reverse: false,
  bidirectional: false,
  length: 128 * 1024,
  bitrate: 0,
  mss: undefined,
  window: undefined,
  noDelay: false,
  congestion: undefined,
  tos: 0,
  wideCounters: false,
  ...init,
})

/** Keeps what it is told. */
export class Notes implements ServerObserver {
  readonly starts: TestStart[] = []
  readonly intervals: Interval[] = []
  readonly ends: TestEnd[] = []
  readonly failures: unknown[] = []
  #onIdle: (() => void) | undefined

  onControl(): void {}

  onStart(start: TestStart): void {
    this.starts.push(start)
  }

  onInterval(_start: TestStart, interval: Interval): void {
    this.intervals.push(interval)
  }

  onEnd(end: TestEnd): void {
    this.ends.push(end)
  }

  onFailure(error: unknown): void {
    this.failures.push(error)
  }

  onIdle(): void {
    this.#onIdle?.()
  }

  /** Resolves when the server has done with the test that runs. */
  idle(): Promise<void> {
    return new Promise((resolve) => (this.#onIdle = resolve))
  }
}

export interface BenchPair {
  readonly client: Host
  readonly host: Host
  readonly server: BenchServer
  readonly notes: Notes
}

/** Two stacks on a cable in memory, 10.0.0.1 and 10.0.0.2, the second with a server, for the time of `work`. */
export async function withServer(
  work: (pair: BenchPair) => Promise<void>,
  options: Partial<ServerOptions> = {},
): Promise<void> {
  const cable = new Cable()
  const [client, host] = [createStack(), createStack()]
  client.addInterface(cable.a, { address: '10.0.0.1/24' })
  host.addInterface(cable.b, { address: '10.0.0.2/24' })
  const notes = new Notes()
  const server = new BenchServer({
    host,
    port: 5201,
    interval: 0,
    once: false,
    echo: true,
    observer: notes,
    ...options,
  })
  try {
    await work({ client, host, server, notes })
  } finally {
    await server.close()
    client.close()
    host.close()
  }
}
