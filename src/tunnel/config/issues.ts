import type { z } from 'zod'
import { suggest } from '../../base/suggest.ts'
import type { Problem } from './problem.ts'
import type { Source } from './source.ts'

type Issue = z.core.$ZodIssue

/** Keys whose values no message repeats. */
const SECRET = /^(password|scram|proxy)$/

/** Keys that people write at the wrong end, and what to do instead. */
const ELSEWHERE: Readonly<Record<'server' | 'client', ReadonlyMap<string, string>>> = {
  server: new Map(
    Object.entries({
      paths: 'paths are the client\'s; a server has "listen"',
      user: 'a server has a list of "users"',
      password: 'a server has a list of "users"',
      trust: 'that is for clients; for a server "tls" says what it shows',
      'services.listen': 'services listen at the client; here it is "connect"',
      'services.target': 'the client chooses it; here it is "allow"',
    }),
  ),
  client: new Map(
    Object.entries({
      listen: 'a client listens in its "services"',
      users: 'a client has one "user" and its "password"',
      'users-file': 'a client has one "user" and its "password-file"',
      limits: "limits are the server's",
      allow: 'that is for servers',
      tls: 'TLS is the default; each of the "paths" may say tls: false, and "trust" how the server is known',
      remote: 'each of the "paths" has a "remote"',
      'services.connect': 'services connect at the server; here it is "listen"',
      'services.pool': 'that is for the server',
      'services.proxy-protocol': 'that is for the server',
      'services.allow': 'that is for the server',
    }),
  ),
}

/** What stands there, in a few words. */
function found(value: unknown, path: readonly PropertyKey[]): string {
  if (value === null) return 'found nothing'
  if (Array.isArray(value)) return 'found a list'
  if (typeof value === 'object') return 'found a mapping of keys'
  if (path.some((part) => SECRET.test(String(part)))) return `found a ${typeof value} (hidden)`
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return `found ${text.length > 60 ? `${text.slice(0, 57)}…` : text}`
}

const SHAPES: Readonly<Record<string, string>> = {
  object: 'expected a mapping of keys',
  record: 'expected a mapping of keys',
  array: 'expected a list; each item begins with "- "',
}

/** The sentences of an issue of zod's, with their places in the file. */
export function problemsOf(issue: Issue, source: Source, mode: 'server' | 'client'): readonly Problem[] {
  const { path } = issue
  if (issue.code === 'unrecognized_keys') {
    const candidates = issue.message.split(', ')
    return issue.keys.map((key) => source.keyProblem(path, key, unknownKey(key, path, mode, candidates)))
  }
  const wanted = issue.code === 'invalid_type' ? (SHAPES[issue.expected] ?? issue.message) : issue.message
  const value = source.valueAt(path)
  if (value === undefined) {
    return [source.problem(path.slice(0, -1), `"${String(path.at(-1) ?? '')}" is missing; ${wanted}`)]
  }
  return [source.problem(path, `${found(value, path)}; ${wanted}`)]
}

function unknownKey(
  key: string,
  path: readonly PropertyKey[],
  mode: 'server' | 'client',
  candidates: readonly string[],
): string {
  const place = path.find((part) => typeof part === 'string')
  // In { a:1 } YAML reads one key.
  const [name = '', ...rest] = key.split(':')
  if (rest.length > 0 && candidates.includes(name)) return `a space is missing behind "${name}:"`
  const elsewhere = ELSEWHERE[mode].get(place === undefined ? key : `${String(place)}.${key}`)
  const near = suggest(key.toLowerCase().replaceAll('_', '-'), candidates)
  const fix =
    elsewhere ??
    (near !== undefined
      ? `did you mean "${near}"?`
      : candidates.length > 0
        ? `known here: ${candidates.join(', ')}`
        : '')
  return `unknown key "${key}"${fix === '' ? '' : `; ${fix}`}`
}
