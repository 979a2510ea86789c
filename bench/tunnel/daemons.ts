import type { ChildProcess } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { askDaemon } from '../../src/tunnel/control/control-client.ts'
import type { TunnelStatus } from '../../src/tunnel/status.ts'
import type { LabHost } from '../../test/real/netns.ts'
import type { Crew } from './crew.ts'

export const LOGIN = { user: 'bench', password: 'the benchmark knows it' } as const
/** How often it is looked whether the paths are up, in milliseconds. */
const LOOK = 20

/** A service of the tunnel: the client listens for it, the server leads it to a port. */
export interface ServiceSettings {
  readonly name: string
  readonly type: 'tcp' | 'udp'
  readonly port: number
  /** Where the client listens; a port that is free by default. */
  readonly listen?: number
}

/** Hosts of a lab, and the server's address on the line of each path. */
export interface Ground {
  readonly client: LabHost
  readonly server: LabHost
  readonly remotes: readonly string[]
}

export interface DaemonSettings {
  /** Of its folder. */
  readonly name: string
  readonly services: readonly ServiceSettings[]
  /** Four by default, or one for each line of the ground. */
  readonly paths?: number
  /** True by default. */
  readonly tls?: boolean
  /** This machine and its loopback by default. */
  readonly ground?: Ground
}

/** Paths where nothing else is said. */
export const PATHS = 4

/** The first record of `gotcp tunnel … --json`. */
interface Start {
  readonly listening: readonly string[]
  readonly services: readonly { readonly name: string; readonly listening: string | null }[]
}

interface Settings {
  readonly mode: 'server' | 'client'
  readonly [key: string]: unknown
}

interface End {
  readonly child: ChildProcess
  readonly control: string
  readonly start: Start
}

const portOf = (address: string): number => Number(/:(\d+)$/.exec(address)![1])

/** `gotcp tunnel server` and `gotcp tunnel client` as processes on this machine, with all paths up. */
export class Daemons {
  readonly server: ChildProcess
  readonly client: ChildProcess
  /** Where the server takes paths. */
  readonly serverPort: number
  readonly #controls: { readonly server: string; readonly client: string }
  readonly #services: Start['services']

  private constructor(server: End, client: End) {
    this.server = server.child
    this.client = client.child
    this.serverPort = portOf(server.start.listening[0]!)
    this.#controls = { server: server.control, client: client.control }
    this.#services = client.start.services
  }

  static async start(crew: Crew, { name, paths, tls = true, services, ground }: DaemonSettings): Promise<Daemons> {
    const folder = join(crew.folder, name)
    mkdirSync(folder)
    const inTheClear = tls ? {} : { tls: false }
    const server = await startEnd(crew, folder, ground?.server, {
      mode: 'server',
      listen: [ground === undefined ? '127.0.0.1:0' : '0.0.0.0:0'],
      users: [{ name: LOGIN.user, password: LOGIN.password }],
      services: [
        { name: 'bench', type: 'bench' },
        ...services.map(({ name, type, port }) => ({ name, type, connect: `127.0.0.1:${port}` })),
      ],
      ...inTheClear,
    })
    const port = portOf(server.start.listening[0]!)
    const remotes = ground?.remotes ?? Array.from({ length: paths ?? PATHS }, () => '127.0.0.1')
    const client = await startEnd(crew, folder, ground?.client, {
      mode: 'client',
      ...LOGIN,
      paths: remotes.map((host, i) => ({ name: `path-${i + 1}`, remote: `${host}:${port}`, ...inTheClear })),
      services: services.map(({ name, type, listen = 0 }) => ({ name, type, listen: `127.0.0.1:${listen}` })),
    })
    const daemons = new Daemons(server, client)
    while (!(await daemons.isUp(remotes.length))) await setTimeout(LOOK)
    return daemons
  }

  /** So many paths are up. */
  async isUp(count: number): Promise<boolean> {
    const { sessions } = await this.status('client')
    return sessions.flatMap(({ paths }) => paths).filter(({ state }) => state === 'up').length === count
  }

  async status(end: 'server' | 'client'): Promise<TunnelStatus> {
    return (await askDaemon(this.#controls[end], { command: 'status' })) as TunnelStatus
  }

  /** Where the client listens for a service. */
  portOf(service: string): number {
    return portOf(this.#services.find(({ name }) => name === service)!.listening!)
  }
}

async function startEnd(crew: Crew, folder: string, host: LabHost | undefined, settings: Settings): Promise<End> {
  const { mode } = settings
  const [file, control] = [join(folder, `${mode}.yaml`), join(folder, `${mode}.sock`)]
  // JSON is YAML.
  const text = JSON.stringify({ ...settings, state: folder, control, log: { level: 'warn' } })
  writeFileSync(file, text, { mode: 0o600 })
  const { child, line } = await crew.gotcp(['tunnel', mode, '-c', file, '--json'], host)
  return { child, control, start: JSON.parse(line) as Start }
}
