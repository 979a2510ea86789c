import { constants } from 'node:os'
import { Exit } from './exit.ts'
import type { Io } from './io.ts'

/** How a running command learns that it should end. */
export interface Interrupt {
  /** Aborted at the first Ctrl-C, at SIGTERM, and when the reader of our output goes away. */
  readonly signal: AbortSignal
  /** What to print when the user asks how it goes (Ctrl-\). */
  onStatus(line: () => string): void
  /** What to do before the process leaves at the second Ctrl-C; it must be done when it returns. */
  onLeave(action: () => void): void
}

/** SIGTERMs within so many milliseconds are one: timeout(1) tells the process, and then its whole group. */
const ONCE = 50

/**
 * Runs `body` under the rules of a terminal. The first Ctrl-C aborts the signal:
 * the command stops, prints its summary and returns the code its result earned.
 * The second leaves at once. Ctrl-\ prints one line of status and goes on.
 *
 * @throws what `body` throws; an AbortError after an interruption becomes exit code 130.
 */
export async function withInterrupt(io: Io, body: (interrupt: Interrupt) => Promise<number>): Promise<number> {
  const controller = new AbortController()
  let status: (() => string) | undefined
  let leave: (() => void) | undefined
  let firstAt = Number.NEGATIVE_INFINITY
  const onSignal = (name: NodeJS.Signals): void => {
    if (name === 'SIGTERM' && performance.now() - firstAt < ONCE) return
    if (controller.signal.aborted) {
      io.output.note('interrupted twice: leaving at once')
      leave?.()
      process.exit(128 + (constants.signals[name] ?? 2))
    }
    firstAt = performance.now()
    controller.abort()
  }
  const onQuit = (): void => {
    if (status !== undefined) io.output.note(status())
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  process.on('SIGQUIT', onQuit)
  io.output.onClosed = () => controller.abort()
  try {
    return await body({
      signal: controller.signal,
      onStatus: (line) => (status = line),
      onLeave: (action) => (leave = action),
    })
  } catch (error) {
    if (controller.signal.aborted && isAbort(error)) return Exit.INTERRUPTED
    throw error
  } finally {
    process.off('SIGINT', onSignal)
    process.off('SIGTERM', onSignal)
    process.off('SIGQUIT', onQuit)
    io.output.onClosed = undefined
  }
}

const isAbort = (error: unknown): boolean =>
  error instanceof Error && (error.name === 'AbortError' || (error as NodeJS.ErrnoException).code === 'ABORT_ERR')
