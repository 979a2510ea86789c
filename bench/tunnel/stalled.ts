import type { Crew } from './crew.ts'
import type { Direction, Race, Raced, Stall } from './crowd.ts'
import { Daemons } from './daemons.ts'
import { heldBy, until } from './held.ts'
import { type Part, type Plan, progress } from './part.ts'
import { Sheet } from './sheet.ts'

const PATHS = 4
const STREAMS = { full: 1000, quick: 50 } as const
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
  missing: () => undefined,
  async measure(crew: Crew, plan: Plan): Promise<Sheet> {
    const streams = plan.isQuick ? STREAMS.quick : STREAMS.full
    const sheet = new Sheet(`stalled: ${streams} streams that nobody reads, and one that somebody does`, [
      { title: RATE, digits: 2 },
      { title: SHARE, digits: 0 },
      ...ENDS.map((end) => ({ title: memory(end), digits: 0 })),
    ])
    const { port } = (await crew.start<{ port: number }>('backend')).said
    for (const direction of ['down', 'up'] as const) {
      const { member: crowd } = await crew.start('crowd')
      const services = [{ name: 'pour', type: 'tcp', port }] as const
      const daemons = await Daemons.start(crew, { name: direction, paths: PATHS, services })
      const to = { port: daemons.portOf('pour'), direction }
      const race = async (warmUp: number): Promise<number> =>
        (await crowd.ask<Raced>({ ...to, warmUp, ms: plan.ms } satisfies Race)).gbps
      const note = async (subject: string, gbps: number, share: number): Promise<void> => {
        const held = await Promise.all(ENDS.map((end) => heldBy(daemons, end)))
        sheet.add(subject, [gbps, share, ...held.map(({ mib }) => mib)])
      }
      const [alone, beside] = [`alone, ${direction}`, `beside ${streams} stalled readers ${READERS[direction]}`]
      const rates: number[] = []
      for (let round = 0; round < plan.rounds; round++) rates.push(await race(round === 0 ? plan.warmUp : 0))
      for (const gbps of rates) await note(alone, gbps, Number.NaN)
      await crowd.ask({ ...to, stalled: streams } satisfies Stall)
      await still(daemons)
      for (let round = 0; round < plan.rounds; round++) {
        const gbps = await race(0)
        await note(beside, gbps, (100 * gbps) / sheet.median(alone, RATE)!)
      }
      progress(`stalled, ${direction} done`)
      sheet.expect(beside, SHARE, { least: 90 })
      for (const end of ENDS) sheet.expect(beside, memory(end), { most: 256 })
      for (const each of [daemons.client, daemons.server, crowd.child]) await crew.end(each)
    }
    return sheet
  },
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
