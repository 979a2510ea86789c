// The last step of `npm ci`: the compiler, the addon, and the optional packages that need a header file.
// Nothing here may break the installation: what fails is said in one line, and the rest of gotcp works without.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ensure, ROOT } from './system.mjs'

function buildAddon() {
  const result = spawnSync(process.execPath, [join(ROOT, 'tools/build-addon.mjs')], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
  })
  if (result.status === 0) return
  const lines = result.stderr.trim().split('\n')
  const reason = lines.find((line) => /error/i.test(line)) ?? lines.at(-1) ?? 'no reason given'
  console.error(`gotcp: the native addon is not built (${reason.trim()}); memory links work, npm run build tells more`)
}

/**
 * npm builds optional packages before any script of ours runs, and drops those
 * that fail. With libpcap's headers in place by now they get a second chance.
 */
function retryOptional() {
  if ((process.env.npm_config_omit ?? '').includes('optional')) return
  const wanted = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).optionalDependencies ?? {}
  const missing = Object.keys(wanted).filter((name) => !existsSync(join(ROOT, 'node_modules', name, 'build/Release')))
  if (missing.length === 0 || !ensure('capture')) return
  const headers = dirname(dirname(process.execPath))
  const env = { ...process.env }
  if (env.npm_config_nodedir === undefined && existsSync(join(headers, 'include/node/node.h'))) {
    env.npm_config_nodedir = headers
  }
  const present = missing.every((name) => existsSync(join(ROOT, 'node_modules', name)))
  const args = present
    ? ['rebuild', ...missing]
    : ['install', '--no-save', '--no-package-lock', ...missing.map((name) => `${name}@${wanted[name]}`)]
  const result = spawnSync('npm', args, { cwd: ROOT, env, stdio: 'ignore' })
  const left = missing.filter((name) => !existsSync(join(ROOT, 'node_modules', name, 'build/Release')))
  if (result.status !== 0 || left.length > 0) {
    console.error(`gotcp: the optional ${left.join(' and ')} could not be built; everything else works without`)
  }
}

if (process.platform === 'linux') {
  ensure('addon')
  buildAddon()
  retryOptional()
}
