// Builds the addon (when its sources are newer) and the TypeScript. Run: npm run build
import { chmodSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ensure, ROOT, run } from './system.mjs'

/** Builds everything; false when the TypeScript does not compile. A missing addon is said, and is no failure. */
export function build() {
  if (process.platform === 'linux' && ensure('addon') && run(process.execPath, ['tools/build-addon.mjs']) !== 0) {
    console.error('gotcp: the native addon is not built: no TAP, TUN or AF_PACKET, but memory links work')
  }
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc')
  if (!existsSync(compiler)) {
    console.error('gotcp: the TypeScript compiler is not installed. Run: npm ci')
    return false
  }
  if (run(process.execPath, [compiler, '-p', '.']) !== 0) return false
  chmodSync(join(ROOT, 'dist/src/cli/main.js'), 0o755)
  return true
}

if (process.argv[1] === fileURLToPath(import.meta.url) && !build()) process.exitCode = 1
