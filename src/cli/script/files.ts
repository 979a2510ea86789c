import { createReadStream, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { UsageError } from '../exit.ts'
import { formatBytes } from '../units.ts'

/** A packet script's file name ends so. */
const SUFFIX = '.pkt'

/** More than any script: what is larger is something else under the name of one. */
const LARGEST = 8 << 20

/** The script files that `paths` name, in order; a folder stands for all scripts in it and below. */
export function scriptFiles(paths: readonly string[]): readonly string[] {
  return paths.flatMap((path) => {
    if (path === '-' || !isFolder(path)) return [path]
    const found = scriptsIn(path, new Set())
    if (found.length === 0) throw new UsageError(`${path} has no ${SUFFIX} files in it`)
    return found
  })
}

/** The scripts of a folder and of those below that are not `seen`: a link may lead back. */
function scriptsIn(folder: string, seen: Set<string>): string[] {
  const place = realpathSync(folder)
  if (seen.has(place)) return []
  seen.add(place)
  const names = readdirSync(folder).sort()
  return names.flatMap((name) => {
    const path = join(folder, name)
    if (leadsToFolder(path)) return scriptsIn(path, seen)
    return name.endsWith(SUFFIX) ? [path] : []
  })
}

function leadsToFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    // A link to nowhere or to itself. If it has a script's name, reading it will tell.
    return false
  }
}

/** The text of a script, `-` for what `stdin` says. @throws what the file system says, and UsageError for too long a one */
export async function readScript(path: string, stdin: Readable): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of path === '-' ? stdin : createReadStream(path)) {
    const octets = Buffer.from(chunk)
    chunks.push(octets)
    size += octets.length
    if (size > LARGEST) throw new UsageError(`more than ${formatBytes(LARGEST)} are no script`)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch (error) {
    throw new UsageError(`cannot read ${path}: ${(error as Error).message}`)
  }
}

/** Reads shell files that the script at `path` names, from where it stands; undefined for what is no such file. */
export function readerBeside(path: string): (name: string) => string | undefined {
  const folder = path === '-' ? '.' : dirname(path)
  return (name) => {
    const file = resolve(folder, name)
    try {
      const facts = statSync(file)
      return facts.isFile() && facts.size <= LARGEST ? readFileSync(file, 'utf8') : undefined
    } catch {
      return undefined
    }
  }
}
