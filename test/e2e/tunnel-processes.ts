import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { askDaemon } from '../../src/tunnel/control/control-client.ts'
import type { PathStatus, ServiceStatusRecord, SessionStatus, TunnelStatus } from '../../src/tunnel/status.ts'
import type { LabHost } from '../real/netns.ts'
import { type Ended, MAIN, Running } from './command.ts'

/** Milliseconds that anything may take on a machine that has much else to do. */
const PATIENCE = 100_000
const LOOK = 20
/** Milliseconds that a daemon lives, whatever becomes of its test. */
const LIFETIME = 290_000

/** What a daemon says of itself when it has started. */
interface Started {
  readonly listening: readonly string[]
  readonly services: readonly { readonly name: string; readonly listening: string | null }[]
  readonly metrics: string | null
}

/** A daemon of a tunnel as a process of its own, asked by its control socket. */
export class TunnelProcess {
  readonly running: Running
  readonly control: string
  readonly started: Started

  constructor(running: Running, control: string, started: Started) {
    this.running = running
    this.control = control
    this.started = started
  }

  /** Where a server lets paths in. */
  get port(): number {
    return portOf(this.started.listening[0]!)
  }

  /** Where a service of a client listens. */
  portOf(service: string): number {
    return portOf(this.started.services.find(({ name }) => name === service)!.listening!)
  }

  ask(command: string, args: object = {}): Promise<unknown> {
    return askDaemon(this.control, { command, ...args })
  }

  async status(): Promise<TunnelStatus> {
    return (await this.ask('status')) as TunnelStatus
  }

  /** The status once it is as wanted. @throws when that takes too long, with what it was last */
  async until(isSo: (status: TunnelStatus) => boolean): Promise<TunnelStatus> {
    const limit = performance.now() + PATIENCE
    for (;;) {
      const status = await this.status()
      if (isSo(status)) return status
      if (performance.now() > limit) throw new Error(`in vain until ${isSo}: ${JSON.stringify(status)}`)
      await sleep(LOOK)
    }
  }

  /** The same of one path of the only session. */
  async untilPath(name: string, isSo: (path: PathStatus) => boolean): Promise<PathStatus> {
    const status = await this.until((all) => {
      const path = sessionOf(all)?.paths.find((each) => each.name === name)
      return path !== undefined && isSo(path)
    })
    return pathOf(status, name)
  }

  /** Ends it at once. */
  async kill(): Promise<void> {
    this.running.child.kill('SIGKILL')
    await this.running.ended
  }
}

/** Where a daemon runs. */
export interface Place {
  /** A host of a lab; this one where it is left out. */
  readonly host?: LabHost
  /** A file that it, and nobody else, sees in place of /etc/hosts. */
  readonly hosts?: string
}

const withHosts = (file: string | undefined): readonly string[] =>
  file === undefined
    ? []
    : [
        'unshare',
        '--mount',
        '--propagation',
        'private',
        'sh',
        '-c',
        `mount --bind ${file} /etc/hosts && exec "$@"`,
        'sh',
      ]

/** Starts daemons in a folder of their own, and leaves nothing of them. */
export class TunnelProcesses {
  readonly folder = mkdtempSync(join(tmpdir(), 'gotcp-tunnels-'))
  readonly #running: Running[] = []

  /** Writes `NAME.yaml`, and starts a daemon with it; it is up when this resolves. */
  async start(name: string, mode: 'server' | 'client', text: string, place: Place = {}): Promise<TunnelProcess> {
    this.write(name, mode, text)
    const running = this.#gotcp(place, mode, '-c', this.#file(name), '--json')
    await running.until(/"event":"start".*\n/)
    return new TunnelProcess(running, join(this.folder, `${name}.sock`), JSON.parse(running.stdout.split('\n', 1)[0]!))
  }

  /** Writes the file of a daemon anew, to be read again by it. */
  write(name: string, mode: 'server' | 'client', text: string): void {
    const common = `mode: ${mode}\nname: ${name}\nstate: ${name}.state\ncontrol: ${name}.sock\n`
    writeFileSync(this.#file(name), common + text)
  }

  /** Runs `gotcp tunnel …` to its end. */
  run(...args: readonly string[]): Promise<Ended> {
    const running = this.#gotcp({}, ...args)
    running.child.stdin.end()
    return running.ended
  }

  async close(): Promise<void> {
    for (const { child } of this.#running) child.kill('SIGKILL')
    await Promise.all(this.#running.splice(0).map(({ ended }) => ended))
    rmSync(this.folder, { recursive: true, force: true })
  }

  #file(name: string): string {
    return join(this.folder, `${name}.yaml`)
  }

  #gotcp({ host, hosts }: Place, ...args: readonly string[]): Running {
    const running = new Running(
      host,
      [...withHosts(hosts), process.execPath, MAIN, 'tunnel', ...args],
      process.env,
      LIFETIME,
    )
    this.#running.push(running)
    return running
  }
}

/** Whether all paths of a client are up. */
export const areUp = ({ sessions }: TunnelStatus): boolean => sessions[0]!.paths.every(({ state }) => state === 'up')

/** The session of a client, which has one; a server's first. */
export const sessionOf = ({ sessions }: TunnelStatus): SessionStatus | undefined => sessions[0]

export const pathOf = (status: TunnelStatus, name: string): PathStatus =>
  sessionOf(status)!.paths.find((path) => path.name === name)!

export const serviceOf = ({ services }: TunnelStatus, name: string): ServiceStatusRecord =>
  services.find((service) => service.name === name)!

const portOf = (address: string): number => Number(/:(\d+)$/.exec(address)![1])
