/** The multipath tunnel as a library: `import { TunnelClient, TunnelServer, parseConfig } from 'gotcp/tunnel'`. */
export { Budget } from '../session/credit/budget.ts'
export type { Path, PathOptions } from '../session/paths/path.ts'
export type { PathInput, Pipe } from '../session/paths/pipe.ts'
export { SCHEDULER_NAMES, type SchedulerName } from '../session/schedulers/by-name.ts'
export { Session } from '../session/session.ts'
export type { PathEvent, SessionCounters, SessionOptions } from '../session/session-types.ts'
export {
  type FlowEvents,
  type Opening,
  ResetCode,
  type SessionFlow,
  type SessionStream,
  type StreamEvents,
} from '../session/streams/stream-types.ts'
export { TunnelClient } from './client.ts'
export { loadConfig, type ParseOptions, parseConfig } from './config/parse.ts'
export { ConfigError } from './config/problem.ts'
export type { ClientConfig, ServerConfig, TunnelConfig } from './config/types.ts'
export { LiveSession } from './live-session.ts'
export { type Log, silent } from './log.ts'
export type { PathKeeper } from './paths/path-keeper.ts'
export { TunnelServer } from './server.ts'
