import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { type Crew, freePort } from './crew.ts'

/** Its listeners are looked for so often, and so many milliseconds apart. */
const LOOKS = { times: 100, every: 50 } as const

export const GOTA_MISSING =
  'Gota: not measured, there is no program. Build github.com/jim3ma/gota with Go and say --gota /path/to/gota'

/** Gota's program: the one that was given, or the one on PATH; undefined where there is none. */
export function findGota(given: string | undefined): string | undefined {
  const program = given ?? 'gota'
  return spawnSync(program, ['version']).error === undefined ? program : undefined
}

/** Gota's server and client, with as many tunnels as are wanted, in the clear: it knows no encryption. */
export class Gota {
  readonly server: number
  readonly client: number
  /** Where the client listens. */
  readonly port: number

  private constructor(server: number, client: number, port: number) {
    this.server = server
    this.client = client
    this.port = port
  }

  /** @param backend the port that the server leads to */
  static async start(crew: Crew, program: string, tunnels: number, backend: number): Promise<Gota> {
    const folder = join(crew.folder, `gota-${tunnels}`)
    mkdirSync(folder)
    const port = await freePort()
    const ports = await Promise.all(Array.from({ length: tunnels }, freePort))
    // With fast open it loses what comes before its backend answers.
    const common = { log: 'error', fastopen: false, auth: { username: 'bench', password: 'bench' } }
    const start = (mode: 'server' | 'client', settings: object): number => {
      const file = join(folder, `${mode}.yml`)
      writeFileSync(file, JSON.stringify({ mode, ...common, ...settings }))
      return crew.spawn([program, mode, '--config', file]).pid!
    }
    const server = start('server', {
      remote: `127.0.0.1:${backend}`,
      tunnel: ports.map((each) => ({ listen: `127.0.0.1:${each}` })),
    })
    await whenListening(ports)
    const client = start('client', {
      listen: `127.0.0.1:${port}`,
      tunnel: ports.map((each) => ({ remote: `127.0.0.1:${each}` })),
    })
    await whenListening([port])
    return new Gota(server, client, port)
  }
}

/** LISTEN as /proc/net/tcp has it. */
const LISTEN = '0A'

/** A connection to see whether anybody listens would be a stream of nothing to Gota; so the kernel is asked. */
async function whenListening(ports: readonly number[]): Promise<void> {
  for (let look = 0; look < LOOKS.times; look++) {
    const sockets = readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1)
    const listening = sockets.map((line) => line.trim().split(/ +/)).filter((fields) => fields[3] === LISTEN)
    const found = new Set(listening.map((fields) => Number.parseInt(fields[1]!.split(':')[1]!, 16)))
    if (ports.every((port) => found.has(port))) return
    await setTimeout(LOOKS.every)
  }
  throw new Error('Gota does not listen where it was told to')
}
