import { readdirSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { residentKib } from '../peers/process-tree.ts'
import type { Daemons } from './daemons.ts'

/** It is looked so often whether something has happened, in milliseconds, and so many times. */
const LOOK = 100
const LOOKS = 300

/** What a daemon holds. */
export interface Held {
  /** Streams and flows of its session. */
  readonly open: number
  /** Sockets and other descriptors of its process. */
  readonly descriptors: number
  /** Resident memory, MiB. */
  readonly mib: number
}

export async function heldBy(daemons: Daemons, end: 'server' | 'client'): Promise<Held> {
  const { pid } = daemons[end]
  const { sessions } = await daemons.status(end)
  const open = sessions.reduce((sum, session) => sum + session.open, 0)
  return { open, descriptors: readdirSync(`/proc/${pid}/fd`).length, mib: residentKib(pid!) / 1024 }
}

/** Looks until it is so. @throws when it does not become so */
export async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (let look = 0; look < LOOKS; look++) {
    if (await isSo()) return
    await setTimeout(LOOK)
  }
  throw new Error(`in ${(LOOKS * LOOK) / 1000} s it did not happen that ${what}`)
}
