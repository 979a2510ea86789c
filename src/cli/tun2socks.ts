import { type Cidr, formatIpv4, parseCidr } from '../base/address.ts'
import { NetError } from '../base/errors.ts'
import { listInterfaces, listRoutes } from '../driver/interfaces.ts'
import { CONGESTION_CONTROLS } from '../tcp/congestion/control.ts'
import type { TcpOptionsInit } from '../tcp/settings.ts'
import { formatSocks5Proxy, parseSocks5Proxy, type Socks5Proxy } from '../transport/proxy.ts'
import { probeSocks5 } from '../transport/socks5.ts'
import { NETWORK_FLAGS, networkArgs } from './args.ts'
import { type Args, bool, defineCommand, type Flags, value, valueOr } from './command.ts'
import { Exit, UsageError } from './exit.ts'
import { type Interrupt, withInterrupt } from './interrupt.ts'
import type { Io } from './io.ts'
import { BYTES, CIDR, choice, INTERFACE, integer, type Kind, PERIOD, SECONDS } from './kind.ts'
import { resolveHost } from './network/host-name.ts'
import { type Network, openNetwork, throwIfLost } from './network.ts'
import { ownAddress, routeAdvice } from './tun2socks/advice.ts'
import { LOG_LEVELS, Report } from './tun2socks/report.ts'
import { TcpCarrier } from './tun2socks/tcp-carrier.ts'
import { UdpCarrier } from './tun2socks/udp-carrier.ts'

const PROXY: Kind<Socks5Proxy> = {
  placeholder: 'URL',
  expects: 'a SOCKS5 proxy such as socks5://127.0.0.1:1080 or socks5://user:password@host:1080',
  parse: parseSocks5Proxy,
  explain: () => 'that is no SOCKS5 proxy such as socks5://127.0.0.1:1080 or socks5://user:password@host:1080',
}

