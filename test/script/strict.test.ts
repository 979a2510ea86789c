import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { parseScript } from '../../src/script/parse.ts'
import { runScript } from '../../src/script/run-script.ts'
import type { EventTime, OptionPart, PacketAction, Script, ScriptEvent, TcpPart } from '../../src/script/syntax.ts'

const FOLDER = join(import.meta.dirname, '../../../test/packets')
const FLAGS = 'FSRPUEW.'
/** More ticks than a timestamp may be off. */
const FAR = 1_000_000

/** One thing that an event says, said otherwise. */
interface Change {
  readonly what: string
  readonly event: ScriptEvent
}

type Field = readonly [what: string, changed: Partial<TcpPart>]

function* flagChanges({ flags }: TcpPart): Generator<Field> {
  for (const flag of FLAGS) {
    const changed = flags.includes(flag) ? flags.replace(flag, '') : flag + flags
    yield [`flags ${changed}`, { flags: changed }]
  }
}

function* numberChanges({ flags, seq, length, ack, window, urgent }: TcpPart): Generator<Field> {
  // A script numbers our SYN as it likes: all else counts from it.
  if (!flags.includes('S')) yield [`seq ${seq + 1}`, { seq: seq + 1 }]
  yield [`length ${length + 1}`, { length: length + 1 }]
  if (length > 0) yield [`length ${length - 1}`, { length: length - 1 }]
  yield [`ack ${(ack ?? 0) + 1}`, { ack: (ack ?? 0) + 1 }]
  if (ack !== undefined && ack > 0) yield ['no ack', { ack: undefined }]
  if (window !== undefined) yield [`win ${window + 1}`, { window: window + 1 }]
  yield [`urg ${(urgent ?? 0) + 1}`, { urgent: (urgent ?? 0) + 1 }]
}

function* optionChanges({ flags, options }: TcpPart): Generator<Field> {
  if (options === 'any') return
  yield ['one option more', { options: [...options, { kind: 'nop' }] }]
  for (const [i, option] of options.entries()) {
    yield [`no ${option.kind}`, { options: options.toSpliced(i, 1) }]
    const next = options[i + 1]
    if (next !== undefined && next.kind !== option.kind) {
      yield [`${option.kind} behind ${next.kind}`, { options: options.toSpliced(i, 2, next, option) }]
    }
    for (const changed of otherValues(option, flags.includes('S'))) {
      yield [`${JSON.stringify(option)} as ${JSON.stringify(changed)}`, { options: options.with(i, changed) }]
    }
  }
}

function* otherValues(option: OptionPart, isSyn: boolean): Generator<OptionPart> {
  switch (option.kind) {
    case 'nop':
      yield { kind: 'eol' }
      break
    case 'mss':
      yield { ...option, value: option.value + 1 }
      break
    case 'wscale':
      yield { ...option, shift: option.shift + 1 }
      break
    case 'timestamp':
      // The first of our timestamps sets the script's clock.
      if (!isSyn) yield { ...option, val: option.val + FAR }
      yield { ...option, ecr: option.ecr + 1 }
      break
    case 'sack':
      for (const [i, [start, end]] of option.blocks.entries()) {
        yield { ...option, blocks: option.blocks.with(i, [start + 1, end]) }
        yield { ...option, blocks: option.blocks.with(i, [start, end + 1]) }
        yield { ...option, blocks: option.blocks.toSpliced(i, 1) }
      }
      break
    case 'fastOpen':
      yield { ...option, experimental: !option.experimental }
      yield { ...option, cookie: `00${option.cookie.slice(2)}` }
      yield { ...option, cookie: `${option.cookie}00` }
      break
  }
}

function* ipChanges({ ip }: PacketAction): Generator<readonly [string, PacketAction['ip']]> {
  const { tos, ttl } = ip
  if (ttl !== undefined) yield ['ttl', { ...ip, ttl: ttl + 1 }]
  if (tos?.kind === 'tos') yield ['tos', { ...ip, tos: { ...tos, value: tos.value ^ 4 } }]
  if (tos?.kind !== 'ecn') return
  for (const codepoint of ['noecn', 'ect0', 'ect1', 'ce'] as const) {
    const covers = codepoint === tos.codepoint || (tos.codepoint === 'ect01' && codepoint.startsWith('ect'))
    if (!covers) yield [codepoint, { ...ip, tos: { kind: 'ecn', codepoint } }]
  }
}

function timeChanges(time: EventTime): readonly EventTime[] {
  if (time.kind === 'any') return []
  const moved = (by: number): EventTime =>
    time.kind === 'at' ? { ...time, micros: time.micros + by } : { ...time, from: time.from + by, to: time.to + by }
  const wait = time.kind === 'at' ? time.micros : time.to
  // Four milliseconds or an eighth of the wait are forgiven; half as much again is not.
  const off = Math.max(6000, Math.round(wait / 4))
  return [moved(off), moved(-off)]
}

/** Every way to say one thing about an expected packet otherwise. */
function* changesOf(event: ScriptEvent): Generator<Change> {
  const { action } = event
  if (action.kind !== 'packet' || action.direction === 'in' || action.body.kind !== 'tcp') return
  const { body } = action
  for (const changes of [flagChanges(body), numberChanges(body), optionChanges(body)]) {
    for (const [what, changed] of changes) {
      yield { what, event: { ...event, action: { ...action, body: { ...body, ...changed } } } }
    }
  }
  for (const [what, ip] of ipChanges(action)) yield { what, event: { ...event, action: { ...action, ip } } }
  for (const time of timeChanges(event.time)) yield { what: JSON.stringify(time), event: { ...event, time } }
}

function survivors(script: Script): string[] {
  const passed: string[] = []
  for (const [i, event] of script.events.entries()) {
    for (const { what, event: changed } of changesOf(event)) {
      const { failure } = runScript({ ...script, events: script.events.with(i, changed) })
      if (failure === undefined) passed.push(`${event.line}: ${what}`)
    }
  }
  return passed
}

describe('what an expected packet says is so', () => {
  for (const file of readdirSync(FOLDER)) {
    it(`${file}: nothing of a packet can be said otherwise`, () => {
      assert.deepEqual(survivors(parseScript(readFileSync(join(FOLDER, file), 'utf8'))), [])
    })
  }
})
