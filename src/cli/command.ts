import type { Io } from './io.ts'
import type { Kind } from './kind.ts'

/**
 * One flag of a command, named by its key: `'max-conns': value(COUNT, { … })` is `--max-conns` and `-max-conns`.
 * `T` is what the command finds under that key.
 */
export interface Flag<T> {
  readonly type: 'boolean' | 'count' | 'value' | 'list'
  readonly summary: string
  /** One letter. */
  readonly short?: string
  /** How a value is read; absent for boolean and count. */
  readonly kind?: Kind<unknown>
  readonly default: T
  /** The heading it stands under in help; `Options` when absent. */
  readonly group?: string
}

export type Flags = Readonly<Record<string, Flag<unknown>>>
export type Values<F extends Flags> = { readonly [K in keyof F]: F[K] extends Flag<infer T> ? T : never }

interface About {
  readonly summary: string
  readonly short?: string
  readonly group?: string
}

/** A switch, off unless given; `-x=false` turns it off again. */
export const bool = (about: About): Flag<boolean> => ({ type: 'boolean', default: false, ...about })
/** A switch that counts how often it is given. */
export const count = (about: About): Flag<number> => ({ type: 'count', default: 0, ...about })
/** A flag with a value; the last one given counts. Undefined when absent. */
export const value = <T>(kind: Kind<T>, about: About): Flag<T | undefined> => ({
  type: 'value',
  kind,
  default: undefined,
  ...about,
})
/** A flag with a value and a default, which help prints. */
export const valueOr = <T>(kind: Kind<T>, fallback: T, about: About): Flag<T> => ({
  type: 'value',
  kind,
  default: fallback,
  ...about,
})
/** A flag that may be given many times. */
export const list = <T>(kind: Kind<T>, about: About): Flag<readonly T[]> => ({
  type: 'list',
  kind,
  default: [],
  ...about,
})

/** An argument without a dash. */
export interface Positional {
  readonly name: string
  readonly summary: string
  readonly required?: boolean
  /** Takes all that is left; only the last may. */
  readonly variadic?: boolean
  /** What the shell offers, and what is accepted. */
  readonly choices?: readonly string[]
}

/** Understood by every command. */
export const GLOBAL_FLAGS = {
  json: bool({ summary: 'print newline-delimited JSON events and one summary', group: 'Output' }),
  debug: count({ short: 'v', summary: 'say more on stderr; twice: one line for each packet', group: 'Output' }),
  'no-color': bool({ summary: 'no colours (also NO_COLOR=1)', group: 'Output' }),
  help: bool({ short: 'h', summary: 'print this help', group: 'Output' }),
} satisfies Flags

/** What a command receives: a value for each of its flags and the global ones, and the arguments without a dash. */
export type Args<F extends Flags> = Values<F & typeof GLOBAL_FLAGS> & { readonly _: readonly string[] }

export interface Example {
  readonly command: string
  readonly says: string
}

export const GROUPS = ['Network', 'Transfer', 'Tunnel', 'Lab', 'Help'] as const

/** One command: the data that help, completion and docs/cli.md are made of, and the function that does it. */
export interface Command<F extends Flags = Flags> {
  readonly name: string
  readonly group: (typeof GROUPS)[number]
  /** One line, in the imperative, without a full stop. */
  readonly summary: string
  /** A paragraph or two for help and docs. */
  readonly description?: string
  readonly examples: readonly Example[]
  readonly flags: F
  readonly positionals?: readonly Positional[]
  /** Everything from the first argument without a dash on is handed over as it stands. */
  readonly passthrough?: boolean
  /** Commands below this one: `gotcp lab up`. */
  readonly subcommands?: readonly Command[]
  /** Does it; the number is the exit code. */
  run(args: Args<F>, io: Io): Promise<number>
}

/** Ties the type of `run`'s arguments to the flags. */
export const defineCommand = <const F extends Flags>(command: Command<F>): Command<F> => command

/** All flags a command understands. */
export const flagsOf = (command: Command): Flags => ({ ...command.flags, ...GLOBAL_FLAGS })