/** The device as tun2socks names it. */
const DEVICE: Kind<string> = {
  ...INTERFACE,
  expects: 'a TUN interface such as tun0 or tun://tun0',
  parse: (text) => INTERFACE.parse(text.replace(/^tun:\/\//, '')),
}

const { tun, pcap, loss, delay, reorder, duplicate, corrupt, rate, seed } = NETWORK_FLAGS
const CONNECTIONS = 'Connections'

const FLAGS = {
  proxy: value(PROXY, {
    summary: 'the proxy to go through: socks5://[user:password@]host[:port] (default: $GOTCP_PROXY, which no ps shows)',
  }),
  tun: { ...tun, summary: 'the TUN interface, made if it does not exist (default: tun0)' },
  device: value(DEVICE, { summary: 'the same as --tun, as tun2socks has it' }),
  ip: value(CIDR, {
    summary: "our end's address (default: beside the kernel's where it has one there, else 198.18.0.2/15)",
  }),
  mtu: value(integer('BYTES', 68, 65_535), { summary: "the largest packet (default: the device's own)" }),
  'ignore-ping': bool({ summary: 'leave pings unanswered; otherwise we answer them in the name of all' }),
  'tcp-only': bool({ summary: 'refuse datagrams at once instead of asking the proxy to carry them' }),
  'udp-timeout': valueOr(PERIOD, 60, { summary: 'how long a flow of datagrams may be silent', group: CONNECTIONS }),
  'connect-timeout': valueOr(PERIOD, 20, {
    summary: 'how long the proxy may take to reach a destination',
    group: CONNECTIONS,
  }),
  'max-connections': valueOr(integer('N', 1, 1_000_000), 8192, {
    summary: 'connections at once; more are refused',
    group: CONNECTIONS,
  }),
  'max-flows': valueOr(integer('N', 1, 1_000_000), 1024, {
    summary: 'flows of datagrams at once; the one that was silent the longest gives way',
    group: CONNECTIONS,
  }),
  'tcp-rcvbuf': value(BYTES, { summary: 'receive buffer of a connection, at most (default: 4M)', group: CONNECTIONS }),
  'tcp-sndbuf': value(BYTES, { summary: 'send buffer of a connection (default: 4M)', group: CONNECTIONS }),
  cc: value(choice(...CONGESTION_CONTROLS), {
    summary: 'congestion control of what we send inside (default: cubic)',
    group: CONNECTIONS,
  }),
  drain: valueOr(SECONDS, 5, {
    summary: 'how long open connections may go on after Ctrl-C or SIGTERM',
    group: CONNECTIONS,
  }),
  loglevel: valueOr(choice(...LOG_LEVELS), 'info', {
    summary: 'what to print: nothing, trouble with the proxy, refusals, ends of connections, all',
    group: 'Output',
  }),
  pcap,
  ...{ loss, delay, reorder, duplicate, corrupt, rate, seed },
} satisfies Flags

type TunArgs = Args<typeof FLAGS>

const USUAL_ADDRESS = parseCidr('198.18.0.2/15') as Cidr
const LEAST_BUFFER = 2048
/** A day, which is more than anybody waits. */
const DAY = 86_400_000

/** Seconds in milliseconds, a whole number. */
const milliseconds = (seconds: number): number => Math.min(DAY, Math.max(1, Math.round(seconds * 1000)))

function deviceOf({ tun: name, device }: TunArgs): string {
  if (name !== undefined && device !== undefined && name !== device) {
    throw new UsageError(`two devices: --tun ${name} and --device ${device}`)
  }
  return name ?? device ?? 'tun0'
}

function socketOptionsOf(args: TunArgs): TcpOptionsInit {
  const { cc } = args
  const receiveBuffer = args['tcp-rcvbuf']
  const sendBuffer = args['tcp-sndbuf']
  return {
    noDelay: true,
    ...(cc === undefined ? {} : { congestion: cc }),
    ...(receiveBuffer === undefined ? {} : { receiveBuffer: Math.max(LEAST_BUFFER, receiveBuffer) }),
    ...(sendBuffer === undefined ? {} : { sendBuffer: Math.max(LEAST_BUFFER, sendBuffer) }),
  }
}

/** The proxy by its address: once everything is routed into the device, asking for its name would lead there, too. */
async function findProxy(args: TunArgs, { env }: Io): Promise<Socks5Proxy> {
  const told = env['GOTCP_PROXY']
  const proxy = args.proxy ?? (told === undefined ? undefined : PROXY.parse(told))
  if (proxy === undefined && told !== undefined) throw new UsageError('GOTCP_PROXY names no SOCKS5 proxy')
  if (proxy === undefined)
    throw new UsageError('--proxy is missing: where to go through', 'try: --proxy 127.0.0.1:1080')
  return proxy.host.includes(':') ? proxy : { ...proxy, host: formatIpv4(await resolveHost(proxy.host)) }
}

/** A wrong password does not mend itself; a proxy that is not there may come. */
async function checkProxy(proxy: Socks5Proxy, timeout: number, io: Io, signal: AbortSignal): Promise<void> {
  try {
    await probeSocks5(proxy, { timeout, signal })
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof NetError) || error.code === 'ERR_PROXY_AUTH') throw error
    io.output.warn(`${error.message}; going on, for it may come`)
  }
}

function announce(io: Io, device: string, network: Network, proxy: Socks5Proxy): void {
  const { output } = io
  output.note(`${device} leads through ${formatSocks5Proxy(proxy)}; Ctrl-C ends it`)
  for (const line of routeAdvice(device, proxy.host, listRoutes())) output.note(line)
  const { host, port } = proxy
  output.record('start', { device, addresses: network.addresses, proxy_host: host, proxy_port: port })
}

/** Takes what comes in on the device, and says what there is to say of it. */
function forward(args: TunArgs, proxy: Socks5Proxy, network: Network, report: Report) {
  const { host } = network
  const timeout = milliseconds(args['connect-timeout'])
  const options = { proxy, timeout, most: args['max-connections'], socket: socketOptionsOf(args) }
  const carrier = new TcpCarrier(options, report)
  // The proxy's answer ends an attempt, or its own time does; the forwarder's is the net below.
  const tcp = host.tcp.forward((request) => carrier.carry(request), { timeout: Math.min(DAY, timeout + 1000) })
  const datagrams = new UdpCarrier(proxy, timeout, report)
  const limits = { flows: args['max-flows'], idleTimeout: milliseconds(args['udp-timeout']) }
  const udp = host.udp.forward((flow) => (args['tcp-only'] ? flow.reject() : datagrams.carry(flow)), limits)
  return { tcp, udp, carrier }
}

