// Our stack beside others in user space, all as servers of the same client: npm run bench -- peers [--quick] [--only …]
import type { Lab } from '../../test/real/netns.ts'
import { positive, readFlags } from '../flags.ts'
import { machine, refuse, withRig } from '../rig.ts'
import { placement } from '../round.ts'
import { MEASUREMENTS, PORT_OF, type Row } from '../rows.ts'
import { type Absentee, type Contender, contenders } from './contenders.ts'
import { failureOf, measureHeld, measureSpeed, runClient } from './measure.ts'
import { type Failure, isFailure, type Outcome, Ranking } from './ranking.ts'
import { CleanSite, Guest, LossySite, type Served } from './site.ts'

/** How often and how long everything is measured. */
interface Plan {
  readonly rounds: number
  readonly ms: number
  /** Behind a line with losses. */
  readonly lossyMs: number
  /** Rounds before the first that counts. */
  readonly warmUps: number
  readonly connections: number
  /** In per cent. */
  readonly losses: readonly number[]
}

const FULL: Plan = { rounds: 5, ms: 1000, lossyMs: 2000, warmUps: 2, connections: 1000, losses: [1, 3] }
const QUICK: Plan = { rounds: 1, ms: 100, lossyMs: 200, warmUps: 0, connections: 20, losses: [1] }

const HELD: Row = { title: 'an idle connection', figure: 'kib', unit: 'KiB', digits: 1, up: false }
const LOSSY = [
  { mode: 'goodput-to', port: PORT_OF.send, title: 'client to stack' },
  { mode: 'goodput-from', port: PORT_OF.receive, title: 'stack to client' },
] as const

/** Rows of the main table, where the one who is measured is the client and the kernel the server. */
const asServer = (row: Row): Row => ({
  ...row,
  title: row.title
    .replace('client to kernel', 'client to stack')
    .replace('kernel to client', 'stack to client')
    .replace('of the client', 'of the stack'),
})

/** All outcomes of each row by contender. */
type Sheet = Map<Row, Map<string, Outcome[]>>

function note(sheet: Sheet, row: Row, { title }: Contender, outcome: Outcome): void {
  if (!sheet.has(row)) sheet.set(row, new Map())
  const outcomes = sheet.get(row)!
  outcomes.set(title, [...(outcomes.get(title) ?? []), outcome])
}

/** Servers that run; one that failed its client is started again. */
class Servers {
  readonly all: readonly Contender[]
  readonly #start: (contender: Contender) => Promise<Served>
  readonly #running = new Map<Contender, Served>()

  constructor(all: readonly Contender[], start: (contender: Contender) => Promise<Served>) {
    this.all = all
    this.#start = start
  }

  /** Does `work` with a contender's server. */
  async with<T>(contender: Contender, work: (served: Served) => Promise<T>): Promise<T | Failure> {
    const served = this.#running.get(contender) ?? (await this.#start(contender))
    this.#running.set(contender, served)
    try {
      return await work(served)
    } catch (error) {
      await this.end(contender)
      return failureOf(error)
    }
  }

  async end(contender: Contender): Promise<void> {
    await this.#running.get(contender)?.end()
    this.#running.delete(contender)
  }

  async endAll(): Promise<void> {
    for (const contender of this.all) await this.end(contender)
  }
}

async function speed(servers: Servers, peer: string, plan: Plan, sheet: Sheet): Promise<void> {
  const measurements = MEASUREMENTS.map((each) => ({ ...each, rows: each.rows.map(asServer) }))
  for (let round = 1 - plan.warmUps; round <= plan.rounds; round++) {
    for (const measurement of measurements) {
      for (const contender of servers.all) {
        const result = await servers.with(contender, (served) => measureSpeed(served, peer, measurement, plan.ms))
        if (round < 1) continue
        for (const row of measurement.rows) {
          note(sheet, row, contender, isFailure(result) ? result : result[row.figure]!)
        }
      }
    }
    if (round > 0) console.error(`bench: speed, round ${round} of ${plan.rounds} done`)
  }
}

async function memory(servers: Servers, peer: string, plan: Plan, sheet: Sheet): Promise<void> {
  for (let round = 1; round <= plan.rounds; round++) {
    for (const contender of servers.all) {
      const count = Math.min(plan.connections, contender.maxConnections ?? plan.connections)
      await servers.end(contender)
      note(sheet, HELD, contender, await servers.with(contender, (served) => measureHeld(served, peer, count)))
    }
    console.error(`bench: memory, round ${round} of ${plan.rounds} done`)
  }
}

