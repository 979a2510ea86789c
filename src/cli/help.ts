import { suggest } from '../base/suggest.ts'
import { defineCommand } from './command.ts'
import { UsageError } from './exit.ts'
import { COMMAND_NAMES, descend, loadCommand, loadCommands } from './registry.ts'
import { commandHelp, overview } from './usage.ts'

/** The error for a command that does not exist. */
export function unknownCommand(name: string, known: readonly string[] = COMMAND_NAMES): UsageError {
  const near = suggest(name, known)
  return new UsageError(
    `unknown command "${name}"` + (near === undefined ? '' : `; did you mean ${near}?`),
    'gotcp commands lists them all',
  )
}

export const command = defineCommand({
  name: 'help',
  group: 'Help',
  summary: 'describe gotcp or one of its commands',
  examples: [
    { command: 'gotcp help', says: 'the commands in groups' },
    { command: 'gotcp help lab up', says: 'the same as gotcp lab up --help' },
  ],
  flags: {},
  positionals: [{ name: 'COMMAND', summary: 'the command to describe', variadic: true }],
  async run(args, io) {
    const [name, ...rest] = args._
    if (name === undefined) {
      io.output.raw(overview(await loadCommands()))
      return 0
    }
    const top = await loadCommand(name)
    if (top === undefined) throw unknownCommand(name)
    const located = descend(top, rest)
    if (located.rest[0] !== undefined) {
      throw unknownCommand(
        `${located.path} ${located.rest[0]}`,
        located.command.subcommands?.map((s) => `${located.path} ${s.name}`) ?? [],
      )
    }
    io.output.raw(commandHelp(located.path, located.command))
    return 0
  },
})
