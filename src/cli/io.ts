import type { Readable } from 'node:stream'
import type { Logger } from './log.ts'
import type { Output } from './output.ts'

/** What a command has of the outside world. */
export interface Io {
  readonly output: Output
  readonly stdin: Readable & { readonly isTTY?: boolean }
  readonly env: NodeJS.ProcessEnv
  /** The log on stderr, opened (and winston loaded) when first asked for. */
  log(): Promise<Logger>
}
