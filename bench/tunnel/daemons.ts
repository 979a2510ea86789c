import type { ChildProcess } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { askDaemon } from '../../src/tunnel/control-client.ts'
import type { TunnelStatus } from '../../src/tunnel/status.ts'
import type { Crew } from './crew.ts'

export const LOGIN = { user: 'bench', password: 'the benchmark knows it' } as const
/** How often it is looked whether the paths are up, in milliseconds. */
const LOOK = 20

/** A service of the tunnel: the client listens for it, the server leads it to a port. */
export interface ServiceSettings {
  readonly name: string
  readonly type: 'tcp' | 'udp'
  readonly port: number
}

export interface DaemonSettings {
  /** Of its folder. */
  readonly name: string
  readonly paths: number
  /** True by default. */
  readonly tls?: boolean
  readonly services: readonly ServiceSettings[]
}

/** The first record of `gotcp tunnel … --json`. */
interface Start {
  readonly listening: readonly string[]
  readonly services: readonly { readonly name: string; readonly listening: string | null }[]
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

  static async start(crew: Crew, { name, paths, tls = true, services }: DaemonSettings): Promise<Daemons> {
    const folder = join(crew.folder, name)
    mkdirSync(folder)
    const inTheClear = tls ? {} : { tls: false }
    const server = await startEnd(crew, folder, 'server', {
      listen: ['127.0.0.1:0'],
      users: [{ name: LOGIN.user, password: LOGIN.password }],
      services: [
        { name: 'bench', type: 'bench' },
        ...services.map(({ name, type, port }) => ({ name, type, connect: `127.0.0.1:${port}` })),
      ],
      ...inTheClear,
    })
    const remote = server.start.listening[0]!
    const client = await startEnd(crew, folder, 'client', {
      ...LOGIN,
      paths: Array.from({ length: paths }, (_, i) => ({ name: `path-${i + 1}`, remote, ...inTheClear })),
      services: services.map(({ name, type }) => ({ name, type, listen: '127.0.0.1:0' })),
    })
    const daemons = new Daemons(server, client)
    while (!(await daemons.status('client')).sessions.some((session) => allUp(session, paths))) await setTimeout(LOOK)
    return daemons
  }

  async status(end: 'server' | 'client'): Promise<TunnelStatus> {
    return (await askDaemon(this.#controls[end], { command: 'status' })) as TunnelStatus
  }

  /** Where the client listens for a service. */
  portOf(service: string): number {
    return portOf(this.#services.find(({ name }) => name === service)!.listening!)
  }
}

const allUp = ({ paths }: TunnelStatus['sessions'][number], count: number): boolean =>
  paths.length === count && paths.every(({ state }) => state === 'up')

async function startEnd(crew: Crew, folder: string, mode: 'server' | 'client', settings: object): Promise<End> {
  const [file, control] = [join(folder, `${mode}.yaml`), join(folder, `${mode}.sock`)]
  // JSON is YAML.
  writeFileSync(file, JSON.stringify({ mode, ...settings, state: folder, control, log: { level: 'warn' } }), {
    mode: 0o600,
  })
  const { child, line } = await crew.gotcp('tunnel', mode, '-c', file, '--json')
  return { child, control, start: JSON.parse(line) as Start }
}
