import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { UsageError } from '../exit.ts'

/** A packet script's file name ends so. */
const SUFFIX = '.pkt'

/** The script files that `paths` name, in order; a folder stands for all scripts in it and below. */
export function scriptFiles(paths: readonly string[]): readonly string[] {
  return paths.flatMap((path) => {
    if (path === '-' || !isFolder(path)) return [path]
    const found = readdirSync(path, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith(SUFFIX))
      .sort()
      .map((name) => join(path, name))
    if (found.length === 0) throw new UsageError(`${path} has no ${SUFFIX} files in it`)
    return found
  })
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch (error) {
    throw new UsageError(`cannot read ${path}: ${(error as Error).message}`)
  }
}

/** Reads shell files that the script at `path` names, from where it stands. */
export function readerBeside(path: string): (name: string) => string | undefined {
  const folder = path === '-' ? '.' : dirname(path)
  return (name) => {
    const file = resolve(folder, name)
    return existsSync(file) ? readFileSync(file, 'utf8') : undefined
  }
}
