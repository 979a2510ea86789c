import { NetError } from '../../base/errors.ts'
import { ConfigError, parseConfig } from '../config/index.ts'
import type { PathConfig } from '../config/types.ts'

/**
 * Reads a path as it stands in the `paths` of a client's file; one with `connections` is several.
 * @param file what names of files in it are found beside
 * @throws {NetError} ERR_CONFIG with all that is wrong with it.
 */
export function readPaths(path: Readonly<Record<string, unknown>>, file: string): readonly PathConfig[] {
  const text = JSON.stringify({ mode: 'client', user: 'anybody', password: 'any', paths: [path], services: [] })
  try {
    const config = parseConfig(text, { file })
    return config.mode === 'client' ? config.paths : []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const problems = error.problems.map(
      ({ key, text: what }) => `${key.replace(/^paths\[0\]\.?/, '') || 'path'}: ${what}`,
    )
    throw new NetError('ERR_CONFIG', `Cannot use that path: ${problems.join('; ')}`)
  }
}
