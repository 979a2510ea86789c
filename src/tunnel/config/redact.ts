import type { TunnelConfig } from './types.ts'

const HIDDEN = '(hidden)'
/** The keys of a `TunnelConfig` whose values nobody is to read. */
const SECRETS: ReadonlySet<string> = new Set(['password', 'scram'])

/** A copy to print and to dump: with `(hidden)` in place of every password and of what proves one. */
export function redact(config: TunnelConfig): TunnelConfig {
  return hide(config) as TunnelConfig
}

function hide(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(hide)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => [
      key,
      SECRETS.has(key) && typeof part === 'string' && part !== '' ? HIDDEN : hide(part),
    ]),
  )
}
