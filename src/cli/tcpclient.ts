import { statSync } from 'node:fs'
import { formatEndpoint, formatIpv4, type Ipv4Addr } from '../base/address.ts'
import { NetError } from '../base/errors.ts'
import type { TcpSocket } from '../stack/tcp-socket.ts'
import { CONGESTION_CONTROLS } from '../tcp/congestion/control.ts'
import { formatInfo, type TcpInfo } from '../tcp/info.ts'
import { NETWORK_FLAGS, networkArgs } from './args.ts'
import { type Args, bool, defineCommand, type Flags, value } from './command.ts'
import { Exit, UsageError } from './exit.ts'
import { type Interrupt, withInterrupt } from './interrupt.ts'
import type { Io } from './io.ts'
import { BYTES, choice, FILE, type Kind, PORT, SECONDS, TEXT } from './kind.ts'
import { resolveHost } from './network/host-name.ts'
import { type Network, openNetwork, throwIfLost } from './network.ts'
import { readEndpoint } from './tcp/endpoint.ts'
import { finish, pumpIn, pumpOne, pumpOut, Traffic } from './tcp/pump.ts'
import { bitRate, endReport, incompleteReport, reportRecord } from './tcp/report.ts'
import { discardSink, fileSink, isReaderGone, type Sink, stdoutSink } from './tcp/sink.ts'
import { SOCKET_FLAGS, socketOptions } from './tcp/socket-flags.ts'
import { fileSource, generatedSource, type Source, stdinSource } from './tcp/source.ts'
import { StateLog } from './tcp/state-log.ts'
import { WRITE_OUT, writeOut } from './tcp/write-out.ts'
import { formatBytes, formatMs } from './units.ts'

/** RFC 7413 §4.1.1: 4 to 16 bytes, an even number. */
const COOKIE: Kind<Uint8Array> = {
  placeholder: 'COOKIE',
  expects: '8 to 32 hexadecimal digits, a multiple of 4',
  parse: (text) => (/^([\da-f]{4}){2,8}$/i.test(text) ? Buffer.from(text, 'hex') : undefined),
}

const FLAGS = {
  addr: value({ ...TEXT, placeholder: 'ADDR' }, { summary: 'where to connect to; ADDR:PORT works as well' }),
  port: value(PORT, { summary: 'the port to connect to' }),
  send: value(FILE, { summary: 'send FILE instead of stdin' }),
  recv: value(FILE, { summary: 'write what arrives to FILE instead of stdout; - is stdout' }),
  bytes: value(BYTES, { summary: 'send so many made-up bytes instead of stdin; what arrives is counted, not printed' }),
  'local-port': value(PORT, { summary: 'connect from this port (default: a random one)' }),
  'connect-timeout': value(SECONDS, { summary: 'give up connecting after this time (default: three minutes)' }),
  'no-delay': bool({ summary: 'send small pieces at once instead of gathering them (no Nagle)' }),
  cc: value(choice(...CONGESTION_CONTROLS), { summary: 'congestion control of what we send (default: cubic)' }),
  fastopen: bool({ summary: 'TCP Fast Open: ask the server for a cookie, or send the first data along with one' }),
  'fastopen-cookie': value(COOKIE, { summary: 'the cookie the server gave before; implies --fastopen' }),
  ...SOCKET_FLAGS,
  info: bool({ summary: "print the connection's state at the end, in the words of ss -ti" }),
  'write-out': value(WRITE_OUT, {
    summary: "print FORMAT on stdout at the end, with curl's variables; not with --json",
  }),
  quiet: bool({ short: 'q', summary: 'leave the end report out' }),
  ...NETWORK_FLAGS,
} satisfies Flags

type ClientArgs = Args<typeof FLAGS>

const wantsFastOpen = (args: ClientArgs): boolean => args.fastopen || args['fastopen-cookie'] !== undefined

const PROGRESS_EVERY = 200
/** A day in milliseconds, which is more than anybody waits. */
const LONGEST_CONNECT = 86_400_000
/** How long a Ctrl-C waits for the peer to agree, in milliseconds. */
const FAREWELL = 1000

function checkFlags(args: ClientArgs): void {
  if (args.send !== undefined && args.bytes !== undefined) throw new UsageError('--send and --bytes exclude each other')
  if (args.recv === '-' && (args.json || args.pcap === '-')) {
    throw new UsageError(`--recv - and ${args.json ? '--json' : '--pcap -'} both want stdout: name a file`)
  }
  if (args['write-out'] !== undefined && (args.json || args.pcap === '-')) {
    const remedy = args.json ? 'the summary has the same numbers' : 'name a file'
    throw new UsageError(`--write-out and ${args.json ? '--json' : '--pcap -'} both want stdout: ${remedy}`)
  }
  if (args.send !== undefined && args.recv !== undefined && isSameFile(args.send, args.recv)) {
    throw new UsageError('--send and --recv name the same file; it would be emptied before it is sent')
  }
  if (args.pcap === '-' && args.recv === undefined && args.bytes === undefined) {
    throw new UsageError('--pcap - takes stdout: give --recv FILE for what arrives')
  }
}

