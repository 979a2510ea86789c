/** What commands log with: a narrow view of winston. */
export interface Logger {
  error(message: string): void
  warn(message: string): void
  info(message: string): void
  /** With `-debug`. */
  debug(message: string): void
  /** With `-vv`: one line for each packet. */
  trace(message: string): void
}

const LEVELS = { error: 0, warn: 1, info: 2, debug: 3, trace: 4 }
const COLORS = { error: 'red', warn: 'yellow', info: 'green', debug: 'cyan', trace: 'gray' }

/** The level that a count of `-v` asks for. */
export const levelOf = (verbosity: number): keyof typeof LEVELS =>
  verbosity >= 2 ? 'trace' : verbosity === 1 ? 'debug' : 'info'

/** A winston logger that writes to stderr only. */
export async function openLog(options: { verbosity: number; color: boolean }): Promise<Logger> {
  const { default: winston } = await import('winston')
  const { combine, colorize, printf, timestamp, uncolorize } = winston.format
  winston.addColors(COLORS)
  const logger = winston.createLogger({
    levels: LEVELS,
    level: levelOf(options.verbosity),
    format: combine(
      timestamp({ format: 'HH:mm:ss.SSS' }),
      options.color ? colorize() : uncolorize(),
      printf((entry) => `${entry['timestamp']} ${entry.level} ${entry.message}`),
    ),
    transports: [new winston.transports.Console({ stderrLevels: Object.keys(LEVELS) })],
  })
  return {
    error: (message) => void logger.log('error', message),
    warn: (message) => void logger.log('warn', message),
    info: (message) => void logger.log('info', message),
    debug: (message) => void logger.log('debug', message),
    trace: (message) => void logger.log('trace', message),
  }
}
