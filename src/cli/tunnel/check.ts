import { type Args, defineCommand, type Flags } from '../command.ts'
import { Exit, UsageError } from '../exit.ts'
import type { Io } from '../io.ts'
import { describeConfig } from './describe.ts'
import { snakeCased } from './snake-case.ts'

const FLAGS = {} satisfies Flags

async function checkFile(name: string, io: Io): Promise<void> {
  const { ConfigError, loadConfig, parseConfig, readStreamText, redact } = await import('../../tunnel/config/index.ts')
  const { output, env } = io
  const file = name === '-' ? 'stdin' : name
  try {
    const config =
      name === '-' ? parseConfig(await readStreamText(io.stdin, file), { file, env }) : loadConfig(file, { env })
    for (const warning of config.warnings) output.warn(warning)
    output.print(`${file}: a ${config.mode} that`)
    for (const line of describeConfig(config)) output.print(line)
    output.record('config', { file, mode: config.mode, warnings: config.warnings, config: snakeCased(redact(config)) })
  } catch (error) {
    if (error instanceof ConfigError) for (const problem of error.problems) output.record('problem', { ...problem })
    throw error
  }
}

async function run(args: Args<typeof FLAGS>, io: Io): Promise<number> {
  if (args._.filter((file) => file === '-').length > 1) throw new UsageError('stdin is there only once: give one -')
  for (const file of args._) await checkFile(file, io)
  return Exit.OK
}

export const check = defineCommand({
  name: 'check',
  group: 'Tunnel',
  summary: 'say what a configuration would do, or everything that is wrong with it',
  description: `Nothing is started. Mistakes carry file, line, column, the key, what is expected and what mends it, all of them
at once, and the exit code is then 2. Warnings are for what is allowed but deserves a second look. Files of Gota are taken as
they are.`,
  examples: [
    { command: 'gotcp tunnel check server.yaml', says: 'what would listen, for whom, and where it leads' },
    { command: 'ssh host cat server.yaml | gotcp tunnel check -', says: 'one that is somewhere else' },
    { command: 'gotcp tunnel check --json client.yaml', says: 'the same with every default, for scripts; no secrets' },
  ],
  flags: FLAGS,
  positionals: [
    { name: 'FILE', summary: 'the configuration, YAML or JSON; - is stdin', required: true, variadic: true },
  ],
  run,
})
