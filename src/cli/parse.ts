import { suggest } from '../base/suggest.ts'
import { type Args, type Command, type Flag, type Flags, flagsOf, type Values } from './command.ts'
import { UsageError } from './exit.ts'

/** A flag as the user types it: two dashes for words, one for letters. */
export const dashed = (name: string): string => (name.length === 1 ? `-${name}` : `--${name}`)

const takesValue = (flag: Flag<unknown>): boolean => flag.type === 'value' || flag.type === 'list'

/**
 * Brings what people type into the form that yargs reads: `-vv` and `-c5` are
 * taken apart, a value of a lone dash or with a leading dash is tied to its
 * flag. Everything behind `--`, or behind the first bare word of a passthrough
 * command, is left alone.
 *
 * @throws UsageError for a flag that does not exist or lacks its value.
 */
function normalize(command: Command, tokens: readonly string[]): { tokens: string[]; rest: string[] } {
  const flags = flagsOf(command)
  const names = new Map(
    Object.entries(flags).flatMap(([name, flag]) => [name, flag.short].map((n) => [n, name] as const)),
  )
  const out: string[] = []
  const bare: string[] = []
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]!
    if (token === '--') return { tokens: out, rest: [...bare, ...tokens.slice(i + 1)] }
    const match = /^--?([^-=\s][^=]*)(?:=(.*))?$/s.exec(token)
    if (match === null) {
      if (command.passthrough === true) return { tokens: out, rest: [...bare, ...tokens.slice(i)] }
      bare.push(token)
      continue
    }
    const [, typed = '', attached] = match
    const name = names.get(typed)
    if (name !== undefined) {
      const flag = flags[name]!
      if (!takesValue(flag)) out.push(...switchTokens(flag, name, attached))
      else {
        const given = attached ?? tokens[++i]
        if (given === undefined || given === '')
          throw new UsageError(`${dashed(typed)} needs a value: ${flag.kind?.expects}`)
        out.push(`--${name}=${given}`)
      }
      continue
    }
    const letter = names.get(token[1] ?? '')
    const packed = letter === undefined || token.startsWith('--') ? undefined : flags[letter]
    if (packed?.type === 'count' && new Set(typed).size === 1) {
      for (const _ of typed) out.push(`--${letter}`)
    } else if (packed !== undefined && takesValue(packed) && /^.\d/.test(typed)) {
      out.push(`--${letter}=${typed.slice(1)}`)
    } else {
      const near = suggest(typed, Object.keys(flags))
      throw new UsageError(
        `unknown flag ${dashed(typed)}` + (near === undefined ? '' : `; did you mean ${dashed(near)}?`),
        `gotcp ${command.name} --help lists the flags`,
      )
    }
  }
  return { tokens: out, rest: bare }
}

function switchTokens(flag: Flag<unknown>, name: string, attached: string | undefined): string[] {
  if (attached === undefined || attached === 'true') return [`--${name}`]
  if (attached !== 'false') throw new UsageError(`${dashed(name)} is a switch; it takes no value but true or false`)
  return flag.type === 'count' ? [] : [`--${name}=false`]
}

/** Whether help is asked for; found without loading yargs, so that `--help` is fast. */
export function asksForHelp(command: Command, tokens: readonly string[]): boolean {
  const end = tokens.findIndex((t) => t === '--' || (command.passthrough === true && !t.startsWith('-')))
  return (end < 0 ? tokens : tokens.slice(0, end)).some((t) => /^(--?help|-h)$/.test(t))
}

/** Reads a command line. @throws UsageError with one clear sentence. */
export async function parseArgs(command: Command, tokens: readonly string[]): Promise<Args<Flags>> {
  const flags = flagsOf(command)
  const { tokens: clean, rest } = normalize(command, tokens)
  const { Parser } = await import('yargs/helpers')
  const named = (type: Flag<unknown>['type']): string[] =>
    Object.keys(flags).filter((name) => flags[name]!.type === type)
  const parsed = Parser(clean, {
    boolean: named('boolean'),
    count: named('count'),
    string: [...named('value'), ...named('list')],
    configuration: {
      'short-option-groups': false,
      'camel-case-expansion': false,
      'dot-notation': false,
      'boolean-negation': false,
      'greedy-arrays': false,
    },
  })
  const values: Record<string, unknown> = {}
  for (const [name, flag] of Object.entries(flags)) values[name] = readValue(name, flag, parsed[name])
  return { ...(values as Values<Flags>), _: checkPositionals(command, rest) } as Args<Flags>
}

function readValue(name: string, flag: Flag<unknown>, given: unknown): unknown {
  if (given === undefined) return flag.default
  const all = Array.isArray(given) ? given : [given]
  if (!takesValue(flag)) return all.at(-1)
  const values = (flag.type === 'list' ? all : all.slice(-1)).map((text) => {
    const value = flag.kind?.parse(String(text))
    if (value !== undefined) return value
    const wrong = flag.kind?.explain?.(String(text)) ?? `"${text}" is not ${flag.kind?.expects}`
    throw new UsageError(`${dashed(name)}: ${wrong}`)
  })
  return flag.type === 'list' ? values : values[0]
}

function checkPositionals(command: Command, given: readonly string[]): readonly string[] {
  const expected = command.positionals ?? []
  const missing = expected.find((p, i) => p.required === true && given[i] === undefined)
  if (missing !== undefined)
    throw new UsageError(`${missing.name} is missing: ${missing.summary}`, `gotcp help ${command.name}`)
  if (given.length > expected.length && expected.at(-1)?.variadic !== true && command.passthrough !== true) {
    throw new UsageError(`unexpected argument "${given[expected.length]}"`, `gotcp help ${command.name}`)
  }
  for (const [i, positional] of expected.entries()) {
    const text = given[i]
    if (text === undefined || positional.choices === undefined || positional.choices.includes(text)) continue
    const near = suggest(text, positional.choices)
    throw new UsageError(
      `${positional.name}: "${text}" is not one of ${positional.choices.join(', ')}` +
        (near === undefined ? '' : `; did you mean ${near}?`),
    )
  }
  return given
}
