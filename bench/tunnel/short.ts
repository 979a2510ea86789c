import type { Visited, Visits } from './asker.ts'
import type { Crew } from './crew.ts'
import { Daemons } from './daemons.ts'
import { heldBy, until } from './held.ts'
import { type Part, type Plan, progress } from './part.ts'
import { Sheet } from './sheet.ts'

const CONNECTIONS = { full: 20_000, quick: 500 } as const
const AT_ONCE = 16
/** The first is not judged: memory comes to be what it is then. */
const BATCHES = 3
const RATE = 'connections a minute'
/** What memory may grow by after the first, MiB: 800 octets for each connection, which the collector may leave lying about. */
const MOST_GROWTH = 32

const ENDS = ['client', 'server'] as const
const column = (end: string, what: string): string => `${end}, ${what}`

/** Many connections one after the other, and what is left of them. */
export const short: Part = {
  name: 'short',
  missing: () => undefined,
  async measure(crew: Crew, plan: Plan): Promise<Sheet> {
    const connections = plan.isQuick ? CONNECTIONS.quick : CONNECTIONS.full
    const { port } = (await crew.start<{ port: number }>('echo')).said
    const { member: asker } = await crew.start('asker')
    const services = [{ name: 'echo', type: 'tcp', port }] as const
    const daemons = await Daemons.start(crew, { name: 'short', services })
    const sheet = new Sheet(
      `short: ${connections} connections, ${AT_ONCE} at a time: connect, an octet there and one back, close`,
      [
        { title: RATE, digits: 0, isCompared: true },
        ...ENDS.flatMap((end) => [
          { title: column(end, 'streams'), digits: 0 },
          { title: column(end, 'descriptors'), digits: 0 },
          { title: column(end, 'MiB'), digits: 0 },
        ]),
      ],
    )
    const visit = async (to: number, count: number): Promise<number> => {
      const { ms } = await asker.ask<Visited>({ port: to, connections: count, atOnce: AT_ONCE } satisfies Visits)
      return (60_000 * count) / ms
    }
    const note = async (subject: string, rate: number): Promise<void> => {
      const held = await Promise.all(ENDS.map((end) => heldBy(daemons, end)))
      sheet.add(subject, [rate, ...held.flatMap(({ open, descriptors, mib }) => [open, descriptors, mib])])
    }
    const none = Number.NaN
    sheet.add('direct', [await visit(port, connections), none, none, none, none, none, none])
    await visit(daemons.portOf('echo'), AT_ONCE)
    await settled(daemons)
    await note('before', none)
    for (let batch = 1; batch <= BATCHES; batch++) {
      const rate = await visit(daemons.portOf('echo'), connections)
      await settled(daemons)
      await note(`after batch ${batch}`, rate)
      progress(`short, batch ${batch} of ${BATCHES} done`)
    }
    judge(sheet)
    return sheet
  },
}

/** Everything that was opened is closed. */
async function settled(daemons: Daemons): Promise<void> {
  const isOver = async (end: 'client' | 'server'): Promise<boolean> => (await heldBy(daemons, end)).open === 0
  await until('all streams are closed', async () => (await isOver('client')) && (await isOver('server')))
}

function judge(sheet: Sheet): void {
  const [first, last] = ['after batch 1', `after batch ${BATCHES}`]
  sheet.expect(last, RATE, { least: 20_000 })
  for (const end of ENDS) {
    const [descriptors, mib] = [column(end, 'descriptors'), column(end, 'MiB')]
    sheet.expect(last, descriptors, { most: sheet.median('before', descriptors)! })
    sheet.expect(last, mib, { most: sheet.median(first, mib)! + MOST_GROWTH })
  }
}
