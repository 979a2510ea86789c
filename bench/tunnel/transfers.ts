import { createHash } from 'node:crypto'
import { payloadAt } from '../../src/lab/payload.ts'
import type { Crew, Member } from './crew.ts'
import { Daemons } from './daemons.ts'
import { findGota, GOTA_MISSING, Gota } from './gota.ts'
import { type Part, type Plan, progress } from './part.ts'
import type { Play, Played } from './player.ts'
import { Sheet } from './sheet.ts'

const MB = 1_000_000
const MOST_PATHS = 6
/** How often the one that Gota fails at is tried, with so many paths and never more than so much. */
const AT_ONCE = { tries: 50, paths: 4, octets: 100 * MB } as const

type Ending = 'client closes' | 'server closes' | 'half-closed' | 'aborted'
const ENDINGS: readonly Ending[] = ['client closes', 'server closes', 'half-closed', 'aborted']

const nothing: Play = { gives: 0, ending: 'end', waits: true }

/** What client and server do, of so many octets. */
function playsOf(ending: Ending, octets: number): { readonly client: Play; readonly server: Play } {
  const all: Play = { gives: octets, ending: 'end', waits: false }
  if (ending === 'client closes') return { client: all, server: nothing }
  if (ending === 'server closes') return { client: nothing, server: all }
  // The server begins when the client has ended, and the client still listens.
  if (ending === 'half-closed') return { client: all, server: { ...all, waits: true } }
  return { client: { ...all, ending: 'reset' }, server: nothing }
}

/** The SHA-256 of the first octets of what is sent. */
function sha256Of(octets: number): string {
  const hash = createHash('sha256')
  for (let at = 0; at < octets; ) {
    const piece = payloadAt(at, octets - at)
    hash.update(piece)
    at += piece.length
  }
  return hash.digest('hex')
}

/** Two programs, the one behind the tunnel and the one before it. */
class Stage {
  readonly #client: Member
  readonly #server: Member
  readonly #whole: { readonly octets: number; readonly sha256: string }
  readonly port: number

  private constructor(client: Member, server: Member, port: number, octets: number) {
    this.#client = client
    this.#server = server
    this.port = port
    this.#whole = { octets, sha256: sha256Of(octets) }
  }

  static async open(crew: Crew, octets: number): Promise<Stage> {
    const { member: server, said } = await crew.start<{ port: number }>('player', { isServer: true })
    const { member: client } = await crew.start('player', { isServer: false })
    return new Stage(client, server, said.port, octets)
  }

  /** One transfer of each kind by way of a port: 100 for each that is right. */
  async all(port: number): Promise<readonly number[]> {
    const figures: number[] = []
    for (const ending of ENDINGS) figures.push((await this.isRight(ending, port)) ? 100 : 0)
    return figures
  }

  /** The first kind so many times: how many of a hundred were right. */
  async closed(port: number, times: number): Promise<readonly number[]> {
    let right = 0
    for (let i = 0; i < times; i++) if (await this.isRight('client closes', port)) right++
    return [(100 * right) / times, Number.NaN, Number.NaN, Number.NaN]
  }

  /** One transfer by way of a port; whether both ends saw what they had to. */
  async isRight(ending: Ending, port: number): Promise<boolean> {
    const { client, server } = playsOf(ending, this.#whole.octets)
    await this.#server.ask({ ...server } satisfies Play)
    const [atClient, atServer] = await Promise.all([
      this.#client.ask<Played>({ ...client, port } satisfies Play),
      this.#server.hear<Played>(),
    ])
    if (ending === 'aborted') return this.#isCutShort(atServer)
    return this.#isAll(atServer, client) && this.#isAll(atClient, server)
  }

  #isAll({ octets, sha256, isWhole }: Played, { gives }: Play): boolean {
    const expected = gives === 0 ? sha256Of(0) : this.#whole.sha256
    return isWhole && octets === gives && sha256 === expected
  }

  /** The end of it is no good one, and what came is a beginning. */
  #isCutShort({ octets, sha256, isWhole }: Played): boolean {
    return !isWhole && octets <= this.#whole.octets && sha256 === sha256Of(octets)
  }
}

/** Whole transfers, whoever ends them, and however. */
export const transfers: Part = {
  name: 'transfers',
  missing: () => undefined,
  async measure(crew: Crew, plan: Plan): Promise<Sheet> {
    const octets = (plan.isFull ? 1000 : plan.isQuick ? 5 : 100) * MB
    const tries = plan.isQuick ? 5 : AT_ONCE.tries
    const columns = ENDINGS.map((title) => ({ title, digits: 0 }))
    const sheet = new Sheet(`transfers: of ${octets / MB} MB, in per cent those that are right at both ends`, columns)
    const stage = await Stage.open(crew, octets)
    const small = await Stage.open(crew, Math.min(octets, AT_ONCE.octets))
    const row = (title: string, figures: readonly number[]): void => {
      sheet.add(title, figures)
      progress(`transfers, ${title} done`)
    }
    row('direct', await stage.all(stage.port))
    const services = [
      { name: 'file', type: 'tcp', port: stage.port },
      { name: 'small', type: 'tcp', port: small.port },
    ] as const
    for (let paths = 1; paths <= MOST_PATHS; paths++) {
      const daemons = await Daemons.start(crew, { name: `paths-${paths}`, paths, services })
      const title = paths === 1 ? 'daemons, 1 path' : `daemons, ${paths} paths`
      row(title, await stage.all(daemons.portOf('file')))
      if (paths === AT_ONCE.paths) row(`${title}, ${tries} times`, await small.closed(daemons.portOf('small'), tries))
      for (const end of [daemons.client, daemons.server]) await crew.end(end)
    }
    const program = findGota(plan.gota)
    if (program === undefined) sheet.notes.push(GOTA_MISSING)
    else {
      const gota = await Gota.start(crew, program, AT_ONCE.paths, small.port)
      row(`Gota, ${AT_ONCE.paths} tunnels, ${tries} times`, await small.closed(gota.port, tries))
    }
    const daemons = sheet.subjects.filter((subject) => subject.startsWith('daemons'))
    const figures = daemons.flatMap((subject) => ENDINGS.map((ending) => sheet.median(subject, ending) ?? 100))
    sheet.verdicts.push({ what: 'daemons, the least of all: per cent', figure: Math.min(...figures), least: 100 })
    return sheet
  },
}
