// What the tunnel can do, beside what does without it: npm run bench -- tunnel [--only bulk,wrk] [--gota PROGRAM]
import { positive, readFlags } from './flags.ts'
import { machine, refuse } from './rig.ts'
import { bulk } from './tunnel/bulk.ts'
import { Crew } from './tunnel/crew.ts'
import type { Part, Plan } from './tunnel/part.ts'
import { requests } from './tunnel/requests.ts'
import { short } from './tunnel/short.ts'
import { stalled } from './tunnel/stalled.ts'
import { transfers } from './tunnel/transfers.ts'
import { udp } from './tunnel/udp.ts'
import { wrk } from './tunnel/wrk.ts'

const PARTS: readonly Part[] = [bulk, requests, short, wrk, udp, stalled, transfers]

const FULL = { rounds: 3, ms: 2000, warmUp: 3000 } as const
const QUICK = { rounds: 1, ms: 200, warmUp: 200 } as const

/** Measures a part and prints what was found, or why it was not. */
async function show(part: Part, plan: Plan, isJson: boolean): Promise<void> {
  const missing = part.missing()
  if (missing !== undefined) {
    console.log(
      isJson ? JSON.stringify({ v: 1, part: part.name, missing }) : `${part.name}: not measured. ${missing}\n`,
    )
    return
  }
  const crew = new Crew()
  try {
    const sheet = await part.measure(crew, plan)
    console.log(isJson ? JSON.stringify({ v: 1, part: part.name, ...sheet.toJSON() }) : `${sheet}\n`)
  } finally {
    await crew.close()
  }
}

/** Prints a table for each part, and whether the figures are what they are meant to be. */
export async function measureTunnel(args: readonly string[]): Promise<void> {
  const flags = readFlags(args, {
    quick: { type: 'boolean', default: false },
    full: { type: 'boolean', default: false },
    only: { type: 'string', default: PARTS.map(({ name }) => name).join(',') },
    runs: { type: 'string' },
    gota: { type: 'string' },
    json: { type: 'boolean', default: false },
  })
  const wanted = flags.only.split(',').map((name) => name.trim())
  const unknown = wanted.find((name) => !PARTS.some((part) => part.name === name))
  if (unknown !== undefined) refuse(`--only is some of ${PARTS.map(({ name }) => name).join(', ')}, not "${unknown}"`)
  const base = flags.quick ? QUICK : FULL
  const rounds = flags.runs === undefined ? base.rounds : positive('runs', flags.runs)
  const plan: Plan = { ...base, rounds, isQuick: flags.quick, isFull: flags.full, gota: flags.gota }
  // What was started goes with this process, which a signal alone would not let it.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))
  if (!flags.json) console.log(`${machine()}; median [min–max] of ${rounds} rounds\n`)
  for (const part of PARTS) if (wanted.includes(part.name)) await show(part, plan, flags.json)
}
