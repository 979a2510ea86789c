import { type Command, type Flag, flagsOf, GROUPS } from './command.ts'
import { EXIT_CODES } from './exit.ts'
import { dashed } from './parse.ts'

const TAGLINE = 'gotcp - a TCP/IP stack in user space: look at a network, talk over it, take it apart'

const EXAMPLES = [
  'gotcp lab demo',
  'gotcp ping -i eth0 -dest 172.20.0.3',
  'gotcp tcpclient -i eth0 -addr 172.20.0.3 -port 8888',
]

const columns = (rows: readonly (readonly [string, string])[], indent = '  '): string[] => {
  const width = Math.min(30, Math.max(0, ...rows.map(([left]) => left.length)))
  return rows.flatMap(([left, right]) =>
    left.length <= width
      ? [`${indent}${left.padEnd(width)}  ${right}`]
      : [indent + left, `${indent}${''.padEnd(width)}  ${right}`],
  )
}

/** `-i, --interface IFACE`. */
export function flagUsage(name: string, flag: Flag<unknown>): string {
  const short = flag.short === undefined ? '' : `-${flag.short}, `
  return `${short}${dashed(name)}${flag.kind === undefined ? '' : ` ${flag.kind.placeholder}`}`
}

/** What a flag does, with its default. */
export function flagSummary(flag: Flag<unknown>): string {
  const shown = flag.type === 'value' && flag.default !== undefined ? ` (default ${String(flag.default)})` : ''
  return `${flag.summary}${shown}${flag.type === 'list' ? '; may be given many times' : ''}`
}

/** The flags of a command by heading, its own first. */
function flagGroups(command: Command): readonly (readonly [string, readonly (readonly [string, Flag<unknown>])[]])[] {
  const groups = new Map<string, [string, Flag<unknown>][]>()
  for (const [name, flag] of Object.entries(flagsOf(command))) {
    const group = flag.group ?? 'Options'
    groups.set(group, [...(groups.get(group) ?? []), [name, flag]])
  }
  return [...groups].sort(([a], [b]) => Number(b === 'Options') - Number(a === 'Options'))
}

/** `gotcp lab exec [flags] HOST CMD…`. */
export function synopsis(path: string, command: Command): string {
  const words = (command.positionals ?? []).map(({ name, required, variadic }) => {
    const word = variadic === true ? `${name}…` : name
    return required === true ? word : `[${word}]`
  })
  if (command.subcommands !== undefined) words.push(command.subcommands.map((sub) => sub.name).join('|'))
  return ['gotcp', path, '[flags]', ...words].join(' ')
}

const WIDTH = 100

/** Paragraphs in lines of one width, however the source breaks them; one with an indented line stays as it is. */
const folded = (text: string): string =>
  text
    .split('\n\n')
    .map((paragraph) => (/^\s/m.test(paragraph) ? paragraph : foldedLines(paragraph.split(/\s+/))))
    .join('\n\n')

function foldedLines(words: readonly string[]): string {
  const lines: string[] = []
  for (const word of words) {
    const longer = lines.length === 0 ? word : `${lines.at(-1)} ${word}`
    if (lines.length > 0 && longer.length <= WIDTH) lines[lines.length - 1] = longer
    else lines.push(word)
  }
  return lines.join('\n')
}

/** The help of one command: examples first. */
export function commandHelp(path: string, command: Command): string {
  const lines = [`gotcp ${path} - ${command.summary}`, '', 'Examples']
  for (const { command: example, says } of command.examples) lines.push(`  $ ${example}`, `      ${says}`)
  lines.push('', 'Usage', `  ${synopsis(path, command)}`)
  if (command.description !== undefined) lines.push('', folded(command.description))
  if (command.subcommands !== undefined) {
    lines.push('', 'Commands', ...columns(command.subcommands.map((sub) => [sub.name, sub.summary])))
  }
  if (command.positionals !== undefined) {
    lines.push('', 'Arguments', ...columns(command.positionals.map((p) => [p.name, p.summary])))
  }
  for (const [group, flags] of flagGroups(command)) {
    lines.push('', group, ...columns(flags.map(([name, flag]) => [flagUsage(name, flag), flagSummary(flag)])))
  }
  lines.push('', 'One dash or two: -dest 1.2.3.4, -dest=1.2.3.4 and --dest 1.2.3.4 are the same.')
  return [...lines, '', ...exitCodes()].join('\n') + '\n'
}

/** The first page: what there is, in groups, and three things to try. */
export function overview(commands: readonly Command[]): string {
  const lines = [TAGLINE, '', 'Usage', '  gotcp <command> [flags]']
  for (const group of GROUPS) {
    const members = commands.filter((command) => command.group === group)
    if (members.length > 0) lines.push('', group, ...columns(members.map((c) => [c.name.padEnd(10), c.summary])))
  }
  lines.push('', 'Examples', ...EXAMPLES.map((example) => `  $ ${example}`))
  lines.push('', 'gotcp help <command> tells the rest; gotcp --version tells the version.')
  return [...lines, '', ...exitCodes()].join('\n') + '\n'
}

const exitCodes = (): string[] => [
  'Exit codes',
  ...columns(Object.values(EXIT_CODES).map(({ code, meaning }) => [String(code), meaning])),
]
