import type { ListChanges } from './config/diff.ts'
import type { Services } from './services/services.ts'

/** One thing that a reload has done, or could not do. */
export interface Change {
  readonly kind: 'service' | 'path' | 'listener' | 'user' | 'setting' | 'certificate'
  readonly name: string
  readonly change: 'added' | 'removed' | 'changed' | 'failed'
  /** Why it failed; what it is now is as if it were not in the file. */
  readonly why?: string
}

/** What came of a reload. */
export interface ReloadReport {
  readonly changes: readonly Change[]
  /** Settings that take effect when the daemon is started again. */
  readonly restart_needed: readonly string[]
}

/** Does to one kind of thing what a new configuration asks for; one that fails stops no other. */
export async function applyList<T>(
  kind: Change['kind'],
  { added, removed, changed }: ListChanges<T>,
  actions: {
    readonly name: (item: T) => string
    readonly add: (item: T) => unknown
    readonly remove: (item: T) => unknown
    /** Without it, what has changed is removed and added. True when that was done in place. */
    readonly change?: (before: T, after: T) => boolean
  },
): Promise<readonly Change[]> {
  const { name, add, remove, change } = actions
  const done: Change[] = []
  const attempt = async (item: T, what: Change['change']): Promise<void> => {
    try {
      await add(item)
      done.push({ kind, name: name(item), change: what })
    } catch (error) {
      done.push({ kind, name: name(item), change: 'failed', why: (error as Error).message })
    }
  }
  for (const item of removed) {
    await remove(item)
    done.push({ kind, name: name(item), change: 'removed' })
  }
  // Removed first, all of them: two may have changed places.
  const anew = changed.filter(({ before, after }) => change?.(before, after) !== true)
  for (const { before } of anew) await remove(before)
  for (const { after } of changed) {
    if (anew.some((each) => each.after === after)) await attempt(after, 'changed')
    else done.push({ kind, name: name(after), change: 'changed' })
  }
  for (const item of added) await attempt(item, 'added')
  return done
}

/** Opens and closes services; streams of those that go may end by themselves for `drain` milliseconds. */
export function applyServices<T extends { readonly name: string }>(
  services: Services,
  changes: ListChanges<T>,
  { add, drain }: { readonly add: (service: T) => Promise<unknown>; readonly drain: number },
): Promise<readonly Change[]> {
  return applyList('service', changes, {
    name: ({ name }) => name,
    add,
    // It takes nothing new from here on; that its last stream ends is not waited for.
    remove: ({ name }) => void services.remove(name, { drain }),
  })
}
