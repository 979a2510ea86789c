/** What every process of the tunnel's lab does: it ends with its parent, and leaves Ctrl-C to it. */
export function serveParent<Order>(onOrder: (order: Order) => void): void {
  process.on('disconnect', () => process.exit(0))
  process.on('SIGINT', () => {})
  process.on('message', onOrder)
}

export const say = (message: unknown): void => void process.send?.(message)

/** Says why it cannot go on, and ends. */
export function fail(error: unknown): void {
  const { message, code } = error as NodeJS.ErrnoException
  process.send?.({ error: message, code }, () => process.exit(1))
}

/** Milliseconds on a clock that all processes of this machine share (CLOCK_MONOTONIC). */
export const sharedClock = (): number => Number(process.hrtime.bigint() / 1000n) / 1000
