import { formatHostPort } from '../transport/host-port.ts'
import type { TunnelConfig } from '../tunnel/config/index.ts'
import { type Args, bool, defineCommand, type Flags } from './command.ts'
import { Exit } from './exit.ts'
import type { Io } from './io.ts'
import { describeConfig } from './tunnel/describe.ts'

const FLAGS = {
  check: bool({ summary: 'say what would run, as "gotcp tunnel check" does, and end' }),
} satisfies Flags

async function run(args: Args<typeof FLAGS>, io: Io): Promise<number> {
  const { parseSocktopus } = await import('../tunnel/config/index.ts')
  const config = parseSocktopus(args._, { env: io.env })
  if (!args.check) {
    const { runTunnel } = await import('./tunnel/run.ts')
    // The command line is what it is: a reload finds nothing new.
    return await runTunnel(config, io, { load: () => config, otherSide: forTheOtherSide(config, io.env) })
  }
  for (const warning of config.warnings) io.output.warn(warning)
  io.output.print(`socktopus: a ${config.mode === 'client' ? 'connector' : 'listener'} that`)
  for (const line of describeConfig(config)) io.output.print(line)
  io.output.record('config', { mode: config.mode, warnings: config.warnings })
  return Exit.OK
}

/** The command line that gets somebody in. */
function forTheOtherSide(config: TunnelConfig, env: NodeJS.ProcessEnv): readonly string[] {
  const [listener] = config.mode === 'server' ? config.listeners : []
  if (listener === undefined) return []
  const { host, port } = listener
  const isAny = host === '0.0.0.0' || host === '::'
  const where = formatHostPort({ host: isAny ? 'THIS-HOST' : host, port })
  const key = env['SOCKTOPUS_KEY'] === undefined ? '' : 'SOCKTOPUS_KEY=… '
  return ['on the other side:', `  UDPLOC=… UDPREM=… ${key}gotcp socktopus tcp://${where}`]
}

export const command = defineCommand({
  name: 'socktopus',
  group: 'Tunnel',
  summary: "carry UDP over several TCP paths, by socktopus's own command line",
  description: `Without URIs it listens: at SERVICE ([host:]serv, default [::]:23461). With URIs it connects to the first, which is
tcp://host[:port], directly and through each of the others: tcp:// redirectors, and socks://, http:// and https:// proxies
with user:password@ where they want it. UDPLOC says where datagrams are taken, UDPREM where the listener sends them, both as
[host:][serv:][rhost:]rserv with numbers for ports; host is 127.0.0.1 and serv 23461 when left out. Of two
parts the first is host: for another machine behind the listener give all four.

It is gotcp's encrypted tunnel underneath, so gotcp is needed at both ends. SOCKTOPUS_KEY is the password, the same at both;
without it everybody knows it, and the listener leads to its own machine only. UDPALLOW narrows or widens where it leads:
192.0.2.8:1234,10.0.0.0/8:*. docs/tunnel.md has the whole table.`,
  examples: [
    { command: 'SERVICE=23461 SOCKTOPUS_KEY=secret gotcp socktopus', says: 'the passive end' },
    {
      command:
        'UDPLOC=127.0.0.1:23461:127.0.0.1:1234 UDPREM=127.0.0.1:23461:192.0.2.8:1234 SOCKTOPUS_KEY=secret gotcp socktopus tcp://192.0.2.1 socks://proxy',
      says: 'the active end: directly, and through a SOCKS5 proxy',
    },
  ],
  flags: FLAGS,
  positionals: [{ name: 'URI', summary: 'the destination first, then what else leads to it', variadic: true }],
  run,
})
