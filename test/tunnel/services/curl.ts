import { execFile, spawnSync } from 'node:child_process'

/** False when curl is there, or why its tests are skipped. */
export const withoutCurl =
  spawnSync('curl', ['--version']).status === 0 ? false : 'curl is missing: apt-get install curl'

/** What curl prints; its exit code when that is not 0. */
export function curl(...args: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    execFile('curl', ['-sS', '--max-time', '20', '--noproxy', '', ...args], (error, stdout) =>
      resolve(error === null ? stdout : `exit ${error.code}: ${stdout}`),
    )
  })
}
