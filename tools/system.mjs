// What the other tools know of the machine: running programs, and getting Debian packages that are missing.
// Run: node tools/system.mjs lab tests
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))

/** What each group of steps needs: a program (or a file) and the Debian package that brings it. */
export const NEEDS = {
  addon: [
    ['g++', 'g++'],
    ['make', 'make'],
    ['python3', 'python3'],
  ],
  capture: [['/usr/include/pcap/pcap.h', 'libpcap-dev']],
  lab: [
    ['ip', 'iproute2'],
    ['nft', 'nftables'],
    ['ping', 'iputils-ping'],
  ],
  tests: [
    ['tcpdump', 'tcpdump'],
    ['curl', 'curl'],
    ['ps', 'procps'],
    ['tc', 'iproute2'],
    ['ethtool', 'ethtool'],
  ],
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Whether a program is on the PATH (or where Debian keeps those of root), or a file is there. */
export function has(what) {
  if (what.startsWith('/')) return existsSync(what)
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin']
  return folders.some((folder) => folder !== '' && isExecutable(join(folder, what)))
}

/** Runs a program with our own streams; the number is its exit code. */
export function run(program, args, options = {}) {
  const result = spawnSync(program, args, { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'], ...options })
  if (result.error !== undefined) console.error(`gotcp: cannot run ${program}: ${result.error.message}`)
  return result.status ?? 1
}

const quiet = (program, args, env) =>
  spawnSync(program, args, { stdio: 'ignore', env: { ...process.env, ...env } }).status === 0

/**
 * Installs the Debian packages that are missing. Where that is not possible it
 * prints the command that does it, and goes on. True when nothing is missing.
 */
export function ensure(...groups) {
  const missing = () => [
    ...new Set(groups.flatMap((group) => NEEDS[group]).flatMap(([what, pkg]) => (has(what) ? [] : [pkg]))),
  ]
  const packages = missing()
  if (packages.length === 0) return true
  const isRoot = process.getuid?.() === 0
  const command = `apt-get install -y --no-install-recommends ${packages.join(' ')}`
  if (isRoot && has('apt-get')) {
    console.error(`gotcp: installing ${packages.join(' ')}`)
    const env = { DEBIAN_FRONTEND: 'noninteractive' }
    const args = ['-o', 'DPkg::Lock::Timeout=120', ...command.split(' ').slice(1)]
    if (quiet('apt-get', args, env)) return true
    quiet('apt-get', ['-o', 'DPkg::Lock::Timeout=120', 'update'], env)
    if (quiet('apt-get', args, env)) return true
  }
  const left = missing()
  if (left.length === 0) return true
  console.error(
    `gotcp: missing: ${left.join(' ')}. Install with: ${isRoot ? '' : 'sudo '}apt-get update && ${isRoot ? '' : 'sudo '}${command}`,
  )
  return false
}

if (process.argv[1] === fileURLToPath(import.meta.url) && !ensure(...process.argv.slice(2))) process.exitCode = 1
