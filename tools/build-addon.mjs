// Builds the native addon with node-gyp and the headers beside the running node. It downloads nothing.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

function fail(reason) {
  console.error(`build-addon: ${reason}`)
  process.exit(1)
}

function findHeaders() {
  const configured = process.env.npm_config_nodedir
  const candidates = configured ? [configured] : [dirname(dirname(process.execPath))]
  const found = candidates.find((prefix) => existsSync(join(prefix, 'include/node/node_api.h')))
  if (found !== undefined) return found
  fail(
    configured
      ? `npm_config_nodedir is ${configured}, which has no include/node/node_api.h`
      : `no Node headers at ${join(candidates[0], 'include/node')}; ` +
          'on Debian: sudo apt-get install libnode-dev, or set npm_config_nodedir to a folder with include/node',
  )
}

function findTool(command, packages) {
  if (spawnSync(command, ['--version'], { stdio: 'ignore' }).status !== 0) {
    fail(`${command} is missing; on Debian: sudo apt-get install ${packages}`)
  }
}

function findGyp() {
  try {
    const require = createRequire(join(root, 'package.json'))
    return join(dirname(require.resolve('node-gyp/package.json')), 'bin/node-gyp.js')
  } catch {
    fail('node-gyp is missing; run: npm ci')
  }
}

if (process.platform !== 'linux') fail(`only Linux has the links the addon opens, this is ${process.platform}`)
const nodedir = findHeaders()
const gyp = findGyp()
findTool(process.env.CXX ?? 'g++', 'g++ make python3')
findTool('make', 'g++ make python3')
findTool(process.env.PYTHON ?? 'python3', 'g++ make python3')

const log = join(root, 'build', 'build-addon.log')
mkdirSync(dirname(log), { recursive: true })
let output = ''
// Configuring anew is quick and notices a changed binding.gyp; make then compiles only what changed.
for (const step of ['configure', 'build']) {
  const run = spawnSync(process.execPath, [gyp, step, `--nodedir=${nodedir}`, '--jobs=max'], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, npm_config_nodedir: nodedir },
  })
  output += `${run.stdout ?? ''}${run.stderr ?? ''}`
  writeFileSync(log, output)
  if (run.status === 0) continue
  const reason = output.split('\n').find((text) => /\berror\b[: ]|not found|gyp ERR! stack/i.test(text))
  fail(`${reason?.trim() ?? `node-gyp ${step} failed`} (whole output: ${log})`)
}