/** Whether two names stand for one file with contents to lose. */
function isSameFile(one: string, other: string): boolean {
  const [a, b] = [one, other].map((path) => statSync(path, { throwIfNoEntry: false }))
  return a?.isFile() === true && a.dev === b?.dev && a.ino === b.ino
}

async function openSource({ send, bytes }: ClientArgs, io: Io): Promise<Source> {
  if (bytes !== undefined) return generatedSource(bytes)
  return send === undefined || send === '-' ? stdinSource(io.stdin) : fileSource(send)
}

/** With --json stdout is for records, with --bytes nobody wants to see the bytes. */
async function openSink({ recv, bytes, json }: ClientArgs, io: Io): Promise<Sink> {
  if (recv !== undefined && recv !== '-') return fileSink(recv)
  return recv === undefined && (bytes !== undefined || json) ? discardSink : stdoutSink(io.output)
}

async function connect(network: Network, remote: Ipv4Addr, port: number, args: ClientArgs, signal: AbortSignal) {
  const limit = args['connect-timeout']
  const localPort = args['local-port']
  const cookie = args['fastopen-cookie']
  if (cookie !== undefined) network.host.tcp.fastOpen.cache.remember(remote, cookie)
  try {
    return await network.host.tcp.connect({
      host: remote,
      port,
      ...(localPort === undefined ? {} : { localPort }),
      ...socketOptions(args),
      noDelay: args['no-delay'],
      fastOpen: wantsFastOpen(args),
      ...(args.cc === undefined ? {} : { congestion: args.cc }),
      ...(limit === undefined ? {} : { connectTimeout: Math.min(Math.max(limit * 1000, 1), LONGEST_CONNECT) }),
      signal,
    })
  } catch (error) {
    throwIfLost(network)
    if (limit === undefined || !(error instanceof NetError && error.code === 'ETIMEDOUT')) throw error
    const message = `Cannot connect to ${formatEndpoint(remote, port)}: no answer within ${limit} s`
    throw new NetError('ETIMEDOUT', message, { syscall: 'connect', address: formatIpv4(remote), port })
  }
}

/** Carries both directions to their ends. Resolves early when a person typed and the peer has ended. */
async function transfer(socket: TcpSocket, source: Source, sink: Sink, traffic: Traffic): Promise<void> {
  // Reading would let go a SYN that waits for data.
  if (socket.isWaitingForData) await pumpOne(source, socket, traffic)
  const out = pumpOut(source, socket, traffic)
  const back = pumpIn(socket, sink, traffic)
  out.catch(() => undefined)
  if (source.isTyped) {
    await Promise.race([back, Promise.all([out, back])])
    finish(socket, traffic)
  } else await Promise.all([out, back])
  await socket.closed
}

/** Ends a connection that the user gave up: politely when nothing is under way, else with a reset. */
async function giveUp(socket: TcpSocket): Promise<void> {
  const { send_q, recv_q } = socket.info()
  if (send_q + recv_q > 0) socket.abort()
  else {
    const timer = setTimeout(() => socket.abort(), FAREWELL)
    await socket.close()
    clearTimeout(timer)
  }
}

function showProgress(io: Io, socket: TcpSocket, traffic: Traffic): () => void {
  let [sent, received] = [0, 0]
  const timer = setInterval(() => {
    const rate = Math.max(traffic.sent - sent, traffic.received - received)
    ;({ sent, received } = traffic)
    const { rtt, cwnd } = socket.info()
    io.output.progress(
      `${formatBytes(sent)} sent, ${formatBytes(received)} received, ${bitRate(rate, PROGRESS_EVERY / 1000)}, ` +
        `RTT ${formatMs(rtt)}, cwnd ${cwnd}`,
    )
  }, PROGRESS_EVERY)
  return () => {
    clearInterval(timer)
    io.output.clearProgress()
  }
}

