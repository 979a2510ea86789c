import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { type Args, defineCommand, type Flags, value } from '../command.ts'
import { Exit, UsageError } from '../exit.ts'
import type { Io } from '../io.ts'
import { FILE } from '../kind.ts'

const FLAGS = {
  output: value(FILE, {
    short: 'o',
    summary:
      'the file to write, - for stdout (default: server.yaml, client.yaml); with neither role the folder for both',
  }),
} satisfies Flags

const ROLES = ['server', 'client'] as const
type Role = (typeof ROLES)[number]

/** 144 bits, in letters that YAML needs no quotes for. */
const freshPassword = (): string => `p${randomBytes(18).toString('base64url')}`

/** Refuses before anything is written: two files that do not belong together would be worse than none. */
function refuseExisting(files: readonly string[]): void {
  const present = files.find((file) => file !== '-' && existsSync(file))
  if (present !== undefined)
    throw new UsageError(`${present} is there already`, 'remove it, or name another place with -o')
}

/** Writes a file that only its owner may read, for it holds a password. */
function writeNew(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text, { flag: 'wx', mode: 0o600 })
}

/** The roles to write, and where. */
function plan(role: Role | undefined, output: string | undefined): readonly (readonly [Role, string])[] {
  if (role !== undefined) return [[role, output ?? `${role}.yaml`]]
  if (output === '-') throw new UsageError('-o - is for one file', 'say which: gotcp tunnel init server -o -')
  return ROLES.map((each) => [each, join(output ?? '.', `${each}.yaml`)])
}

async function run(args: Args<typeof FLAGS>, io: Io): Promise<number> {
  const { clientTemplate, serverTemplate } = await import('../../tunnel/config/template.ts')
  const { output } = io
  const role = args._[0] as Role | undefined
  const options = { user: 'ada', password: freshPassword() }
  const templates = { server: serverTemplate, client: clientTemplate }
  const files = plan(role, args.output)
  refuseExisting(files.map(([, file]) => file))
  for (const [each, file] of files) {
    if (file === '-') output.raw(templates[each](options))
    else {
      writeNew(file, templates[each](options))
      output.print(file)
      output.record('file', { role: each, file })
    }
  }
  if (role === undefined) noteTrial(files, io)
  else output.note(`the password is new; the ${role === 'server' ? 'client' : 'server'}'s file must have it, too`)
  return Exit.OK
}

/** How to see it work, in this folder. */
function noteTrial(files: readonly (readonly [Role, string])[], { output }: Io): void {
  const [server = '', client = ''] = files.map(([, file]) => (dirname(file) === '.' ? basename(file) : file))
  output.note('try it, each line in a terminal of its own:')
  output.note('  python3 -m http.server 8080 --bind 127.0.0.1     # something to reach')
  output.note(`  gotcp tunnel server -c ${server}`)
  output.note(`  gotcp tunnel client -c ${client}`)
  output.note('  curl http://127.0.0.1:8088/')
}

export const init = defineCommand({
  name: 'init',
  group: 'Tunnel',
  summary: 'write a configuration to begin with, commented and with a fresh password',
  description: `It works as it stands on one machine: without a role, server.yaml and client.yaml that belong together are
written. What is there already is never overwritten, and only you may read the files.`,
  examples: [
    { command: 'gotcp tunnel init', says: 'server.yaml and client.yaml, and the lines that show them at work' },
    { command: 'gotcp tunnel init server -o /etc/gotcp/server.yaml', says: 'one of the two' },
  ],
  flags: FLAGS,
  positionals: [{ name: 'ROLE', summary: 'server or client; both when left out', choices: ROLES }],
  run,
})
