import { cpuSeconds } from '../peers/process-tree.ts'
import type { Crew, Member } from './crew.ts'
import { Daemons, LOGIN, PATHS } from './daemons.ts'
import type { Kind } from './ends.ts'
import { findGota, GOTA_MISSING, Gota } from './gota.ts'
import { type Part, type Plan, progress } from './part.ts'
import { relaysTo } from './relays.ts'
import type { SessionPoured } from './session-source.ts'
import { Sheet } from './sheet.ts'
import type { Taken } from './sink.ts'
import type { Pour, Poured } from './source.ts'

const RATE = 'Gbit/s'
const CLIENT = 'client, s/GB'
const SERVER = 'server, s/GB'
const SESSION = `session over ${PATHS} TLS paths, two processes`
const TUNNEL = `daemons, ${PATHS} TLS paths`
const CLEAR = `daemons, ${PATHS} paths in the clear`
const GOTA = `Gota, ${PATHS} tunnels in the clear`

/** One transfer. */
interface Transfer {
  readonly octets: number
  readonly ms: number
  /** Octets that were sent and did not come, or came wrong. */
  readonly lost: number
}

/** A way from a source to a sink, and the processes whose time counts. */
interface Subject {
  readonly title: string
  readonly client: number
  readonly server: number
  pour(ms: number): Promise<Transfer>
}

/** Programs that pour and take, by TCP or by TLS. */
class Load {
  readonly #source: Member
  readonly #sink: Member
  readonly #kind: Kind
  readonly port: number

  private constructor(source: Member, sink: Member, kind: Kind, port: number) {
    this.#source = source
    this.#sink = sink
    this.#kind = kind
    this.port = port
  }

  static async open(crew: Crew, kind: Kind): Promise<Load> {
    const { member: sink, said } = await crew.start<{ port: number }>('sink', { kind, folder: crew.folder })
    const { member: source } = await crew.start('source')
    return new Load(source, sink, kind, said.port)
  }

  /** From the one to the other, by way of whatever listens at a port. */
  async pour(port: number, ms: number): Promise<Transfer> {
    const [sent, taken] = await Promise.all([
      this.#source.ask<Poured>({ kind: this.#kind, port, ms } satisfies Pour),
      this.#sink.hear<Taken>(),
    ])
    return { octets: taken.octets, ms: taken.ms, lost: taken.wrong + sent.octets - taken.octets }
  }

  /** Without anything in between. */
  direct(title: string): Subject {
    return { title, client: this.#source.pid, server: this.#sink.pid, pour: (ms) => this.pour(this.port, ms) }
  }

  /** By way of a port, and of two processes. */
  through(title: string, port: number, client: number, server: number): Subject {
    return { title, client, server, pour: (ms) => this.pour(port, ms) }
  }
}

async function relays(crew: Crew, load: Load): Promise<Subject> {
  const { title, port, client, server } = await relaysTo(crew, load.port)
  return load.through(title, port, client, server)
}

async function daemons(crew: Crew, load: Load, title: string, tls: boolean): Promise<readonly [Subject, Daemons]> {
  const service = { name: 'bulk', type: 'tcp', port: load.port } as const
  const pair = await Daemons.start(crew, { name: tls ? 'tls' : 'clear', tls, services: [service] })
  return [load.through(title, pair.portOf('bulk'), pair.client.pid!, pair.server.pid!), pair]
}

async function session(crew: Crew, { server, serverPort }: Daemons): Promise<Subject> {
  const { member } = await crew.start('session-source', {
    mode: 'client',
    ...LOGIN,
    paths: Array.from({ length: PATHS }, () => ({ remote: `127.0.0.1:${serverPort}` })),
    services: [{ name: 'nothing', type: 'tcp', listen: '127.0.0.1:0' }],
  })
  const pour = (ms: number): Promise<Transfer> => member.ask<SessionPoured>({ ms })
  return { title: SESSION, client: member.pid, server: server.pid!, pour }
}

async function gota(crew: Crew, load: Load, program: string): Promise<Subject> {
  const { port, client, server } = await Gota.start(crew, program, PATHS, load.port)
  return load.through(GOTA, port, client, server)
}

/** Gigabits a second, and seconds of processor time for a gigabyte at each end. */
async function figures(subject: Subject, ms: number): Promise<{ readonly row: readonly number[]; lost: number }> {
  const time = (): readonly number[] => [cpuSeconds(subject.client), cpuSeconds(subject.server)]
  const before = time()
  const { octets, ms: took, lost } = await subject.pour(ms)
  const spent = time().map((seconds, i) => (seconds - before[i]!) / (octets / 1e9))
  return { row: [(octets * 8) / took / 1e6, ...spent], lost }
}

/** One stream as fast as it goes. */
export const bulk: Part = {
  name: 'bulk',
  missing: () => undefined,
  async measure(crew: Crew, plan: Plan): Promise<Sheet> {
    const [load, tlsLoad] = [await Load.open(crew, 'tcp'), await Load.open(crew, 'tls')]
    const program = findGota(plan.gota)
    const [tunnel, pair] = await daemons(crew, load, TUNNEL, true)
    const [clear] = await daemons(crew, load, CLEAR, false)
    const subjects = [
      load.direct('node:net, two processes'),
      tlsLoad.direct('node:tls, one connection, two processes'),
      await session(crew, pair),
      await relays(crew, load),
      tunnel,
      clear,
      ...(program === undefined ? [] : [await gota(crew, load, program)]),
    ]
    const sheet = new Sheet('bulk: one stream on loopback, as fast as it goes', [
      { title: RATE, digits: 2 },
      { title: CLIENT, digits: 2 },
      { title: SERVER, digits: 2 },
    ])
    for (const subject of subjects) await subject.pour(plan.warmUp)
    const short = new Map<string, number>()
    for (let round = 1; round <= plan.rounds; round++) {
      for (const subject of subjects) {
        const { row, lost } = await figures(subject, plan.ms)
        if (lost !== 0 && subject.title !== GOTA) throw new Error(`${subject.title}: ${lost} octets lost or wrong`)
        if (lost !== 0) short.set(subject.title, (short.get(subject.title) ?? 0) + 1)
        sheet.add(subject.title, row)
      }
      progress(`bulk, round ${round} of ${plan.rounds} done`)
    }
    if (program === undefined) sheet.notes.push(GOTA_MISSING)
    for (const [title, count] of short) sheet.notes.push(`${title}: cut short at its end in ${count} of ${plan.rounds}`)
    for (const title of [SESSION, TUNNEL]) sheet.expect(title, RATE, { least: 2.5 })
    for (const end of [CLIENT, SERVER]) {
      const most = sheet.median(GOTA, end)
      if (most !== undefined) sheet.expect(CLEAR, end, { most })
    }
    return sheet
  },
}
