import type { Answered, Requests } from './asker.ts'
import type { Crew } from './crew.ts'
import { Daemons, PATHS } from './daemons.ts'
import { type Part, type Plan, progress } from './part.ts'
import { relaysTo } from './relays.ts'
import { Sheet } from './sheet.ts'

const SIZES = [1, 64] as const
const TUNNEL = `daemons, ${PATHS} TLS paths`

/** One question at a time, and how long its answer takes. */
export const requests: Part = {
  name: 'requests',
  missing: () => undefined,
  async measure(crew: Crew, plan: Plan): Promise<Sheet> {
    const { port } = (await crew.start<{ port: number }>('echo')).said
    const { member: asker } = await crew.start('asker')
    const relays = [await relaysTo(crew, port, 'tcp'), await relaysTo(crew, port)]
    const services = [{ name: 'echo', type: 'tcp', port }] as const
    const daemons = await Daemons.start(crew, { name: 'requests', services })
    const subjects = [{ title: 'direct', port }, ...relays, { title: TUNNEL, port: daemons.portOf('echo') }]
    const columns = SIZES.flatMap((octets) => [
      { title: `${octets} octets, p50, µs`, digits: 0, isCompared: true },
      { title: `${octets} octets, p99, µs`, digits: 0 },
    ])
    const sheet = new Sheet('requests: a question of so many octets and its answer over one connection', columns)
    const ask = async (to: number, octets: number, ms: number): Promise<readonly number[]> => {
      const { p50, p99 } = await asker.ask<Answered>({ port: to, octets, ms } satisfies Requests)
      return [p50, p99]
    }
    for (const each of subjects) await ask(each.port, 1, plan.warmUp)
    for (let round = 1; round <= plan.rounds; round++) {
      for (const each of subjects) {
        const row: number[] = []
        for (const octets of SIZES) row.push(...(await ask(each.port, octets, plan.ms)))
        sheet.add(each.title, row)
      }
      progress(`requests, round ${round} of ${plan.rounds} done`)
    }
    for (const octets of SIZES) {
      const column = `${octets} octets, p50, µs`
      sheet.expect(TUNNEL, column, { most: 3 * sheet.median('direct', column)! })
    }
    return sheet
  },
}
