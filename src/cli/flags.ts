import { type Command, defineCommand, type Flag, flagsOf, GLOBAL_FLAGS } from './command.ts'
import { unknownCommand } from './help.ts'
import { descend, loadCommand } from './registry.ts'
import { flagSummary, flagUsage } from './usage.ts'

/** A command's flags, or those that every command understands. */
async function flagsFor([name, ...rest]: readonly string[]): Promise<Readonly<Record<string, Flag<unknown>>>> {
  if (name === undefined) return GLOBAL_FLAGS
  const command: Command | undefined = await loadCommand(name)
  if (command === undefined) throw unknownCommand(name)
  return flagsOf(descend(command, rest).command)
}

export const command = defineCommand({
  name: 'flags',
  group: 'Help',
  summary: 'list the flags of every command, or of one',
  examples: [
    { command: 'gotcp flags', says: 'the flags that every command understands' },
    { command: 'gotcp flags lab demo', says: 'all flags of one command' },
  ],
  flags: {},
  positionals: [{ name: 'COMMAND', summary: 'the command whose flags to list', variadic: true }],
  async run(args, io) {
    for (const [name, flag] of Object.entries(await flagsFor(args._))) {
      io.output.print(`${flagUsage(name, flag)}\t${flagSummary(flag)}`)
      io.output.record('flag', {
        name,
        short: flag.short ?? null,
        value: flag.kind?.placeholder ?? null,
        expects: flag.kind?.expects ?? null,
        summary: flag.summary,
        default: flag.default ?? null,
      })
    }
    return 0
  },
})
