// The main job: builds if needed, then shows the stack talking to a real kernel. Run: npm start
import { spawn } from 'node:child_process'
import { build } from './build.mjs'
import { ensure, ROOT } from './system.mjs'

if (process.platform === 'linux') ensure('lab')
if (build()) {
  const args = ['dist/src/cli/main.js', 'lab', 'demo', ...process.argv.slice(2)]
  const demo = spawn(process.execPath, args, { cwd: ROOT, stdio: 'inherit' })
  // A Ctrl-C reaches the demo by itself; we wait for it to clean up.
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => demo.kill('SIGTERM'))
  demo.on('exit', (code) => {
    process.exitCode = code ?? 1
  })
} else process.exitCode = 1