/** One connection from the handshake to its report. */
async function converse(args: ClientArgs, io: Io, network: Network, interrupt: Interrupt, ends: Ends): Promise<number> {
  const { output } = io
  const { signal } = interrupt
  const began = performance.now()
  const since = (): number => (performance.now() - began) / 1000
  const socket = await connect(network, ends.remote, ends.port, args, signal)
  const givenUp = new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(giveUp(socket)), { once: true })
  })
  const connectSeconds = since()
  const local = `${socket.localAddress}:${socket.localPort}`
  if (args.debug > 0) (await io.log()).debug(`connected from ${local} in ${formatMs(connectSeconds * 1000)}`)
  output.record('connected', {
    local: socket.localAddress,
    local_port: socket.localPort,
    remote: socket.remoteAddress,
    remote_port: socket.remotePort,
    time_ms: connectSeconds * 1000,
  })
  const traffic = new Traffic(args.linger)
  interrupt.onStatus(() => `${endReport(traffic, since(), socket.info()).join('; ')}; ${formatInfo(socket.info())}`)
  const mayShow = output.interactive && !ends.source.isTyped && !ends.sink.isRead
  const stopProgress = mayShow ? showProgress(io, socket, traffic) : undefined
  let failure: unknown
  try {
    // A source that waits for its user goes on waiting.
    await Promise.race([transfer(socket, ends.source, ends.sink, traffic), givenUp])
  } catch (error) {
    failure = error
    socket.abort()
  }
  stopProgress?.()
  const totalSeconds = since()
  const info = socket.info()
  const isWhole = failure === undefined && !signal.aborted
  // Who reads no further has what it wanted; what was to be sent may still be missing.
  const isEnough = isReaderGone(failure) && info.bytes_acked >= traffic.taken
  if (!args.quiet) {
    for (const line of endReport(traffic, totalSeconds, info)) output.note(line)
    if (!isWhole && !isEnough) output.note(incompleteReport(info))
  }
  if (wantsFastOpen(args) && !args.quiet) output.note(fastOpenReport(network, ends.remote, info))
  if (args.info) output.note(formatInfo(info))
  output.record('summary', { complete: isWhole, ...reportRecord(traffic, totalSeconds, info) })
  if (isReaderGone(failure)) return isEnough ? Exit.OK : Exit.NETWORK
  throwIfLost(network)
  if (signal.aborted) return Exit.INTERRUPTED
  if (failure !== undefined) throw failure
  await network.linger()
  const format = args['write-out']
  if (format !== undefined) output.raw(writeOut(format, { traffic, info, connectSeconds, totalSeconds }))
  return Exit.OK
}

/** What came of Fast Open, and the cookie for the next time. */
function fastOpenReport(network: Network, remote: Ipv4Addr, info: TcpInfo): string {
  const what = info.fastopen ? 'the first data went with the SYN' : 'no data went with the SYN'
  const cookie = network.host.tcp.fastOpen.cache.cookieFor(remote)
  const then = cookie === undefined ? 'the server gave no cookie' : `next time: --fastopen-cookie ${hexOf(cookie)}`
  return `fast open: ${what}; ${then}`
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

interface Ends {
  readonly remote: Ipv4Addr
  readonly port: number
  readonly source: Source
  readonly sink: Sink
}

async function run(args: ClientArgs, io: Io): Promise<number> {
  checkFlags(args)
  const { host, port } = readEndpoint(args, args._)
  const remote = await resolveHost(host)
  const source = await openSource(args, io)
  const network = await openNetwork(networkArgs(args), io, { verbosity: args.debug, toward: remote })
  try {
    if (args.debug > 0) {
      const log = await io.log()
      network.host.machine.watcher = new StateLog((line) => log.debug(line))
    }
    const sink = await openSink(args, io)
    return await withInterrupt(io, async (interrupt) => {
      interrupt.onLeave(() => network.close())
      const code = await converse(args, io, network, interrupt, { remote, port, source, sink })
      await Promise.all([source.close(), sink.close()])
      return code
    })
  } finally {
    network.close()
  }
}

export const command = defineCommand({
  name: 'tcpclient',
  group: 'Transfer',
  summary: 'connect to a TCP server: stdin goes there, what it says comes to stdout',
  description: `Bytes pass as they are, in both directions. The end of the input closes our half of the connection; what
the server still says is printed until it ends. A person who types is sent home when the server closes.
With --json stdout is for records: what arrives is counted, and kept only by --recv FILE.
The report at the end stands on stderr. Refused, unreachable, timed out and reset are exit code 1, and so is a reader
of our output who leaves before the server has all that was to be sent.`,
  examples: [
    { command: 'gotcp tcpclient -i eth0 -addr 172.20.0.3 -port 8888', says: 'type, and read what comes back' },
    {
      command: 'gotcp tcpclient 172.20.0.3:8888 --send photo.jpg --recv copy.jpg',
      says: 'a file there, its echo back',
    },
    {
      command: 'gotcp tcpclient 172.20.0.3:8888 --bytes 1G --info',
      says: 'how fast it is, with the state of the stack',
    },
    {
      command: "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | gotcp tcpclient 172.20.0.3:80 -v",
      says: 'fetch a page; each change of state with its cause',
    },
    {
      command: 'gotcp tcpclient 172.20.0.3:8888 --fastopen-cookie 3021b9d889017eeb --send request.bin',
      says: 'the first data goes with the SYN; --fastopen gets the cookie',
    },
    { command: 'gotcp tcpclient 172.20.0.3:8888 --bytes 20M --loss 5% --seed 1', says: 'watch it recover from loss' },
    {
      command: 'gotcp tcpclient 172.20.0.3:8888 --bytes 100M --loss 1% --cc bbr --info',
      says: 'a sender that does not take every loss for congestion',
    },
  ],
  flags: FLAGS,
  positionals: [
    { name: 'ADDR:PORT', summary: 'where to connect to; -addr and -port name it as well' },
    { name: 'PORT', summary: 'the port, when it does not stand behind the address' },
  ],
  run,
})
