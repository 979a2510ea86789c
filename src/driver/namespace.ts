import { closeSync, openSync } from 'node:fs'

import { native } from './native.ts'
import { check } from './os-errors.ts'

/**
 * Does `work` in another network namespace and comes back: what it opens stays there, the thread does not.
 * `work` must be synchronous. Needs CAP_SYS_ADMIN.
 *
 * @param path of the namespace, such as `/run/netns/a` or `/proc/123/ns/net`; undefined for the present one
 */
export function inNamespace<T>(path: string | undefined, work: () => T): T {
  if (path === undefined) return work()
  const home = openSync('/proc/thread-self/ns/net', 'r')
  try {
    const there = openSync(path, 'r')
    try {
      check(native().enterNamespace(there), `enter the network namespace ${path}`, 'setns', { EPERM: 'Run as root' })
    } finally {
      closeSync(there)
    }
    try {
      return work()
    } finally {
      check(native().enterNamespace(home), 'return to the own network namespace', 'setns')
    }
  } finally {
    closeSync(home)
  }
}
