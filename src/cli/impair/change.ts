import { readFileSync } from 'node:fs'
import type { Micros } from '../../base/types.ts'
import { UsageError } from '../exit.ts'
import { DURATION, type Kind } from '../kind.ts'
import { readSettings, type Settings, told } from './settings.ts'

/** Which of the two ways. */
export const WAYS = ['a-to-b', 'b-to-a'] as const
export type Way = (typeof WAYS)[number]

/** New settings from a time on, counted from the start. */
export interface Change {
  readonly at: Micros
  readonly ways: readonly Way[]
  readonly settings: Settings
  /** The words it was made of, without the time. */
  readonly text: string
}

const FORM = 'a time and settings such as "4s loss 100%" or "8s a-to-b down"'

/** Reads `4s a-to-b loss 100%`; what is wrong with it as text. */
function readChange(line: string): Change | string {
  const [, time = '', text = ''] = /^(\S+)\s*(.*)$/s.exec(line.trim()) ?? []
  const at = DURATION.parse(time)
  if (at === undefined) return `"${time}" is not ${DURATION.expects}; a change is ${FORM}`
  const word = text.split(/\s/, 1)[0]
  const way = WAYS.find((each) => each === word)
  const settings = readSettings(way === undefined ? text : text.slice(way.length))
  if (typeof settings === 'string') return settings
  return { at, ways: way === undefined ? WAYS : [way], settings, text }
}

export const CHANGE: Kind<Change> = told({ placeholder: 'CHANGE', expects: FORM }, readChange)

/** The changes of a script: one a line; `#` begins a comment. @throws UsageError naming the line, and what readFileSync throws */
export function readScript(path: string): readonly Change[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .flatMap((line, i) => {
      if (line === '') return []
      const change = readChange(line)
      if (typeof change === 'string') throw new UsageError(`${path}, line ${i + 1}: ${change}`)
      return [change]
    })
}
