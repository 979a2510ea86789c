import { randomInt } from 'node:crypto'
import { formatCidr } from '../base/address.ts'
import type { NetError } from '../base/errors.ts'
import { findInterface } from '../driver/interfaces.ts'
import type { PortLink } from '../driver/port-link.ts'
import type { Link } from '../link/link.ts'
import { type Args, defineCommand, type Flag, type Flags, list, value } from './command.ts'
import { Exit, UsageError } from './exit.ts'
import { CHANGE, type Change, readScript, WAYS, type Way } from './impair/change.ts'
import { idleSettings } from './impair/idle.ts'
import { Line } from './impair/line.ts'
import { SETTINGS, SETTINGS_TEXT, type Settings } from './impair/settings.ts'
import { View } from './impair/view.ts'
import { type Interrupt, withInterrupt } from './interrupt.ts'
import type { Io } from './io.ts'
import { DURATION, FILE, INTERFACE, integer, PERIOD } from './kind.ts'
import { type Capture, captureTo } from './network/capture.ts'
import { traceTo } from './network/trace.ts'
import { LinkWatch } from './network/watch-link.ts'
import type { Output } from './output.ts'

type SettingName = keyof typeof SETTINGS

const TROUBLE = 'Trouble'

const settingFlags = Object.fromEntries(
  Object.entries(SETTINGS).map(([name, { kind, summary }]) => [name, value(kind, { summary, group: TROUBLE })]),
) as Readonly<Record<SettingName, Flag<number | undefined>>>

const FLAGS = {
  interface: list(INTERFACE, { short: 'i', summary: 'the two interfaces to join: -i A -i B' }),
  ...settingFlags,
  'a-to-b': value(SETTINGS_TEXT, { summary: 'what is different from A to B', group: TROUBLE }),
  'b-to-a': value(SETTINGS_TEXT, { summary: 'what is different from B to A', group: TROUBLE }),
  seed: value(integer('N', 0, 0xffffffff), {
    summary: 'repeat the same faults (default: random, printed)',
    group: TROUBLE,
  }),
  at: list(CHANGE, { summary: 'change something later, as in "4s down"', group: TROUBLE }),
  script: value(FILE, { summary: 'changes from FILE, one a line, as --at takes them', group: TROUBLE }),
  interval: value(PERIOD, { summary: 'print what passed every so often' }),
  duration: value(DURATION, { summary: 'end after this time (default: at Ctrl-C)' }),
  pcap: value(FILE, { summary: 'write what A sees to FILE as pcap; - is stdout' }),
} satisfies Flags

type ImpairArgs = Args<typeof FLAGS>

function settingsOf(args: ImpairArgs): Record<Way, Settings> {
  const both = Object.fromEntries(
    Object.entries(SETTINGS)
      .map(([name, { field }]) => [field, args[name as SettingName]])
      .filter(([, given]) => given !== undefined),
  ) as Settings
  return { 'a-to-b': { ...both, ...args['a-to-b'] }, 'b-to-a': { ...both, ...args['b-to-a'] } }
}

function interfacesOf({ interface: names }: ImpairArgs): [string, string] {
  const [a, b] = names
  if (a === undefined || b === undefined || names.length > 2) {
    throw new UsageError('impair joins two interfaces', 'name both: -i eth0 -i eth1')
  }
  return [a, b]
}

function changesOf({ at, script }: ImpairArgs): readonly Change[] {
  return [...at, ...(script === undefined ? [] : readScript(script))].sort((one, other) => one.at - other.at)
}

/** Where this machine's own kernel takes part in what should pass it by. */
function warnOfKernel(names: readonly string[], output: Output): void {
  const facts = names.map((name) => findInterface(name))
  for (const { name, addresses } of facts) {
    if (addresses.length === 0) continue
    const held = addresses.map(formatCidr).join(', ')
    output.warn(`this machine answers for ${held} on ${name}; to stay out of it: sudo ip addr flush dev ${name}`)
  }
  const [a, b] = facts
  if (a!.mtu !== b!.mtu) {
    output.warn(`${a!.name} carries ${a!.mtu} bytes, ${b!.name} ${b!.mtu}: what is larger than the smaller is lost`)
  }
}

/** Where something was asked for that cannot show. */
function warnOfIdle(args: ImpairArgs, changes: readonly Change[], output: Output): void {
  const first = settingsOf(args)
  const told = WAYS.flatMap((way) => {
    const later = changes.filter(({ ways }) => ways.includes(way)).map(({ settings }) => settings)
    return idleSettings([first[way], ...later])
  })
  for (const text of new Set(told)) output.warn(text)
}

/** A line with all that watches it. */
interface Opened {
  readonly line: Line
  /** Aborted with the reason when an interface is lost for good. */
  readonly lost: AbortSignal
  close(): void
}