async function carry(args: TunArgs, device: string, proxy: Socks5Proxy, network: Network, io: Io, on: Interrupt) {
  const { output } = io
  const report = new Report(output, args.debug > 0 ? 'debug' : args.loglevel)
  const { tcp, udp, carrier } = forward(args, proxy, network, report)
  on.onStatus(() => report.status(carrier.size, udp.size))
  on.onLeave(() => network.close())
  announce(io, device, network, proxy)
  await aborted(on.signal, network.lost)
  tcp.close()
  if (carrier.size > 0 && !network.lost.aborted) {
    output.note(`${carrier.size} open; they may go on for ${args.drain} s, and Ctrl-C again resets them now`)
    await carrier.drain(args.drain)
  }
  udp.close()
  const { stats } = tcp
  report.summarize({
    syn_repeats: stats.repeats,
    syn_overflows: stats.overflows,
    expired: stats.expired,
    udp_expired: udp.stats.expired,
    udp_evicted: udp.stats.evicted,
  })
  throwIfLost(network)
  await network.linger()
  return Exit.OK
}

function aborted(...signals: readonly AbortSignal[]): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of signals) {
      if (signal.aborted) resolve()
      else signal.addEventListener('abort', () => resolve(), { once: true })
    }
  })
}

async function run(args: TunArgs, io: Io): Promise<number> {
  const device = deviceOf(args)
  const proxy = await findProxy(args, io)
  const ip = args.ip ?? ownAddress(device, listInterfaces(), USUAL_ADDRESS)
  return await withInterrupt(io, async (interrupt) => {
    await checkProxy(proxy, milliseconds(args['connect-timeout']), io, interrupt.signal)
    const wire = { ...args, tun: device, ip, interface: undefined, gateway: undefined, tap: undefined }
    const network = await openNetwork(networkArgs(wire), io, {
      verbosity: args.debug,
      anyAddress: { echo: !args['ignore-ping'] },
      mtu: args.mtu,
    })
    try {
      return await carry(args, device, proxy, network, io, interrupt)
    } finally {
      network.close()
    }
  })
}

export const command = defineCommand({
  name: 'tun2socks',
  group: 'Transfer',
  summary: 'carry whatever is routed into a TUN interface through a SOCKS5 proxy',
  description: `Programs that know nothing of proxies go through one: every TCP connection that the kernel routes into the
interface is opened at the proxy first (CONNECT) and then answered, so that what is refused there is refused here; every
flow of datagrams, name look-ups too, goes by UDP ASSOCIATE where the proxy has that. Both ends of a stream, and what slows
one side down, are handed on. Needs CAP_NET_ADMIN, or a TUN that is yours already.

Nothing is routed by itself. At the start the lines are printed that do it, for one network as in
"sudo ip route add 203.0.113.0/24 dev tun0", or for everything; a copy of them with this machine's own gateway is the
easiest. The interface and its routes vanish with the process. A line for each connection goes to stdout when it ends; on
Ctrl-\\ there is one of totals. Ctrl-C and SIGTERM let open connections go on for --drain seconds.`,
  examples: [
    {
      command: 'gotcp tun2socks --tun tun0 --proxy socks5://127.0.0.1:1080',
      says: 'the way for all that you route there: sudo ip route add 203.0.113.0/24 dev tun0',
    },
    {
      command:
        'gotcp tun2socks --device tun://tun0 --proxy socks5://ada:secret@10.0.0.1:1080 --tcp-only --loglevel warn',
      says: 'with a password, without datagrams, and few words',
    },
  ],
  flags: FLAGS,
  run,
})
