/** What the rest of the program has of configurations. */
export { type ConfigChanges, diffConfig, type ListChanges } from './diff.ts'
export { loadConfig, type ParseOptions, parseConfig } from './parse.ts'
export { ConfigError, formatProblem, type Problem } from './problem.ts'
export { readStreamText } from './read-text.ts'
export { redact } from './redact.ts'
export { parseSocktopus } from './socktopus.ts'
export type { ClientConfig, ServerConfig, TunnelConfig } from './types.ts'
