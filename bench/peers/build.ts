import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

const SOURCES = join(import.meta.dirname, '../../../bench/peers')
const PROGRAMS = join(import.meta.dirname, '../../../build/bench')
/** Where Debian puts the sources of Go packages, and the compiler that goes with them. */
const GO_PATH = '/usr/share/gocode'
const GO = existsSync('/usr/bin/go') ? '/usr/bin/go' : 'go'

/** A program that could be built, or why not and what would help. */
export type Built = { readonly program: string } | { readonly missing: string }

/** Builds a program into build/bench where its source is newer. */
function build(
  name: string,
  source: string,
  compile: (from: string, to: string) => ReturnType<typeof spawnSync>,
): Built {
  const [from, to] = [join(SOURCES, source), join(PROGRAMS, name)]
  if (existsSync(to) && statSync(to).mtimeMs > statSync(from).mtimeMs) return { program: to }
  mkdirSync(PROGRAMS, { recursive: true })
  console.error(`bench: building ${name}`)
  const { status, stderr, error } = compile(from, to)
  return status === 0 ? { program: to } : { missing: `${source} does not build: ${error?.message ?? stderr}` }
}

/** lwIP with its netif. */
export function buildLwip(): Built {
  if (!existsSync('/usr/include/lwip/lwip/init.h')) return { missing: 'apt-get install gcc libc6-dev liblwip-dev' }
  const flags = ['-O2', '-I/usr/include/lwip']
  return build('lwip', 'lwip.c', (from, to) =>
    spawnSync('cc', [...flags, '-o', to, from, '-llwip'], { encoding: 'utf8' }),
  )
}

/** gVisor's netstack. */
export function buildGvisor(): Built {
  const hasGo = spawnSync(GO, ['version']).status === 0
  if (!hasGo || !existsSync(join(GO_PATH, 'src/gvisor.dev/gvisor/pkg/tcpip'))) {
    return { missing: 'apt-get install golang-go golang-gvisor-gvisor-dev' }
  }
  const env = { ...process.env, GO111MODULE: 'off', GOPATH: GO_PATH, GOCACHE: join(PROGRAMS, 'go-cache') }
  return build('gvisor', 'gvisor.go', (from, to) => spawnSync(GO, ['build', '-o', to, from], { encoding: 'utf8', env }))
}
