import { resolve } from 'node:path'
import { stringify } from 'yaml'
import { buildClient } from './build-client.ts'
import { buildServer } from './build-server.ts'
import { checkDuplicates } from './checks.ts'
import { CLIENT } from './client-schema.ts'
import { freezeDeep } from './freeze.ts'
import { isGota, readGota } from './gota.ts'
import { holdsSecret } from './inline-secret.ts'
import { problemsOf } from './issues.ts'
import { didYouMean } from './kinds.ts'
import { ConfigError, type Problem } from './problem.ts'
import { readText } from './read-text.ts'
import { isOpenToOthers, type Origin, Reading } from './reading.ts'
import { textOf } from './scalar.ts'
import { SERVER } from './server-schema.ts'
import { type Environment, Source } from './source.ts'
import type { TunnelConfig } from './types.ts'

/** Where the text of a configuration comes from. */
export interface ParseOptions {
  /** Names the file in messages; what it refers to is found beside it. */
  readonly file: string
  /** For `${NAME}` in values, and for the folders of state and control sockets. Default: that of the process. */
  readonly env?: Environment
  /** Whether the daemon may write to /run. Default: whether this process is root. */
  readonly isRoot?: boolean
}

/** Reads a configuration file. @throws ConfigError with everything that is wrong; NetError ERR_CONFIG when it cannot be read */
export function loadConfig(path: string, options: Omit<ParseOptions, 'file'> = {}): TunnelConfig {
  const text = readText(path)
  const config = parseConfig(text, { ...options, file: path })
  return isOpenToOthers(path) && holdsSecret(new Source(path, text).value)
    ? freezeDeep({ ...config, warnings: [openToOthers(path), ...config.warnings] })
    : config
}

const openToOthers = (path: string): string =>
  `${path}: it holds a password, and everybody on this machine may read it; chmod o-r ${path}`

/** Reads the text of a configuration, Gota's included (`isGota`). @throws ConfigError with everything that is wrong */
export function parseConfig(text: string, options: ParseOptions): TunnelConfig {
  const { file, env = process.env, isRoot = process.getuid?.() === 0 } = options
  const origin: Origin = { file: resolve(file), env, isRoot }
  const literal = new Source(file, text)
  const isOfGota = isGota(literal.value)
  const source = isOfGota ? literal : new Source(file, text, env)
  const reading = new Reading(source, origin)
  const isToml = typeof source.value !== 'object' && file.endsWith('.toml')
  if (isToml) reading.fail([], 'TOML is not read; write it as YAML or JSON')
  else reading.problems.push(...source.problems)
  const isBroken = isToml || (source.value === undefined && reading.problems.length > 0)
  const config = isBroken ? undefined : isOfGota ? readGota(reading) : read(reading)
  if (config === undefined || reading.problems.length > 0) throw new ConfigError(withoutEchoes(reading, source))
  return freezeDeep(config)
}

/** A configuration as its file would have it, key by key. */
export type NativeValues = Readonly<Record<string, unknown>>

/**
 * Reads values that come from elsewhere than a file, which are what they are, `${` included; what there is to warn of is
 * known where they come from. @throws as `parseConfig`
 */
export function parseValues(
  values: NativeValues,
  options: ParseOptions & { readonly warnings: readonly string[] },
): TunnelConfig {
  const { file, env = process.env, isRoot = process.getuid?.() === 0, warnings } = options
  const reading = new Reading(new Source(file, stringify(values)), { file: resolve(file), env, isRoot })
  const config = read(reading)
  if (config === undefined || reading.problems.length > 0) throw new ConfigError(reading.problems)
  return freezeDeep({ ...config, warnings })
}

/** Without what is wrong with a value only because its text is. */
function withoutEchoes({ problems }: Reading, source: Source): readonly Problem[] {
  const at = ({ line, column }: Problem): string => `${line}:${column}`
  const broken = new Set(source.problems.map(at))
  return problems.filter(
    (problem) => problem.file !== source.file || source.problems.includes(problem) || !broken.has(at(problem)),
  )
}

function read(reading: Reading): TunnelConfig | undefined {
  const { value } = reading.source
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    reading.fail([], 'the file holds no keys; gotcp tunnel init writes one to begin with')
    return undefined
  }
  const mode = reading.source.valueAt(['mode'])
  if (mode !== 'server' && mode !== 'client') {
    const fix = didYouMean(textOf(mode), ['server', 'client'])
    if (mode === undefined) reading.fail([], '"mode" is missing; expected mode: server, or mode: client')
    else
      reading.fail(
        ['mode'],
        `found ${JSON.stringify(mode)}; expected server or client${fix === undefined ? '' : `; ${fix}`}`,
      )
    return undefined
  }
  checkDuplicates(reading)
  return mode === 'server' ? readServer(reading) : readClient(reading)
}

function readServer(reading: Reading): TunnelConfig | undefined {
  const result = SERVER.safeParse(reading.source.value)
  if (result.success) return buildServer(result.data, reading)
  reading.problems.push(...result.error.issues.flatMap((issue) => problemsOf(issue, reading.source, 'server')))
  return undefined
}

function readClient(reading: Reading): TunnelConfig | undefined {
  const result = CLIENT.safeParse(reading.source.value)
  if (result.success) return buildClient(result.data, reading)
  reading.problems.push(...result.error.issues.flatMap((issue) => problemsOf(issue, reading.source, 'client')))
  return undefined
}
