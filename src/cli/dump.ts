import { FRAME_FIELDS } from '../wire/describe.ts'
import { type Args, bool, count, defineCommand, type Flags, value, valueOr } from './command.ts'
import { CaptureFile } from './dump/capture-file.ts'
import { chooseSource, LISTEN_FLAGS, SNAP_LENGTH } from './dump/choose-source.ts'
import { localNames, NUMERIC } from './dump/names.ts'
import type { Packet } from './dump/packet.ts'
import { type DumpStyle, PacketView } from './dump/packet-view.ts'
import { Exit, UsageError } from './exit.ts'
import { withInterrupt } from './interrupt.ts'
import type { Io } from './io.ts'
import { FILE, INTERFACE, integer, type Kind } from './kind.ts'
import { plural } from './units.ts'

const RECORD_FIELDS: readonly string[] = ['time_ms', 'length', 'captured', ...FRAME_FIELDS, 'text']

const FIELDS: Kind<readonly string[]> = {
  placeholder: 'NAME,…',
  expects: `names out of ${RECORD_FIELDS.join(', ')}`,
  parse: (text) => {
    const names = text.split(',')
    return names.every((name) => RECORD_FIELDS.includes(name)) ? names : undefined
  },
}

const FLAGS = {
  interface: value(INTERFACE, { short: 'i', summary: "listen on this interface (default: the default route's)" }),
  read: value(FILE, { short: 'r', summary: 'read packets from FILE, pcap or pcapng; - is stdin' }),
  write: value(FILE, { short: 'w', summary: 'write packets to FILE instead of printing them; - is stdout' }),
  print: bool({ summary: 'print packets even with --write' }),
  count: value(integer('N', 1), { short: 'c', summary: 'stop after N packets' }),
  numeric: count({ short: 'n', summary: 'show numbers, not the names in /etc/hosts and /etc/services' }),
  link: bool({ short: 'e', summary: 'show the link-level header' }),
  quiet: bool({ short: 'q', summary: 'show less of each protocol' }),
  'absolute-seq': bool({
    short: 'S',
    summary: 'show TCP sequence numbers as they are, not from the start of the flow',
  }),
  time: count({ short: 't', summary: 'once no time, twice seconds since 1970, then step, date, time since the start' }),
  hex: count({ short: 'x', summary: 'show the bytes too; twice with the link-level header' }),
  'hex-ascii': count({ short: 'X', summary: 'show the bytes in hex and ASCII; twice with the link-level header' }),
  ascii: bool({ short: 'A', summary: 'show the bytes in ASCII' }),
  explain: bool({ summary: 'say what each packet means, how the ends change their states, and which RFC tells' }),
  fields: value(FIELDS, { summary: 'print these fields between tabs instead of lines' }),
  snaplen: valueOr(integer('BYTES', 64, SNAP_LENGTH), SNAP_LENGTH, {
    short: 's',
    summary: 'keep this much of a packet',
  }),
  ...LISTEN_FLAGS,
  'line-buffered': bool({ short: 'l', summary: 'accepted for tcpdump: lines are never held back' }),
} satisfies Flags

type DumpArgs = Args<typeof FLAGS>

function dumpStyle(args: DumpArgs): DumpStyle {
  if (args['hex-ascii'] > 0) return { form: 'hex and ascii', withLink: args['hex-ascii'] > 1 }
  if (args.hex > 0) return { form: 'hex', withLink: args.hex > 1 }
  return { form: args.ascii ? 'ascii' : 'none', withLink: false }
}

function openView(args: DumpArgs): PacketView {
  const names = args.numeric > 0 ? NUMERIC : localNames()
  const format = {
    link: args.link,
    verbose: args.debug,
    quiet: args.quiet,
    absoluteSeq: args['absolute-seq'],
    ...names,
  }
  return new PacketView(format, dumpStyle(args), args.time, args.explain)
}

