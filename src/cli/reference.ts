import { type Command, type Flag, flagsOf, GLOBAL_FLAGS, GROUPS } from './command.ts'
import { EXIT_CODES } from './exit.ts'
import { flatten } from './registry.ts'
import { flagSummary, flagUsage, synopsis } from './usage.ts'

const cell = (text: string): string => text.replaceAll('|', '\\|')

function flagTable(flags: Readonly<Record<string, Flag<unknown>>>): string[] {
  const rows = Object.entries(flags).map(
    ([name, flag]) =>
      `| \`${cell(flagUsage(name, flag))}\` | ${cell(flagSummary(flag))} | ${cell(flag.kind?.expects ?? 'nothing')} |`,
  )
  return ['| flag | what it does | takes |', '|---|---|---|', ...rows, '']
}

function section(path: string, command: Command): string[] {
  const lines = [`### gotcp ${path}`, '', `${command.summary[0]?.toUpperCase()}${command.summary.slice(1)}.`, '']
  if (command.description !== undefined) lines.push(command.description, '')
  lines.push('```console')
  for (const { command: example, says } of command.examples) lines.push(`$ ${example}    # ${says}`)
  lines.push('```', '', `Usage: \`${synopsis(path, command)}\``, '')
  for (const { name, summary, required } of command.positionals ?? []) {
    lines.push(`- \`${name}\`${required === true ? '' : ' (optional)'}: ${summary}`)
  }
  if (command.positionals !== undefined) lines.push('')
  const own = Object.fromEntries(
    Object.entries(flagsOf(command)).filter(([name]) => !Object.hasOwn(GLOBAL_FLAGS, name)),
  )
  if (Object.keys(own).length > 0) lines.push(...flagTable(own))
  return lines
}

/** docs/cli.md: everything that help says, on one page. */
export function cliReference(commands: readonly Command[]): string {
  const lines = [
    '# Commands',
    '',
    '<!-- Made by `npm run docs` from the same data as --help. -->',
    '',
    'Every long flag takes one dash or two: `-dest 1.2.3.4`, `-dest=1.2.3.4` and `--dest 1.2.3.4` are the same. stdout',
    'carries what was asked for, stderr everything else. The first Ctrl-C stops and prints the summary, the second leaves at',
    'once, Ctrl-\\ prints one line of status.',
    '',
    '## Exit codes',
    '',
    '| code | meaning |',
    '|---|---|',
    ...Object.values(EXIT_CODES).map(({ code, meaning }) => `| ${code} | ${meaning} |`),
    '',
    '## Flags of every command',
    '',
    ...flagTable(GLOBAL_FLAGS),
  ]
  for (const group of GROUPS) {
    const members = commands.filter((command) => command.group === group)
    if (members.length === 0) continue
    lines.push(`## ${group}`, '')
    for (const { path, command } of flatten(members)) lines.push(...section(path, command))
  }
  return lines.join('\n').trimEnd() + '\n'
}
