import { randomBytes } from 'node:crypto'
import { link, mkdir, open, readFile, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { NetError } from '../base/errors.ts'

/**
 * What is made at the first call and kept in `directory` from then on, for its owner's eyes only. Two processes that begin
 * at once end up with the same.
 * @param what for the words of the error
 * @throws {NetError} EINVAL when the directory cannot be written, or the file not be read
 */
export async function keptText(
  directory: string,
  name: string,
  what: string,
  make: () => Promise<string>,
): Promise<string> {
  const path = join(directory, name)
  try {
    return (await textOf(path)) ?? (await keep(directory, path, await make()))
  } catch (error) {
    if (error instanceof NetError) throw error
    throw new NetError('EINVAL', `Cannot keep ${what} in "${directory}": ${(error as Error).message}`)
  }
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Keeps it, unless another process was faster: what is kept then. */
async function keep(directory: string, path: string, text: string): Promise<string> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const draft = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`
  const file = await open(draft, 'wx', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
    await file.close()
    // In place at once and whole, or not at all.
    await link(draft, path)
    return text
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return await readFile(path, 'utf8')
    throw error
  } finally {
    await unlink(draft)
  }
}
