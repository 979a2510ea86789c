import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { accessSync, constants, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { Login, ProxyKind } from '../../src/transport/proxy.ts'
import { eventually } from './collect.ts'

/** What a proxy is started with. */
export interface ProxyPlan {
  /** For its files. */
  readonly folder: string
  /** One for each of its kinds. */
  readonly ports: readonly number[]
  readonly login: Login | undefined
  /** Targets that its rules allow. */
  readonly targets: readonly number[]
  /** PEM files for TLS to it. */
  readonly certificate: string
  readonly key: string
}

/** A proxy of Debian. */
export interface RealProxy {
  readonly name: string
  /** The package and the program that it brings. */
  readonly apt: string
  readonly program: string
  readonly kinds: readonly ProxyKind[]
  /** It can be told to refuse targets. */
  readonly hasRules: boolean
  /** The code when the target refuses. */
  readonly refused: string
  /** Its command line; writes its configuration. */
  command(plan: ProxyPlan): readonly string[]
}

const hash = (scheme: string, password: string): string =>
  execFileSync('openssl', ['passwd', scheme, password], { encoding: 'utf8' }).trim()

const MICROSOCKS: RealProxy = {
  name: 'microsocks',
  apt: 'microsocks',
  program: 'microsocks',
  kinds: ['socks5'],
  hasRules: false,
  refused: 'ECONNREFUSED',
  command: ({ ports, login }) => [
    ...['microsocks', '-i', '127.0.0.1', '-p', String(ports[0])],
    ...(login === undefined ? [] : ['-u', login.user, '-P', login.password]),
  ],
}

const DANTE: RealProxy = {
  name: 'dante',
  apt: 'dante-server',
  program: 'danted',
  kinds: ['socks5'],
  hasRules: true,
  refused: 'ECONNREFUSED',
  command: ({ folder, ports, login, targets }) => {
    const file = join(folder, 'danted.conf')
    writeFileSync(
      file,
      `logoutput: ${join(folder, 'danted.log')}
internal: 127.0.0.1 port=${ports[0]}
external: lo
socksmethod: ${login === undefined ? 'none' : 'username'}
clientmethod: none
user.privileged: root
user.unprivileged: nobody
client pass { from: 127.0.0.0/8 to: 0.0.0.0/0 }
${targets.map((port) => `socks pass { from: 0.0.0.0/0 to: 0.0.0.0/0 port = ${port} }`).join('\n')}
`,
    )
    const run = ['danted', '-f', file]
    return login === undefined ? run : withUser(folder, login, run)
  },
}

/** It knows the users of the system; so it sees files of its own in their place, and nobody else does. */
function withUser(folder: string, { user, password }: Login, run: readonly string[]): readonly string[] {
  const passwd = join(folder, 'passwd')
  const shadow = join(folder, 'shadow')
  writeFileSync(passwd, `${readFileSync('/etc/passwd', 'utf8')}${user}:x:60999:60999::/nonexistent:/usr/sbin/nologin\n`)
  writeFileSync(shadow, `${user}:${hash('-6', password)}:19000:0:99999:7:::\n`, { mode: 0o600 })
  const mount = `mount --bind ${passwd} /etc/passwd && mount --bind ${shadow} /etc/shadow`
  return ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', `${mount} && exec ${run.join(' ')}`]
}

const TINYPROXY: RealProxy = {
  name: 'tinyproxy',
  apt: 'tinyproxy-bin',
  program: 'tinyproxy',
  kinds: ['http'],
  hasRules: true,
  refused: 'EHOSTUNREACH',
  command: ({ folder, ports, login, targets }) => {
    const file = join(folder, 'tinyproxy.conf')
    const lines = [
      `Port ${ports[0]}`,
      'Listen 127.0.0.1',
      'Timeout 60',
      `LogFile "${join(folder, 'tinyproxy.log')}"`,
      ...targets.map((port) => `ConnectPort ${port}`),
      ...(login === undefined ? [] : [`BasicAuth ${login.user} ${login.password}`]),
    ]
    writeFileSync(file, `${lines.join('\n')}\n`)
    return ['tinyproxy', '-d', '-c', file]
  },
}

const SQUID: RealProxy = {
  name: 'squid',
  apt: 'squid',
  program: 'squid',
  kinds: ['http', 'https'],
  hasRules: true,
  refused: 'ECONNREFUSED',
  command: ({ folder, ports, login, targets, certificate, key }) => {
    const users = join(folder, 'users')
    if (login !== undefined) writeFileSync(users, `${login.user}:${hash('-apr1', login.password)}\n`)
    const file = join(folder, 'squid.conf')
    const lines = [
      `http_port 127.0.0.1:${ports[0]}`,
      `https_port 127.0.0.1:${ports[1]} tls-cert=${certificate} tls-key=${key}`,
      ...(login === undefined ? [] : [`auth_param basic program /usr/lib/squid/basic_ncsa_auth ${users}`]),
      `acl targets port ${targets.join(' ')}`,
      'acl known proxy_auth REQUIRED',
      'http_access deny !targets',
      login === undefined ? 'http_access allow all' : 'http_access allow known',
      'http_access deny all',
      'cache deny all',
      'access_log none',
      'cache_store_log none',
      'cache_log /dev/null',
      'pid_filename none',
      'netdb_filename none',
      'shutdown_lifetime 0 seconds',
      'cache_effective_user proxy',
      `coredump_dir ${folder}`,
    ].filter((line) => login !== undefined || !line.startsWith('acl known'))
    writeFileSync(file, `${lines.join('\n')}\n`)
    // A name of its own: squid shares memory with whoever has the same.
    return ['squid', '-N', '-n', `gotcp${ports[0]}`, '-f', file]
  },
}

export const REAL_PROXIES: readonly RealProxy[] = [MICROSOCKS, DANTE, TINYPROXY, SQUID]

const FOLDERS = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin']

/** Why it cannot be tried here; undefined when it can. */
export function proxyUnavailable({ apt, program }: RealProxy): string | undefined {
  if (process.getuid?.() !== 0) return 'starting proxies with users of their own needs root'
  const found = FOLDERS.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
  return found ? undefined : `${program} is missing: apt-get install --no-install-recommends ${apt}`
}

/** Starts it, and waits until it listens on all its ports. */
export async function startProxy(proxy: RealProxy, plan: ProxyPlan): Promise<ChildProcess> {
  const [program = '', ...args] = proxy.command(plan)
  const env = { ...process.env, PATH: FOLDERS.join(':') }
  const child = spawn(program, args, { stdio: 'ignore', env, cwd: plan.folder })
  process.once('exit', () => child.kill('SIGKILL'))
  try {
    for (const port of plan.ports) await listening(proxy, child, port)
    return child
  } catch (error) {
    await stopProxy(child)
    throw error
  }
}

async function listening({ name }: RealProxy, child: ChildProcess, port: number): Promise<void> {
  let isUp = false
  await eventually(() => {
    const socket = connect(port, '127.0.0.1', () => {
      isUp = true
      socket.destroy()
    }).on('error', () => undefined)
    return isUp || child.exitCode !== null
  }, `${name} on port ${port}`)
  if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}`)
}

/** Ends it, by its own ways first. */
export async function stopProxy(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), 5000)
  await ended
  clearTimeout(timer)
}
