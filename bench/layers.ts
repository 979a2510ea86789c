// What each layer costs: npm run bench -- layers [--quick] [--only WORDS] [--json]
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

import { readFlags } from './flags.ts'
import { MICROS } from './layers/all.ts'
import { instructionsBetween, whyNoInstructions } from './layers/instructions.ts'
import { type Figures, type Micro, PACE, QUICK_PACE } from './layers/micro.ts'
import type { MicroOrder } from './layers/one.ts'
import { machine, refuse } from './rig.ts'

const ONE = join(import.meta.dirname, 'layers/one.js')
const HEAD = ['layer', 'operation', 'ns', 'least–most', 'ns/KiB', 'instructions'] as const

/** What is known of one operation. */
interface Finding {
  readonly layer: string
  readonly name: string
  readonly ns: number
  readonly least: number
  readonly most: number
  /** For a KiB of what it moves, where it moves something. */
  readonly nsPerKib: number | undefined
  readonly instructions: number | undefined
}

function run(order: MicroOrder): Figures {
  const { stdout, stderr, status } = spawnSync(process.execPath, [ONE, JSON.stringify(order)], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${MICROS[order.index]!.name}: ended with ${status}: ${stderr}`)
  return JSON.parse(stdout)
}

function find(micro: Micro, order: MicroOrder, counts: boolean): Finding {
  const { ns, count } = run(order)
  const sorted = [...ns].sort((a, b) => a - b)
  const median = sorted[sorted.length >> 1]!
  return {
    layer: micro.layer,
    name: micro.name,
    ns: median,
    least: sorted[0]!,
    most: sorted.at(-1)!,
    nsPerKib: micro.bytes ? (median * 1024) / micro.bytes : undefined,
    instructions: counts ? instructionsBetween([process.execPath, ONE], order, count) : undefined,
  }
}

const round = (value: number): string => value.toFixed(value < 100 ? 1 : 0)

const WIDTHS = [18, 72, 9, 17, 8, 12] as const

const line = (cells: readonly string[]): string =>
  `| ${cells.map((cell, i) => (i < 2 ? cell.padEnd(WIDTHS[i]!) : cell.padStart(WIDTHS[i]!))).join(' | ')} |`

const row = ({ layer, name, ns, least, most, nsPerKib, instructions }: Finding): string =>
  line([
    layer,
    name,
    round(ns),
    `${round(least)}–${round(most)}`,
    nsPerKib === undefined ? '' : round(nsPerKib),
    instructions === undefined ? '' : instructions.toFixed(0),
  ])

/** Prints a table of what one operation of each layer costs. */
export async function measureLayers(args: readonly string[]): Promise<void> {
  const { quick, only, json } = readFlags(args, {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    json: { type: 'boolean', default: false },
  })
  const words = only.toLowerCase().split(' ')
  const isWanted = ({ layer, name }: Micro): boolean =>
    words.every((word) => `${layer}: ${name}`.toLowerCase().includes(word))
  const wanted = MICROS.map((micro, index) => ({ micro, index })).filter(({ micro }) => isWanted(micro))
  if (wanted.length === 0) refuse(`--only "${only}" names no operation`)
  const pace = quick ? QUICK_PACE : PACE
  const whyNot = whyNoInstructions()
  if (!json) {
    console.log(machine())
    console.log(
      `processor time, median of ${pace.rounds} rounds of ${pace.round} ms, each operation in a process of its own`,
    )
    if (whyNot !== undefined) console.log(`no instructions: ${whyNot}`)
    console.log(`\n${line(HEAD)}`)
    console.log(`|${WIDTHS.map((width, i) => '-'.repeat(width + 1) + (i < 2 ? '-' : ':')).join('|')}|`)
  }
  for (const { micro, index } of wanted) {
    const finding = find(micro, { index, pace }, whyNot === undefined)
    console.log(json ? JSON.stringify({ v: 1, ...finding }) : row(finding))
  }
}
