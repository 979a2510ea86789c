import { createLab, type LabHost, labUnavailable } from '../../test/real/netns.ts'
import type { Crew } from './crew.ts'
import type { Direction, Race, Raced, Stall } from './crowd.ts'
import { Daemons, PATHS } from './daemons.ts'
import { heldBy, until } from './held.ts'
import { type Part, type Plan, progress } from './part.ts'
import { Sheet } from './sheet.ts'

const STREAMS = { full: 1000, quick: 50 } as const
/**
 * What the kernel may hold for a connection, each way: a thousand with the megabytes that it gives on loopback would bring
 * all TCP of the machine to its limit (tcp_mem), and measure that.
 */
const KERNEL_BUFFER = 131_072
/** Nothing has moved between so many looks. */
const STILL = 5
const RATE = 'one more stream, Gbit/s'
const SHARE = '% of alone'
const ENDS = ['client', 'server'] as const
const memory = (end: string): string => `${end}, MiB`

const READERS: Readonly<Record<Direction, string>> = { down: 'at the client', up: 'at the server' }

/** Streams whose readers read nothing: what they cost, and what they leave to others. */
export const stalled: Part = {
  name: 'stalled',
  missing: labUnavailable,
  async measure(crew: Crew, plan: Plan): Promise<Sheet> {
    const streams = plan.isQuick ? STREAMS.quick : STREAMS.full
    const sheet = new Sheet(`stalled: ${streams} streams that nobody reads, and one that somebody does`, [
      { title: RATE, digits: 2 },
      { title: SHARE, digits: 0 },
      ...ENDS.map((end) => ({ title: memory(end), digits: 0 })),
    ])
    const lab = createLab({ hosts: ['loopback'] })
    try {
      const host = lab.host('loopback')
      for (const end of ['r', 'w']) host.sysctl(`ipv4.tcp_${end}mem`, `"4096 16384 ${KERNEL_BUFFER}"`)
      for (const direction of ['down', 'up'] as const) {
        await measureOneWay({ crew, plan, sheet, host }, direction, streams)
        progress(`stalled, ${direction} done`)
      }
    } finally {
      await crew.close()
      lab.close()
    }
    return sheet
  },
}

interface Scene {
  readonly crew: Crew
  readonly plan: Plan
  readonly sheet: Sheet
  /** Its loopback carries everything. */
  readonly host: LabHost
}

async function measureOneWay({ crew, plan, sheet, host }: Scene, direction: Direction, streams: number): Promise<void> {
  const { member: backend, said } = await crew.start<{ port: number }>('backend', {}, host)
  const { member: crowd } = await crew.start('crowd', {}, host)
  const ground = { client: host, server: host, remotes: Array.from({ length: PATHS }, () => '127.0.0.1') }
  const services = [{ name: 'pour', type: 'tcp', port: said.port }] as const
  const daemons = await Daemons.start(crew, { name: direction, services, ground })
  const to = { port: daemons.portOf('pour'), direction }
  const race = async (warmUp: number): Promise<number> =>
    (await crowd.ask<Raced>({ ...to, warmUp, ms: plan.ms } satisfies Race)).gbps
  const note = async (subject: string, gbps: number, share: number): Promise<void> => {
    const held = await Promise.all(ENDS.map((end) => heldBy(daemons, end)))
    sheet.add(subject, [gbps, share, ...held.map(({ mib }) => mib)])
  }
  const [alone, beside] = [`alone, ${direction}`, `beside ${streams} stalled readers ${READERS[direction]}`]
  await race(plan.warmUp)
  for (let round = 0; round < plan.rounds; round++) await note(alone, await race(0), Number.NaN)
  await crowd.ask({ ...to, stalled: streams } satisfies Stall)
  await still(daemons)
  for (let round = 0; round < plan.rounds; round++) {
    const gbps = await race(0)
    await note(beside, gbps, (100 * gbps) / sheet.median(alone, RATE)!)
  }
  sheet.expect(beside, SHARE, { least: 90 })
  for (const end of ENDS) sheet.expect(beside, memory(end), { most: 256 })
  for (const { child } of [crowd, backend]) await crew.end(child)
  for (const end of ENDS) await crew.end(daemons[end])
}

/** No octet moves any more. */
async function still(daemons: Daemons): Promise<void> {
  let [last, looks] = [-1, 0]
  await until('everything stands still', async () => {
    const { services } = await daemons.status('client')
    const octets = services.reduce((sum, each) => sum + each.sent_bytes + each.received_bytes, 0)
    looks = octets === last ? looks + 1 : 0
    last = octets
    return looks === STILL
  })
}