/** Goodput where segments are lost. */
async function loss(site: LossySite, servers: Servers, peer: string, plan: Plan, sheet: Sheet): Promise<void> {
  for (const percent of plan.losses) {
    site.lose(percent)
    const rows = LOSSY.map(({ title, ...run }) => ({
      ...run,
      row: { title: `${title}, ${percent} % lost each way`, figure: 'mbps', unit: 'Mbit/s', digits: 1, up: true },
    }))
    for (let round = 1; round <= plan.rounds; round++) {
      for (const { row, ...mode } of rows) {
        for (const contender of servers.all) {
          const run = async (served: Served) => (await runClient(served, peer, mode, plan.lossyMs))['mbps']!
          note(sheet, row, contender, await servers.with(contender, run))
        }
      }
      console.error(`bench: ${percent} % lost, round ${round} of ${plan.rounds} done`)
    }
  }
}

interface Course {
  readonly sheet: Sheet
  readonly present: readonly Contender[]
  /** Who did not start after all, and what else is missing. */
  readonly absent: readonly Absentee[]
}

async function bench(lab: Lab, peer: string, chosen: readonly Contender[], plan: Plan): Promise<Course> {
  for (const name of ['client', 'stacks']) lab.host(name).sysctl('ipv4.tcp_max_tw_buckets', 500)
  const clean = new CleanSite(lab, peer)
  const isGuest = ({ medium }: Contender): boolean => medium === 'guest'
  const guests = new Map(chosen.filter(isGuest).map((each, i) => [each, new Guest(lab, peer, each, i)]))
  const start = (each: Contender): Promise<Served> => guests.get(each)?.serve() ?? clean.serve(each)
  const present: Contender[] = []
  const absent: Absentee[] = []
  for (const each of chosen) {
    try {
      await (await start(each)).end()
      present.push(each)
    } catch (error) {
      absent.push({ title: each.title, missing: (error as Error).message })
    }
  }
  const sheet: Sheet = new Map()
  const servers = new Servers(present, start)
  await speed(servers, peer, plan, sheet)
  await memory(servers, peer, plan, sheet)
  await servers.endAll()
  try {
    const site = new LossySite(lab, peer)
    const lossy = new Servers(
      present.filter((each) => !isGuest(each)),
      (each) => site.serve(each),
    )
    await loss(site, lossy, peer, plan, sheet)
    await lossy.endAll()
  } catch (error) {
    absent.push({ title: 'a line that loses (apt-get install nftables ethtool)', missing: (error as Error).message })
  }
  return { sheet, present, absent }
}

function print({ sheet, present }: Course, plan: Plan): void {
  console.log(machine())
  console.log(
    `MTU 1500; cubic on both sides; ${placement}; median [min–max] of ${plan.rounds} × ${plan.ms} ms ` +
      `(${plan.lossyMs} ms behind losses), interleaved; in bold the best in user space\n`,
  )
  const kernel = present.find(({ isKernel }) => isKernel)?.title
  const ranking = new Ranking(
    present.map(({ title }) => title),
    { competes: (title) => title !== kernel, isOurs: (title) => title.startsWith('gotcp') },
  )
  for (const [row, outcomes] of sheet) ranking.add(row, outcomes)
  console.log(`${ranking}`)
}

/** Prints our stack beside others in user space. */
export async function comparePeers(args: readonly string[]): Promise<void> {
  const { quick, only, runs } = readFlags(args, {
    quick: { type: 'boolean', default: false },
    runs: { type: 'string', default: String(FULL.rounds) },
    only: { type: 'string', default: '' },
  })
  const plan = quick ? QUICK : { ...FULL, rounds: positive('runs', runs) }
  const { present, absent } = contenders()
  const wanted = only.toLowerCase().split(',')
  const chosen = present.filter(({ title }) => wanted.some((word) => title.toLowerCase().includes(word)))
  if (chosen.length === 0) refuse(`--only names none of: ${present.map(({ title }) => title).join(', ')}`)
  const guests = chosen.filter(({ medium }) => medium === 'guest').flatMap((_, i) => Guest.hosts(i))
  await withRig([...CleanSite.hosts, ...LossySite.hosts, ...guests], async (lab, peer) => {
    const course = await bench(lab, peer, chosen, plan)
    print(course, plan)
    for (const { title, missing } of [...absent, ...course.absent]) console.log(`not measured: ${title}: ${missing}`)
  })
}
