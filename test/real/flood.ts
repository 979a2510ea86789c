import { join } from 'node:path'
import { OUR_ADDRESS } from './attachment.ts'
import { fromEnv } from './exchange.ts'
import { outputOf } from './netns.ts'
import type { RoutedPath } from './routed.ts'

/** How many; a million for the full check. */
export const SYNS = fromEnv('GOTCP_TEST_SYNS', 200_000)
const PER_SECOND = 100_000
const PROGRAM = join(import.meta.dirname, 'flood-main.js')

/** SYNs of nobody go to a port of ours, by all routers; what is answered to them is lost. Resolves when all were sent. */
export function flood({ kernel, far, near }: RoutedPath, port: number): Promise<string> {
  for (const router of [far, near]) {
    for (const name of ['all', 'eth0', 'middle']) router.sysctl(`ipv4.conf.${name}.rp_filter`, 0)
    router.ip('route', 'replace', 'blackhole', '198.18.0.0/15')
  }
  const [, mac] = /link\/ether (\S+)/.exec(far.ip('link', 'show', 'eth0'))!
  const args = ['eth0', mac!, OUR_ADDRESS, port, SYNS, PER_SECOND].map(String)
  return outputOf(kernel.spawn(process.execPath, PROGRAM, ...args))
}
