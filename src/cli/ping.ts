import { formatIpv4 } from '../base/address.ts'
import { NetError } from '../base/errors.ts'
import { DEFAULT_TTL } from '../ip/output.ts'
import type { Host } from '../stack/host.ts'
import type { Ping } from '../stack/ping.ts'
import type { PingEvent } from '../stack/ping-events.ts'
import { ICMP_HEADER_LEN } from '../wire/icmp.ts'
import { IPV4_HEADER_LEN, IPV4_MAX_LEN } from '../wire/ipv4.ts'
import { NETWORK_FLAGS, networkArgs } from './args.ts'
import { type Args, bool, defineCommand, type Flags, value, valueOr } from './command.ts'
import { Exit, UsageError } from './exit.ts'
import { withInterrupt } from './interrupt.ts'
import type { Io } from './io.ts'
import { IPV4, integer, type Kind, SECONDS } from './kind.ts'
import { HOST, resolveHost } from './network/host-name.ts'
import { openNetwork, throwIfLost } from './network.ts'
import type { Output } from './output.ts'
import { PingTally } from './ping/tally.ts'
import { errorLine, heading, patternLine, reasonOf, replyLine } from './ping/words.ts'

/** How long the last replies may take when nothing has come back yet, in seconds. */
const LAST_WAIT = 10
const MAX_SIZE = IPV4_MAX_LEN - IPV4_HEADER_LEN - ICMP_HEADER_LEN

const PATTERN: Kind<Uint8Array> = {
  placeholder: 'HEX',
  expects: 'up to 16 bytes in hexadecimal such as ff00',
  parse: (text) => (/^([0-9a-f]{2}){1,16}$/i.test(text) ? Uint8Array.from(Buffer.from(text, 'hex')) : undefined),
}

const FLAGS = {
  dest: value(HOST, { summary: 'whom to ping; also without the flag' }),
  count: value(integer('N', 1), { short: 'c', summary: 'stop after N requests; with -w after N replies' }),
  interval: valueOr(SECONDS, 1, { summary: 'time between requests; 0 sends the next one when a reply is there' }),
  timeout: value(SECONDS, {
    short: 'W',
    summary: `how long to wait for the last replies (default ${LAST_WAIT}, or twice the longest round trip)`,
  }),
  deadline: value(SECONDS, { short: 'w', summary: 'stop after this time, whatever has come back' }),
  size: valueOr(integer('BYTES', 0, MAX_SIZE), 56, { short: 's', summary: 'bytes of data in each request' }),
  ttl: valueOr(integer('N', 1, 255), DEFAULT_TTL, { short: 't', summary: 'how many routers a request may pass' }),
  tos: valueOr(integer('N', 0, 255), 0, { short: 'Q', summary: 'the differentiated-services byte' }),
  pattern: value(PATTERN, { short: 'p', summary: 'fill the data with these bytes' }),
  source: value(IPV4, { short: 'I', summary: 'which of our addresses to send from' }),
  broadcast: bool({ short: 'b', summary: 'allow a broadcast address' }),
  'dont-fragment': bool({ short: 'M', summary: 'never cut a request; too large ones fail' }),
  'print-time': bool({ short: 'D', summary: 'print the seconds since 1970 before each line' }),
  outstanding: bool({ short: 'O', summary: 'say when a request is still unanswered as the next one goes' }),
  quiet: bool({ short: 'q', summary: 'print only the first line and the summary' }),
  ...NETWORK_FLAGS,
} satisfies Flags

type PingArgs = Args<typeof FLAGS>

function destination({ dest, _ }: PingArgs): string {
  const [bare] = _
  const host = dest ?? bare
  if (host === undefined) throw new UsageError('HOST is missing: whom to ping', 'try: gotcp ping 172.20.0.3')
  if (dest !== undefined && bare !== undefined) throw new UsageError(`two destinations: ${dest} and ${bare}`)
  if (HOST.parse(host) === undefined) throw new UsageError(`"${host}" is not ${HOST.expects}`)
  return host
}

/** @throws UsageError where no request can go at all: that is exit code 2, as ping has it. */
function openPing(host: Host, ...[address, options]: Parameters<Host['pings']>): Ping {
  try {
    return host.pings(address, options)
  } catch (error) {
    throw error instanceof NetError ? new UsageError(error.message, REMEDIES[error.code]) : error
  }
}

const REMEDIES: Readonly<Record<string, string>> = {
  ENETUNREACH: 'name the interface that leads there with -i, or the router with --ip and --gateway',
  EACCES: '-b allows a broadcast address',
}

/** Prints what happens, in lines or records. */
class PingView {
  readonly #output: Output
  readonly #args: PingArgs

  constructor(output: Output, args: PingArgs) {
    this.#output = output
    this.#args = args
  }

