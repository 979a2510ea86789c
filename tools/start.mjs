// The main job: builds if needed, then shows the stack talking to a real kernel. Run: npm start
import { build } from './build.mjs'
import { ensure, run } from './system.mjs'

if (process.platform === 'linux') ensure('lab')
process.exitCode = build()
  ? run(process.execPath, ['dist/src/cli/main.js', 'lab', 'demo', ...process.argv.slice(2)], { stdio: 'inherit' })
  : 1
