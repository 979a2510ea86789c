// Everything that must hold: build with types, layers, lint, and every test. Run: npm test
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from './build.mjs'
import { ensure, ROOT, run } from './system.mjs'

const MINUTE = 60_000
/** The whole suite ends within this, whatever hangs. */
const LIMIT = 13 * MINUTE
/** One test file ends within this. */
const FILE_LIMIT = 5 * MINUTE

/** Everything as it happens, and once more at the end what failed. */
const REPORTERS = [
  ['tap', 'stdout'],
  [pathToFileURL(join(ROOT, 'tools/failing-tests.mjs')), 'stderr'],
].flatMap(([reporter, to]) => [`--test-reporter=${reporter}`, `--test-reporter-destination=${to}`])

function step(title, passes) {
  console.log(`# ${title}`)
  if (passes()) return true
  console.error(`gotcp: ${title}: failed`)
  process.exitCode = 1
  return false
}

/** The tests as they stand in the source tree, so that a deleted one is not run from an old build. */
const testFiles = () =>
  readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts'))
    .sort()
    .map((file) => join('dist/test', file.replace(/\.ts$/, '.js')))

function runTests() {
  const args = ['--test', '--test-concurrency=2', `--test-timeout=${FILE_LIMIT}`, ...REPORTERS, ...testFiles()]
  const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] })
  const timer = setTimeout(() => {
    console.error(`gotcp: the tests took longer than ${LIMIT / MINUTE} minutes and were stopped`)
    child.kill('SIGTERM')
    setTimeout(() => child.kill('SIGKILL'), 5000).unref()
  }, LIMIT)
  child.on('exit', (code) => {
    clearTimeout(timer)
    process.exitCode = code ?? 1
  })
}

if (process.platform === 'linux') ensure('lab', 'tests')
const sound =
  step('build and types', build) &&
  step('layers', () => run(process.execPath, ['dist/tools/check-layers.js', 'src']) === 0) &&
  step('lint', () => run(join(ROOT, 'node_modules/.bin/biome'), ['check', '--error-on-warnings', '.']) === 0)
if (sound) runTests()
