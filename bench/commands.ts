/** One of the benchmarks: what follows `npm run bench`. */
export interface Command {
  /** Its flags. */
  readonly usage: string
  run(args: readonly string[]): Promise<void>
}

/** By the word that follows `npm run bench --`; the empty one is what runs without a word. */
export const COMMANDS: Readonly<Record<string, Command>> = {
  '': {
    usage: '[--quick]',
    run: async (args) => (await import('./compare.ts')).compareWithKernel(args),
  },
  links: {
    usage: '[--quick]',
    run: async (args) => (await import('./links.ts')).compareLinks(args),
  },
  bare: {
    usage: '[--quick]',
    run: async (args) => (await import('./bare.ts')).compareWithBare(args),
  },
  worker: {
    usage: '[--quick]',
    run: async (args) => (await import('./worker.ts')).compareWorker(args),
  },
  line: {
    usage:
      '[--congestion cubic|bbr] [--cells 1%/20ms,3%/100ms] [--runs 5] [--seconds 10] [--at-once 1] [--traces FOLDER]',
    run: async (args) => (await import('./line.ts')).compareBehindLine(args),
  },
  peers: {
    usage: '[--quick] [--only kernel,gotcp,lwip] [--runs 5]',
    run: async (args) => (await import('./peers/compare.ts')).comparePeers(args),
  },
  share: {
    usage: '[--congestion cubic|bbr] [--only N] [--runs 3] [--seconds 20]',
    run: async (args) => (await import('./share.ts')).shareLine(args),
  },
  paths: {
    usage:
      '[--faults] [--simultaneous] [--cells "2 x 50/20;50/20 + 10/200"] [--only gotcp] [--windows 8,1] [--runs 3] [--seconds 12]',
    run: async (args) => (await import('./paths.ts')).comparePaths(args),
  },
  tunnel: {
    usage:
      '[--quick] [--full] [--only bulk,requests,short,wrk,udp,stalled,transfers] [--runs 3] [--gota PROGRAM] [--json]',
    run: async (args) => (await import('./tunnel.ts')).measureTunnel(args),
  },
  idle: {
    usage: '[--connections 100000] [--against stack|kernel] [--json]',
    run: async (args) => (await import('./idle.ts')).holdIdle(args),
  },
  layers: {
    usage: '[--quick] [--only WORDS] [--json]',
    run: async (args) => (await import('./layers.ts')).measureLayers(args),
  },
  soak: {
    usage: '[--minutes 30] [--seed 1] [--peer both|stack|kernel] [--json]',
    run: async (args) => (await import('./soak.ts')).soak(args),
  },
}

const lines = Object.entries(COMMANDS).map(([name, { usage }]) =>
  `npm run bench -- ${name} ${usage}`.replace('--  ', '-- '),
)

export const USAGE = `usage: ${lines.join('\n       ')}
bench/README.md explains the figures`
