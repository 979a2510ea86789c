import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Runs `body` with a folder of its own, which is gone afterwards. */
export async function temporaryFolder<T>(body: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'gotcp-transport-'))
  try {
    return await body(folder)
  } finally {
    // Whoever writes there just now has another moment.
    await rm(folder, { recursive: true, maxRetries: 3 })
  }
}
