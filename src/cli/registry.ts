import { type Command, flagsOf } from './command.ts'

/** Every command's module; only the one that is asked for is loaded. The order is that of help. */
const MODULES: Readonly<Record<string, () => Promise<{ readonly command: unknown }>>> = {
  ping: () => import('./ping.ts'),
  tcpclient: () => import('./tcpclient.ts'),
  tcpserver: () => import('./tcpserver.ts'),
  bench: () => import('./bench.ts'),
  tun2socks: () => import('./tun2socks.ts'),
  tunnel: () => import('./tunnel.ts'),
  socktopus: () => import('./socktopus.ts'),
  dump: () => import('./dump.ts'),
  ids: () => import('./ids.ts'),
  impair: () => import('./impair.ts'),
  script: () => import('./script.ts'),
  lab: () => import('./lab.ts'),
  commands: () => import('./commands.ts'),
  flags: () => import('./flags.ts'),
  help: () => import('./help.ts'),
  completion: () => import('./completion.ts'),
}

export const COMMAND_NAMES: readonly string[] = Object.keys(MODULES)

/** The command of that name, or undefined. */
export async function loadCommand(name: string): Promise<Command | undefined> {
  const module = Object.hasOwn(MODULES, name) ? await MODULES[name]!() : undefined
  return module?.command as Command | undefined
}

export const loadCommands = async (): Promise<readonly Command[]> =>
  Promise.all(COMMAND_NAMES.map(async (name) => (await loadCommand(name))!))

/** A command with the words that lead to it: `lab up`. */
export interface Located {
  readonly path: string
  readonly command: Command
  /** What follows the command's name. */
  readonly rest: readonly string[]
}

/** Walks from a command to the one its first words name; flags may stand between these. */
export function descend(command: Command, rest: readonly string[]): Located {
  let located: Located = { path: command.name, command, rest }
  for (;;) {
    const at = wordAt(located.command, located.rest)
    const next = located.command.subcommands?.find((sub) => sub.name === located.rest[at])
    if (next === undefined) return located
    located = { path: `${located.path} ${next.name}`, command: next, rest: located.rest.toSpliced(at, 1) }
  }
}

/** Where the first word stands that is neither a flag nor the value of one; -1 where there is none. */
export function wordAt(command: Command, tokens: readonly string[]): number {
  const withValue = Object.entries(flagsOf(command)).filter(([, { type }]) => type === 'value' || type === 'list')
  const names = new Set(withValue.flatMap(([name, { short }]) => [name, short]))
  for (let i = 0; i < tokens.length && tokens[i] !== '--'; i++) {
    const token = tokens[i]!
    if (!token.startsWith('-')) return i
    if (names.has(token.replace(/^--?/, ''))) i++
  }
  return -1
}

/** Every command and every command below one, with its path, in the order of help. */
export function flatten(commands: readonly Command[], prefix = ''): readonly { path: string; command: Command }[] {
  return commands.flatMap((command) => {
    const path = prefix + command.name
    return [{ path, command }, ...flatten(command.subcommands ?? [], `${path} `)]
  })
}
