import { readFileSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { NetError } from '../base/errors.ts'
import { Exit, exitCodeOf, UsageError } from './exit.ts'
import { unknownCommand } from './help.ts'
import type { Io } from './io.ts'
import { type Logger, openLog } from './log.ts'
import { Output, type Stream } from './output.ts'
import { asksForHelp, parseArgs } from './parse.ts'
import { aboutPermission } from './permission.ts'
import { COMMAND_NAMES, descend, type Located, loadCommand, loadCommands, wordAt } from './registry.ts'
import { commandHelp, overview } from './usage.ts'

/** The process as `run` needs it; tests pass their own. */
export interface World {
  readonly argv: readonly string[]
  readonly env: NodeJS.ProcessEnv
  readonly stdin: Readable & { readonly isTTY?: boolean }
  readonly stdout: Stream
  readonly stderr: Stream
}

const SWITCHES = { debug: /^(-v+|--?debug)$/, json: /^--?json$/, noColor: /^--?no-color$/ }

/**
 * Runs one command line and tells its exit code, when all it printed has left this process. Never throws: errors
 * become a line on stderr.
 */
export async function run(world: World): Promise<number> {
  const { words, leading } = split(world.argv)
  const has = (pattern: RegExp): boolean => world.argv.some((word) => pattern.test(word))
  // What must be known before the arguments are read, because errors are printed by it.
  const draft = openOutput(world, has(SWITCHES.json), has(SWITCHES.noColor))
  try {
    const code = await execute(world, leading, words, draft)
    await draft.flush()
    return code
  } catch (error) {
    const code = report(error, draft, has(SWITCHES.debug))
    await draft.flush().catch(() => undefined)
    return code
  }
}

async function execute(
  world: World,
  leading: readonly string[],
  words: readonly string[],
  output: Output,
): Promise<number> {
  if (words.length === 0) return withoutCommand(leading, output)
  const located = await locate(words)
  const tokens = [...leading, ...located.rest]
  if (asksForHelp(located.command, tokens)) {
    output.raw(commandHelp(located.path, located.command))
    return Exit.OK
  }
  const args = await parseArgs({ ...located.command, name: located.path }, tokens)
  return located.command.run(args, openIo(world, output, args.debug as number))
}

function openOutput(world: World, json: boolean, noColor: boolean): Output {
  return new Output({ stdout: world.stdout, stderr: world.stderr, env: world.env, json, noColor })
}

function openIo(world: World, output: Output, verbosity: number): Io {
  let log: Promise<Logger> | undefined
  return {
    output,
    stdin: world.stdin,
    env: world.env,
    log: () => (log ??= openLog({ verbosity, color: output.stderrColor })),
  }
}

/** Flags may stand before the command; all of those are switches. */
function split(argv: readonly string[]): { leading: readonly string[]; words: readonly string[] } {
  const first = argv.findIndex((word) => !word.startsWith('-'))
  return first < 0 ? { leading: argv, words: [] } : { leading: argv.slice(0, first), words: argv.slice(first) }
}

async function withoutCommand(flags: readonly string[], output: Output): Promise<number> {
  if (flags.some((flag) => /^--?version$/.test(flag))) {
    output.raw(`gotcp ${version()}\n`)
    return Exit.OK
  }
  const unknown = flags.find(
    (flag) => !/^(--?help|-h)$/.test(flag) && !Object.values(SWITCHES).some((s) => s.test(flag)),
  )
  if (unknown !== undefined) throw new UsageError(`unknown flag ${unknown}`, 'gotcp help lists the commands')
  output.raw(overview(await loadCommands()))
  return Exit.OK
}

async function locate([name, ...rest]: readonly string[]): Promise<Located> {
  const command = await loadCommand(name!)
  if (command === undefined) throw unknownCommand(name!, COMMAND_NAMES)
  const located = descend(command, rest)
  const word = located.rest[wordAt(located.command, located.rest)]
  if (located.command.subcommands !== undefined && word !== undefined) {
    throw unknownCommand(
      `${located.path} ${word}`,
      located.command.subcommands.map((s) => `${located.path} ${s.name}`),
    )
  }
  return located
}

/** This package's version. */
function version(): string {
  const found = ['../../package.json', '../../../package.json'].map((path) => new URL(path, import.meta.url))
  for (const url of found) {
    try {
      return (JSON.parse(readFileSync(url, 'utf8')) as { version: string }).version
    } catch {
      // The source tree and the build lie at different depths.
    }
  }
  return 'unknown'
}

function report(error: unknown, output: Output, debug: boolean): number {
  const code = exitCodeOf(error)
  const message = error instanceof Error ? error.message : String(error)
  const hint = error instanceof UsageError ? error.hint : undefined
  if (code === Exit.INTERNAL) {
    output.error(`internal error: ${message}`, debug ? undefined : 'run it again with -debug for the stack trace')
  } else output.error(message, hint)
  if (error instanceof NetError && /\bsetcap\b/.test(message)) output.note(aboutPermission())
  // An error of the network or of the command line is explained by its message; only our own need the stack.
  if (debug && code === Exit.INTERNAL && error instanceof Error && error.stack !== undefined) output.note(error.stack)
  output.record('error', { code: (error as NodeJS.ErrnoException)?.code ?? null, message, exit_code: code })
  return code
}
