import { type Args, bool, defineCommand, type Flags, list, value, valueOr } from './command.ts'
import { chooseSource, LISTEN_FLAGS, SNAP_LENGTH } from './dump/choose-source.ts'
import type { Packet } from './dump/packet.ts'
import { Exit, UsageError } from './exit.ts'
import type { Alert } from './ids/alerts.ts'
import { Detector } from './ids/detector.ts'
import { IdsReport } from './ids/report.ts'
import { SEVERITIES } from './ids/rule.ts'
import { makeRules, RULE_NAMES } from './ids/rules.ts'
import { withInterrupt } from './interrupt.ts'
import type { Io } from './io.ts'
import { choice, FILE, INTERFACE, integer, type Kind } from './kind.ts'

const THRESHOLD: Kind<readonly [string, number]> = {
  placeholder: 'RULE=N',
  expects: `a rule and a number such as syn-scan=50; the rules are ${RULE_NAMES.join(', ')}`,
  parse: (text) => {
    const match = /^([a-z-]+)=(\d{1,9})$/.exec(text)
    const [, rule = '', number = '0'] = match ?? []
    return RULE_NAMES.includes(rule) && rule !== 'fragment-overlap' && Number(number) > 0
      ? [rule, Number(number)]
      : undefined
  },
}

const FLAGS = {
  interface: value(INTERFACE, { short: 'i', summary: "watch this interface (default: the default route's)" }),
  read: value(FILE, { short: 'r', summary: 'watch the packets of FILE, pcap or pcapng; - is stdin' }),
  count: value(integer('N', 1), { short: 'c', summary: 'stop after N packets' }),
  quiet: bool({ short: 'q', summary: 'print alerts only, no line for each packet and no flow table' }),
  flows: valueOr(integer('N', 0, 65536), 20, { summary: 'show this many flows at the end, those with the most bytes' }),
  rules: bool({ summary: 'list the rules and end' }),
  threshold: list(THRESHOLD, { summary: 'change the number a rule goes by' }),
  'fail-on': value(choice(...SEVERITIES), { summary: 'end with exit code 1 if there was an alert this severe' }),
  ...LISTEN_FLAGS,
} satisfies Flags

type IdsArgs = Args<typeof FLAGS>

function listRules(args: IdsArgs, io: Io): number {
  for (const { name, severity, summary } of makeRules(new Map(args.threshold))) {
    io.output.print(`${name.padEnd(16)}  ${severity.padEnd(6)}  ${summary}`)
    io.output.record('rule', { name, severity, summary })
  }
  return Exit.OK
}

async function ids(args: IdsArgs, io: Io): Promise<number> {
  if (args.rules) return listRules(args, io)
  if (args.quiet && args.flows !== FLAGS.flows.default) throw new UsageError('--quiet and --flows exclude each other')
  const { output } = io
  const { source, filter } = await chooseSource(args, { snapLength: SNAP_LENGTH, finishChecksums: false }, io)
  const report = new IdsReport(output, args.quiet)
  const failFrom = args['fail-on'] === undefined ? SEVERITIES.length : SEVERITIES.indexOf(args['fail-on'])
  let failed = false
  const detector = new Detector(makeRules(new Map(args.threshold)), (alert: Alert) => {
    failed ||= SEVERITIES.indexOf(alert.severity) >= failFrom
    report.alert(alert)
  })
  let packets = 0
  const onPacket = (packet: Packet): boolean => {
    if (!filter.matches(packet)) return true
    packets++
    detector.watch(packet)
    report.packet(detector.seen)
    return packets !== args.count
  }
  try {
    return await withInterrupt(io, async ({ signal, onStatus }) => {
      onStatus(() => `${packets} packets, ${detector.flows.size} flows, ${detector.alerts.list().length} alerts`)
      if (args.debug > 0) (await io.log()).debug(`capture engine: ${source.engine}`)
      if (args.read === undefined) output.note(source.heading)
      try {
        await source.run(onPacket, signal, () => output.drained())
      } finally {
        detector.alerts.finish()
        report.finish(detector, { packets, drops: source.drops(), flows: args.flows })
      }
      return failed ? Exit.NETWORK : Exit.OK
    })
  } finally {
    source.close()
  }
}

export const command = defineCommand({
  name: 'ids',
  group: 'Network',
  summary: 'watch an interface or a capture file for scans, floods, spoofing and damage',
  description: `Prints a line for each IP packet, [destination source destination-port source-port protocol], alerts with
severity, rule, subject, evidence and count, and at the end the flows that were seen. Repeats of an alert are collapsed:
(x37). FILTER is that of gotcp dump. It only listens: nothing is ever sent or blocked.`,
  examples: [
    { command: 'gotcp ids -i eth0', says: 'watch until Ctrl-C, then show the flows' },
    { command: 'gotcp ids -i eth0 --quiet', says: 'alerts only' },
    {
      command: 'gotcp ids -r trace.pcap --quiet --fail-on medium',
      says: 'exit code 1 if there is anything in the capture',
    },
    { command: 'gotcp ids --rules', says: 'the rules and the numbers they go by' },
    { command: 'gotcp ids -i eth0 --threshold syn-scan=100', says: 'be more patient with many connections' },
  ],
  flags: FLAGS,
  positionals: [{ name: 'FILTER', summary: 'which packets; all by default', variadic: true }],
  run: ids,
})
