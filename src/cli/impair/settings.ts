import { suggest } from '../../base/suggest.ts'
import type { Faults } from '../../link/fault-options.ts'
import type { Kind } from '../kind.ts'
import { BYTES, DURATION, integer, PROBABILITY, RATE } from '../kind.ts'

/** What a line may be told; what is absent stays as it is. */
export type Settings = Faults

interface Setting {
  readonly kind: Kind<number>
  readonly field: keyof Faults
  readonly summary: string
}

const QUEUE: Kind<number> = { ...BYTES, placeholder: 'SIZE', expects: 'a size in bytes such as 64K or 1M' }

const PACKETS: Kind<number> = { ...integer('N', 1), expects: 'a number of packets' }

const MTU: Kind<number> = integer('BYTES', 68, 65_535)

/** The words of `--a-to-b`, `--at` and scripts; each is a flag too. */
export const SETTINGS = {
  loss: { kind: PROBABILITY, field: 'loss', summary: 'drop this share of the packets' },
  burst: { kind: PACKETS, field: 'burst', summary: 'let losses come in bursts of so many packets on average' },
  delay: { kind: DURATION, field: 'delay', summary: 'let every packet travel so long' },
  jitter: { kind: DURATION, field: 'jitter', summary: 'up to so much longer, evenly spread, in order' },
  rate: { kind: RATE, field: 'rate', summary: 'carry no more than this many bits per second' },
  queue: { kind: QUEUE, field: 'queueBytes', summary: 'let this much wait for the rate; what comes on top is lost' },
  packets: { kind: PACKETS, field: 'queuePackets', summary: 'let no more than so many packets wait' },
  codel: {
    kind: DURATION,
    field: 'codel',
    summary: 'keep the queue this short by CoDel, as in 5ms; it marks rather than drops',
  },
  mtu: { kind: MTU, field: 'mtu', summary: 'lose packets larger than this without a word' },
  reorder: { kind: PROBABILITY, field: 'reorder', summary: 'let this share of the packets be overtaken' },
  duplicate: { kind: PROBABILITY, field: 'duplicate', summary: 'let this share of the packets arrive twice' },
  corrupt: { kind: PROBABILITY, field: 'corrupt', summary: 'turn a bit in this share of the packets' },
} satisfies Readonly<Record<string, Setting>>

const isSetting = (word: string): word is keyof typeof SETTINGS => Object.hasOwn(SETTINGS, word)

const WORDS: readonly string[] = [...Object.keys(SETTINGS), 'down', 'up']

/** Reads `loss 1% delay 20ms`; what is wrong with it as text. */
export function readSettings(text: string): Settings | string {
  const words = text.trim().split(/[\s=]+/)
  const settings: Record<string, unknown> = {}
  if (words[0] === '') return 'nothing is set'
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!
    if (word === 'down' || word === 'up') {
      settings['down'] = word === 'down'
      continue
    }
    if (!isSetting(word)) {
      const near = suggest(word, WORDS)
      return `"${word}" is not one of ${WORDS.join(', ')}${near === undefined ? '' : `; did you mean ${near}?`}`
    }
    const { kind, field } = SETTINGS[word]
    const given = words[++i]
    if (given === undefined) return `${word} needs a value: ${kind.expects}`
    const value = kind.parse(given)
    if (value === undefined) return `${word}: "${given}" is not ${kind.expects}`
    settings[field] = value
  }
  return settings
}

/** A kind from a reader that says what is wrong. */
export const told = <T extends object>(about: Omit<Kind<T>, 'parse' | 'explain'>, read: (text: string) => T | string) =>
  ({
    ...about,
    parse: (text) => {
      const result = read(text)
      return typeof result === 'string' ? undefined : result
    },
    explain: (text) => {
      const result = read(text)
      return typeof result === 'string' ? result : ''
    },
  }) satisfies Kind<T>

export const SETTINGS_TEXT: Kind<Settings> = told(
  { placeholder: 'SETTINGS', expects: 'settings such as "loss 1% delay 20ms"' },
  readSettings,
)