  show(event: PingEvent): void {
    const { size, quiet, outstanding } = this.#args
    switch (event.type) {
      case 'sent':
        return
      case 'reply':
        this.#output.record('reply', {
          seq: event.seq,
          from: event.from,
          ttl: event.ttl,
          bytes: event.bytes,
          time_ms: event.rttUs === undefined ? null : event.rttUs / 1000,
          duplicate: event.isDuplicate,
          corrupt: event.isCorrupt,
          altered: event.isAltered,
        })
        if (!quiet) this.#line(replyLine(event, size))
        return
      case 'unanswered':
        if (!outstanding) return
        this.#output.record('no_answer', { seq: event.seq })
        if (!quiet) this.#line(`no answer yet for icmp_seq=${event.seq}`)
        return
      case 'error': {
        const { seq, from, code, icmp, mtu } = event
        const reason = icmp === undefined ? null : reasonOf(icmp.kind, icmp.code, mtu)
        this.#output.record('unreachable', { seq, from, code, reason, mtu })
        if (quiet) return
        // What never left this machine is not an answer.
        if (icmp === undefined) this.#output.note(errorLine(event))
        else this.#line(errorLine(event))
      }
    }
  }

  #line(text: string): void {
    const seconds = (performance.timeOrigin + performance.now()) / 1000
    this.#output.print(this.#args['print-time'] ? `[${seconds.toFixed(6)}] ${text}` : text)
  }
}

/** Shows the events of a ping to its end, which comes by count, by deadline or when the last replies had their time. */
async function follow(ping: Ping, args: PingArgs, view: PingView, tally: PingTally): Promise<void> {
  const { count, interval, timeout, deadline } = args
  const timers: NodeJS.Timeout[] = []
  const stopIn = (seconds: number): void => void timers.push(setTimeout(() => ping.stop(), seconds * 1000))
  if (deadline !== undefined) stopIn(deadline)
  try {
    for await (const event of ping) {
      tally.note(event, performance.now())
      view.show(event)
      const { sent, received, maxUs } = ping.summary
      if (deadline !== undefined && count !== undefined && received >= count) ping.stop()
      if (event.type !== 'sent' || sent !== count || timeout !== undefined || received === 0) continue
      stopIn(Math.max((2 * maxUs) / 1e6, interval))
    }
  } finally {
    for (const timer of timers) clearTimeout(timer)
  }
}

async function run(args: PingArgs, io: Io): Promise<number> {
  const { output } = io
  const name = destination(args)
  const { count, deadline, source } = args
  const dest = await resolveHost(name)
  const network = await openNetwork(networkArgs(args), io, { verbosity: args.debug, toward: dest, timestamps: true })
  try {
    return await withInterrupt(io, async ({ signal, onStatus }) => {
      const ping = openPing(network.host, dest, {
        size: args.size,
        ...(count === undefined || deadline !== undefined ? {} : { count }),
        interval: args.interval * 1000,
        timeout: (args.timeout ?? LAST_WAIT) * 1000,
        ttl: args.ttl,
        tos: args.tos,
        ...(args.pattern === undefined ? {} : { pattern: args.pattern }),
        ...(source === undefined ? {} : { source }),
        broadcast: args.broadcast,
        dontFragment: args['dont-fragment'],
        signal: AbortSignal.any([signal, network.lost]),
      })
      const tally = new PingTally()
      const address = formatIpv4(dest)
      if (args.pattern !== undefined && !args.quiet) output.print(patternLine(args.pattern))
      output.print(heading(name, address, args.size, source === undefined ? undefined : formatIpv4(source)))
      output.record('start', {
        dest: address,
        name,
        source: network.addresses[0] ?? null,
        interface: network.interface,
      })
      onStatus(() => tally.status(ping.summary))
      await follow(ping, args, new PingView(output, args), tally)
      const { summary } = ping
      for (const line of tally.summary(name, summary, args.interval > 0)) output.print(line)
      const ms = (micros: number): number | null => (summary.received === 0 ? null : micros / 1000)
      output.record('summary', {
        dest: address,
        sent: summary.sent,
        received: summary.received,
        duplicates: summary.duplicates,
        corrupt: summary.corrupt,
        errors: summary.errors,
        loss: summary.loss,
        time_ms: tally.elapsedMs,
        rtt_min_ms: ms(summary.minUs),
        rtt_avg_ms: ms(summary.avgUs),
        rtt_max_ms: ms(summary.maxUs),
        rtt_mdev_ms: ms(summary.mdevUs),
      })
      throwIfLost(network)
      if (summary.sent === 0) return Exit.INTERRUPTED
      return summary.received > 0 ? Exit.OK : Exit.NETWORK
    })
  } finally {
    network.close()
  }
}

export const command = defineCommand({
  name: 'ping',
  group: 'Network',
  summary: 'ask a host for echoes, as ping does, from our own stack',
  description: `The lines are those of iputils' ping. Mind two flags: -i is the interface here, as in the other commands;
the time between requests is --interval.
Exit code 0 means that at least one reply came, 1 that none did, 2 that nothing could be sent.`,
  examples: [
    { command: 'gotcp ping -i eth0 -dest 172.20.0.3', says: 'until Ctrl-C; Ctrl-\\ prints the state so far' },
    { command: 'gotcp ping 172.20.0.3 -c 5 --interval 0.2', says: 'five requests, by the interface that leads there' },
    { command: 'gotcp ping --tap gotcp0 --ip 10.9.0.2/24 10.9.0.1 -c 3', says: 'this very kernel, over a TAP' },
    {
      command: 'gotcp ping -i eth0 172.20.0.3 --loss 20% --seed 7 -O',
      says: 'see what loss looks like, again and again',
    },
  ],
  flags: FLAGS,
  positionals: [{ name: 'HOST', summary: 'whom to ping; -dest names it as well' }],
  run,
})
