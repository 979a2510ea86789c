/** What commands log with: a narrow view of winston. */
export interface Logger {
  /** With `-v`. */
  debug(message: string): void
}

const LEVELS = { info: 0, debug: 1 }
const COLORS = { info: 'green', debug: 'cyan' }

/** A winston logger that writes to stderr only; `verbosity` is how often -v was given. */
export async function openLog(options: { verbosity: number; color: boolean }): Promise<Logger> {
  const { default: winston } = await import('winston')
  const { combine, colorize, printf, timestamp, uncolorize } = winston.format
  winston.addColors(COLORS)
  const logger = winston.createLogger({
    levels: LEVELS,
    level: options.verbosity > 0 ? 'debug' : 'info',
    format: combine(
      timestamp({ format: 'HH:mm:ss.SSS' }),
      options.color ? colorize() : uncolorize(),
      printf((entry) => `${entry['timestamp']} ${entry.level} ${entry.message}`),
    ),
    transports: [new winston.transports.Console({ stderrLevels: Object.keys(LEVELS) })],
  })
  return { debug: (message) => void logger.log('debug', message) }
}
