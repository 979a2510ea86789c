import { ConfigurationError } from '../script/configuration.ts'
import { parseScript } from '../script/parse.ts'
import { type RunOptions, runScript } from '../script/run-script.ts'
import { ScriptSyntaxError } from '../script/syntax-error.ts'
import type { WirePacket } from '../script/wire.ts'
import { LinkType } from '../wire/pcap-record.ts'
import { type Args, bool, defineCommand, type Flags, list, value } from './command.ts'
import { CaptureFile } from './dump/capture-file.ts'
import { Packet } from './dump/packet.ts'
import { Exit, UsageError } from './exit.ts'
import type { Io } from './io.ts'
import { FILE, type Kind } from './kind.ts'
import { readerBeside, readScript, scriptFiles } from './script/files.ts'
import { type Outcome, Report } from './script/report.ts'
import { storyOf } from './script/story.ts'

/** `NAME=VALUE`, the value possibly empty. */
type Assignment = readonly [name: string, value: string]

const ASSIGNMENT: Kind<Assignment> = {
  placeholder: 'NAME=VALUE',
  expects: 'a name, "=" and a value, such as TFO_COOKIE=3021b9d889017eeb',
  parse: (text) => {
    const [, name, given] = /^(\w+)=(.*)$/s.exec(text) ?? []
    return name === undefined ? undefined : [name, given!]
  },
}

const FLAGS = {
  trace: bool({ summary: 'tell each script as it runs: its lines, packets, states and timers, with their times' }),
  define: list(ASSIGNMENT, { short: 'D', summary: 'what a word of the scripts stands for' }),
  option: list(ASSIGNMENT, { summary: 'an option for scripts that do not set it: tolerance_usecs=10000' }),
  pcap: value(FILE, { summary: 'write the packets of the script to FILE as pcap; - is stdout' }),
} satisfies Flags

type ScriptArgs = Args<typeof FLAGS>

/** Reads and runs one script; whatever is wrong with it is in the outcome. */
function runText(file: string, source: string, args: ScriptArgs, watch: RunOptions): Outcome {
  const began = performance.now()
  const took = (): number => performance.now() - began
  try {
    const script = parseScript(source, new Map(args.define))
    const options = args.option.map(([name, given]) => ({ name, value: given, line: 0 }))
    const result = runScript(script, { ...watch, options, readFile: readerBeside(file) })
    return { file, took: took(), result }
  } catch (error) {
    if (error instanceof ScriptSyntaxError) {
      return { file, took: took(), error: `${file}:${error.line}:${error.column}: ${error.message} (${error.code})` }
    }
    if (!(error instanceof ConfigurationError)) throw error
    return { file, took: took(), error: error.line === 0 ? error.message : `${file}:${error.line}: ${error.message}` }
  }
}

/** Writes the packets of a script; their times count from its beginning. */
function capture(file: CaptureFile): (packet: WirePacket, elapsed: number) => void {
  const record = new Packet()
  return ({ bytes }, elapsed) => {
    record.bytes = bytes
    record.end = record.wireLength = bytes.length
    record.seconds = Math.floor(elapsed / 1_000_000)
    record.nanos = (elapsed % 1_000_000) * 1000
    file.add(record)
  }
}

/** Who watches a script run. */
function watcher(source: string, args: ScriptArgs, file: CaptureFile | undefined, { output }: Io): RunOptions {
  const say = args.trace ? (line: string) => output.print(line) : (line: string) => output.note(line)
  const story = args.trace || args.debug >= 2 ? storyOf(source, say) : undefined
  const write = file === undefined ? undefined : capture(file)
  if (write === undefined) return story ?? {}
  return {
    ...story,
    onPacket: (packet, elapsed) => {
      write(packet, elapsed)
      story?.onPacket(packet, elapsed)
    },
  }
}

async function outcomeOf(file: string, args: ScriptArgs, pcap: CaptureFile | undefined, io: Io): Promise<Outcome> {
  let source: string
  try {
    source = await readScript(file, io.stdin)
  } catch (error) {
    return { file, took: 0, error: `Cannot read it: ${(error as Error).message}` }
  }
  return runText(file, source, args, watcher(source, args, pcap, io))
}

async function run(args: ScriptArgs, io: Io): Promise<number> {
  const { output } = io
  const files = scriptFiles(args._)
  if (args.pcap === '-') {
    if (args.json) throw new UsageError('--json and --pcap - both want stdout: name a file')
    output.divert()
  }
  if (args.pcap !== undefined && files.length > 1) {
    throw new UsageError(`--pcap takes the packets of one script, not of ${files.length}`, 'name one file')
  }
  const pcap = args.pcap === undefined ? undefined : new CaptureFile(args.pcap, LinkType.RAW, output)
  const report = new Report(output)
  try {
    for (const file of files) {
      report.add(await outcomeOf(file, args, pcap, io))
      await output.drained()
      if (output.closed) break
    }
  } finally {
    pcap?.close()
  }
  report.summarize()
  const { failed, unreadable } = report.counts
  if (unreadable > 0) return Exit.USAGE
  return failed > 0 ? Exit.NETWORK : Exit.OK
}

export const command = defineCommand({
  name: 'script',
  group: 'Lab',
  summary: 'run packet scripts, in the notation of packetdrill, against the stack',
  description: `A script says what a program does with its sockets, which packets the other side sends, and which packets
the stack must send, each at its time. The stack, its sockets and its clock are the script's own: nothing touches the
network or needs a privilege, and a minute of the script takes milliseconds. Files written for packetdrill run as they
are; a folder stands for every .pkt file in it and below, - for stdin.

Shell commands in a script are never run. Those that would set what this stack has too (sysctl, ip route, tc, ethtool,
also in a shell file that the script names) set it here; every other is named and skipped.

A line that does not hold ends its script: what was expected, what was seen, the connection and its last packets are
told. 0 is the exit code when every script passed, 1 when one failed, 2 when one could not be read or run.
docs/scripts.md teaches the notation.`,
  examples: [
    { command: 'gotcp script test/packets', says: 'every script of the syllabus' },
    { command: 'gotcp script --trace test/packets/handshake.pkt', says: 'one script, told line by line' },
    { command: 'gotcp script --pcap fr.pcap test/packets/fast-retransmit.pkt', says: 'its packets, for Wireshark' },
    { command: 'gotcp script -D TFO_COOKIE=3021b9d889017eeb tests', says: 'scripts that leave a word open' },
  ],
  flags: FLAGS,
  positionals: [{ name: 'FILE', summary: 'scripts, and folders of scripts', required: true, variadic: true }],
  run,
})