/** Counts as tcpdump ends with; of a file, which nobody dropped anything of, the first alone. */
function summarize(io: Io, captured: number, drops: number | undefined, isFile: boolean): void {
  io.output.note(`${plural(captured, 'packet')} captured`)
  if (!isFile) io.output.note(`${plural(captured, 'packet')} received by filter`)
  if (drops !== undefined) io.output.note(`${plural(drops, 'packet')} dropped by kernel`)
  io.output.record('summary', { captured, received_by_filter: captured, dropped_by_kernel: drops ?? null })
}

async function dump(args: DumpArgs, io: Io): Promise<number> {
  if (args.json && args.write === '-') throw new UsageError('--json and --write - both want stdout: name a file')
  const { output } = io
  const { source, filter } = await chooseSource(
    args,
    { snapLength: args.snaplen, finishChecksums: args.write !== undefined },
    io,
  )
  const view = openView(args)
  let file: CaptureFile | undefined
  let captured = 0
  // A file's link type is known with its first packet.
  let headed = args.read === undefined
  const show = (packet: Packet): void => {
    if (args.write !== undefined) {
      file ??= new CaptureFile(args.write, packet.linkType, output)
      file.add(packet)
      if (args.read === undefined) file.flush()
      if (!args.print) return
    }
    if (output.json) output.record('packet', view.record(packet))
    else output.print(args.fields === undefined ? view.line(packet) : view.columns(packet, args.fields))
  }
  const onPacket = (packet: Packet): boolean => {
    if (!headed) output.note(source.heading)
    headed = true
    if (filter.matches(packet)) {
      captured++
      show(packet)
    }
    return captured !== args.count
  }
  try {
    return await withInterrupt(io, async ({ signal, onStatus }) => {
      onStatus(() => `${captured} packets captured, ${source.drops() ?? 0} dropped by kernel`)
      if (args.debug > 0) (await io.log()).debug(`capture engine: ${source.engine}`)
      if (headed) output.note(source.heading)
      if (args.write !== undefined && source.linkType !== undefined) {
        file = new CaptureFile(args.write, source.linkType, output)
      }
      try {
        await source.run(onPacket, signal, () => output.drained())
      } finally {
        summarize(io, captured, source.drops(), args.read !== undefined)
      }
      return Exit.OK
    })
  } finally {
    source.close()
    file?.close()
  }
}

export const command = defineCommand({
  name: 'dump',
  group: 'Network',
  summary: 'show the packets of an interface or a capture file, one line each, as tcpdump does',
  description: `The lines are tcpdump's, so that both can be compared. Reading a file needs no privilege.

FILTER is the common part of libpcap's language: host, net, port, portrange, each with src or dst and ether, ip, ip6,
arp, tcp, udp, icmp, icmp6, igmp before it; proto, vlan, less, greater, broadcast, multicast; bytes as in
'tcp[tcpflags] & (tcp-syn|tcp-fin) != 0'; and, or, not and parentheses. Names of hosts are not looked up. Unlike
libpcap, tags and IPv6 extension headers are looked behind. On an interface, a filter beyond that goes to libpcap,
where the optional package cap is built; -v says which one is in use.`,
  examples: [
    { command: 'gotcp dump -i eth0 tcp and port 8888', says: 'every segment to or from port 8888' },
    { command: "gotcp dump -i eth0 -c 10 -v 'icmp or arp'", says: 'ten packets, with every field of their IP headers' },
    { command: 'gotcp dump -r trace.pcap -n', says: 'the packets of a capture, without any privilege' },
    {
      command: 'gotcp dump -r trace.pcap --explain tcp',
      says: 'a connection told step by step, with the RFC for each',
    },
    { command: 'gotcp dump -i eth0 -w trace.pcapng', says: 'capture to a file that Wireshark reads' },
    { command: 'gotcp dump -r trace.pcap --fields time_ms,src,dst,payload_length tcp', says: 'columns for a script' },
  ],
  flags: FLAGS,
  positionals: [{ name: 'FILTER', summary: 'which packets; all by default', variadic: true }],
  run: dump,
})