function open(args: ImpairArgs, seed: number, output: Output): Opened {
  const interfaces = interfacesOf(args)
  const lost = new AbortController()
  const lose = (error: Error): void => lost.abort(error)
  const watches = new Map(interfaces.map((name) => [name, new LinkWatch(name, output, lose)]))
  const captures: Capture[] = []
  const wrap = (port: PortLink, which: 'a' | 'b'): Link => {
    let link: Link = port
    if (args.pcap !== undefined && which === 'a') {
      captures.push(captureTo(args.pcap, link, output, lose))
      link = captures[0]!.link
    }
    return args.debug >= 2 ? traceTo(link, port.interface, (text) => output.note(text)) : link
  }
  const onError = (port: PortLink, error: NetError): void => watches.get(port.interface)!.onError(error)
  const line = new Line({ interfaces, settings: settingsOf(args), seed, wrap, onError })
  return {
    line,
    lost: lost.signal,
    close() {
      line.close()
      for (const watch of watches.values()) watch.stop()
      for (const capture of captures) capture.close()
    },
  }
}

/** Carries frames until the end that was asked for, or Ctrl-C. */
async function carry(args: ImpairArgs, changes: readonly Change[], { line, lost }: Opened, io: Io, on: Interrupt) {
  const { output } = io
  const view = new View(line, output, args.interval)
  on.onStatus(() => view.status())
  const timers = changes.map((change) =>
    setTimeout(() => {
      line.change(change.ways, change.settings)
      output.note(`${(change.at / 1e6).toFixed(2)} s: ${change.text}`)
      output.record('change', { time_ms: view.elapsed, ways: change.ways, settings: change.settings })
    }, change.at / 1000),
  )
  try {
    await new Promise<void>((resolve) => {
      if (args.duration !== undefined) timers.push(setTimeout(resolve, args.duration / 1000))
      for (const signal of [on.signal, lost]) {
        if (signal.aborted) resolve()
        else signal.addEventListener('abort', () => resolve(), { once: true })
      }
    })
  } finally {
    for (const timer of timers) clearTimeout(timer)
    view.stop()
  }
  view.summarize()
  if (lost.aborted) throw lost.reason
  return Exit.OK
}

async function run(args: ImpairArgs, io: Io): Promise<number> {
  const { output } = io
  if (args.pcap === '-') {
    if (args.json) throw new UsageError('--json and --pcap - both want stdout: name a file')
    output.divert()
  }
  const changes = changesOf(args)
  const seed = args.seed ?? randomInt(2 ** 32)
  const opened = open(args, seed, output)
  try {
    const { line } = opened
    const names = [line.a.interface, line.b.interface] as const
    warnOfKernel(names, output)
    warnOfIdle(args, changes, output)
    output.note(`${names.join(' and ')} are joined; --seed ${seed} repeats the same faults, Ctrl-C ends it`)
    output.record('start', { a: names[0], b: names[1], seed, settings: settingsOf(args) })
    return await withInterrupt(io, (interrupt) => carry(args, changes, opened, io, interrupt))
  } finally {
    opened.close()
  }
}

export const command = defineCommand({
  name: 'impair',
  group: 'Lab',
  summary: 'join two interfaces by a line that is slow, lossy, or worse',
  description: `What comes in on A leaves on B and the other way round, after the line has done to it what you asked for:
what the kernel's netem does, on machines that have none, and with faults that can be repeated. Needs CAP_NET_RAW, and
CAP_NET_ADMIN to see frames for other stations. The interfaces want no addresses; the kernel behind them then takes no
part.

Every setting is for both ways; --a-to-b and --b-to-a say what is different: --loss 1% --a-to-b "loss 0 delay 20ms".
--at and the lines of --script change settings later: "4s loss 30%", "4s a-to-b down", "8s up"; the time counts from the
start. down lets nothing pass, up ends that.

The order of things is that of a router before a long cable: a packet is lost or damaged, waits in the queue for its turn
at --rate, then travels --delay and --jitter. Super-segments are cut first, so that every packet has its own fate.`,
  examples: [
    {
      command: 'gotcp impair -i eth0 -i eth1 --delay 10ms --rate 50M --queue 125K --loss 1%',
      says: 'a bad line: 20 ms round trip, a queue of one bandwidth-delay product, one packet in a hundred lost',
    },
    {
      command: "gotcp impair -i eth0 -i eth1 --a-to-b 'loss 5%' --b-to-a 'delay 200ms' --seed 7",
      says: 'different each way, and the same faults again next time',
    },
    {
      command: "gotcp impair -i eth0 -i eth1 --delay 20ms --at '4s down' --at '8s up' --interval 1",
      says: 'a black hole after four seconds, for four seconds',
    },
  ],
  flags: FLAGS,
  run,
})
