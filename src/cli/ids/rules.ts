import type { Rule } from './rule.ts'
import { ArpSpoof } from './rules/arp-spoof.ts'
import { BadChecksum } from './rules/bad-checksum.ts'
import { FragmentOverlap } from './rules/fragment-overlap.ts'
import { PingSweep } from './rules/ping-sweep.ts'
import { ResetStorm } from './rules/reset-storm.ts'
import { SynFlood } from './rules/syn-flood.ts'
import { SynScan } from './rules/syn-scan.ts'

/** How each rule is made, with the number it goes by or its default. */
const MAKERS: Readonly<Record<string, (threshold: number | undefined) => Rule>> = {
  'syn-scan': (threshold) => new SynScan(threshold),
  'syn-flood': (threshold) => new SynFlood(threshold),
  'ping-sweep': (threshold) => new PingSweep(threshold),
  'arp-spoof': (threshold) => new ArpSpoof(threshold),
  'reset-storm': (threshold) => new ResetStorm(threshold),
  'fragment-overlap': () => new FragmentOverlap(),
  'bad-checksum': (threshold) => new BadChecksum(threshold),
}

export const RULE_NAMES: readonly string[] = Object.keys(MAKERS)

/** All rules, in the order of --rules. */
export const makeRules = (thresholds: ReadonlyMap<string, number> = new Map()): readonly Rule[] =>
  Object.entries(MAKERS).map(([name, make]) => make(thresholds.get(name)))
