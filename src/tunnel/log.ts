import type { LogConfig, LogLevel } from './config/types.ts'
import { LogFile } from './log-file.ts'

/** What is said beside the message: names, addresses, figures; never a secret. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>

/** Where a daemon says what happens. */
export interface Log {
  error(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  debug(message: string, fields?: LogFields): void
}

/** A daemon's own log, which a reload changes. */
export interface DaemonLog extends Log {
  setLevel(level: LogLevel): void
  /** Goes on in a new file, if the old one was moved away. @throws {NetError} EINVAL when that cannot be written. */
  reopen(): void
}

export const silent: Log = { error: ignore, warn: ignore, info: ignore, debug: ignore }

/**
 * A log that winston writes: to stderr, or to a file that is made readable for its owner alone.
 * @throws {NetError} EINVAL when the file cannot be written.
 */
export async function openLog({ level, file, format }: LogConfig): Promise<DaemonLog> {
  const { default: winston } = await import('winston')
  const { combine, json, printf, timestamp } = winston.format
  const text = printf(({ timestamp: at, level: how, message, ...fields }) => {
    const more = Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => ` ${key}=${quoted(String(value))}`)
    return `${at} ${how} ${message}${more.join('')}`
  })
  const logFile = file === undefined ? undefined : new LogFile(file)
  const transport =
    logFile === undefined
      ? new winston.transports.Console({ stderrLevels: ['error', 'warn', 'info', 'debug'] })
      : new winston.transports.Stream({ stream: logFile, eol: '\n' })
  const logger = winston.createLogger({
    level,
    format: combine(timestamp(), format === 'json' ? json() : text),
    transports: [transport],
  })
  const at =
    (how: LogLevel) =>
    (message: string, fields: LogFields = {}): void =>
      void logger.log(how, message, fields)
  return {
    error: at('error'),
    warn: at('warn'),
    info: at('info'),
    debug: at('debug'),
    setLevel: (how) => {
      logger.level = how
    },
    reopen: () => logFile?.reopen(),
  }
}

const quoted = (text: string): string => (/^[^\s"=]+$/.test(text) ? text : JSON.stringify(text))

function ignore(): void {}
