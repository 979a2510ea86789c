import { type Arena, KernelArena, MemoryArena } from './arena.ts'
import { LabError } from './error.ts'
import { probeAccess } from './namespace.ts'
import type { PingFigures } from './side.ts'
import { isIdentical, type OnProgress, type Transfer } from './transfer.ts'

export interface DemoOptions {
  /** Bytes to carry in each direction. */
  readonly bytes: number
  readonly pings: number
  /** The share of packets to lose in the second round; 0 leaves it out. */
  readonly loss: number
  /** Do without a kernel even where there could be one. */
  readonly isInMemory: boolean
  readonly signal: AbortSignal
  /** Says where the demo takes place, and why not on a real kernel, before the first step. */
  readonly onArena: (peer: string, reason: string | undefined) => void
  readonly onStep: (step: Step) => void
  readonly onProgress: (name: string, bytes: number) => void
}

/** One line of the demo's table. */
export interface Step {
  readonly name: string
  readonly loss: number
  readonly isGood: boolean
  readonly ping?: PingFigures
  readonly transfer?: Transfer
  /** Why there are no figures. */
  readonly error?: string
}

/** A step that shows no progress for this long has failed. */
const PATIENCE_MS = 30_000

/** A real kernel where this machine allows it, else our own stack on both sides, and the reason. */
async function openArena(isInMemory: boolean): Promise<{ readonly arena: Arena; readonly reason: string | undefined }> {
  if (isInMemory) return { arena: new MemoryArena(), reason: 'asked for by --memory' }
  const access = probeAccess()
  if (!('access' in access)) return { arena: new MemoryArena(), reason: access.reason }
  let arena: Arena | undefined
  try {
    arena = await KernelArena.create(access.access)
    // The first to need the addon and the right to open packet sockets.
    await (await arena.open(0)).close()
    return { arena, reason: undefined }
  } catch (error) {
    await arena?.close()
    return { arena: new MemoryArena(), reason: (error as Error).message }
  }
}

/** Resolves with the work, or rejects when nothing moves any more or the user has had enough. */
async function within<T>(signal: AbortSignal, work: (alive: () => void) => Promise<T>): Promise<T> {
  signal.throwIfAborted()
  let giveUp: (reason: unknown) => void = () => {}
  const stopped = new Promise<never>((_, reject) => (giveUp = reject))
  const onAbort = (): void => giveUp(signal.reason)
  const timer = setTimeout(() => giveUp(new LabError(`nothing moved for ${PATIENCE_MS / 1000} s`)), PATIENCE_MS)
  signal.addEventListener('abort', onAbort)
  try {
    return await Promise.race([work(() => timer.refresh()), stopped])
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
}

/** Runs the whole demo and cleans up, whatever happens. @throws AbortError when the signal says so. */
export async function runDemo(options: DemoOptions): Promise<readonly Step[]> {
  const { arena, reason } = await openArena(options.isInMemory)
  const steps: Step[] = []
  try {
    options.onArena(arena.peer, reason)
    for (const loss of options.loss > 0 ? [0, options.loss] : [0]) await round(arena, loss, options, steps)
    return steps
  } finally {
    await arena.close()
  }
}

async function round(arena: Arena, loss: number, options: DemoOptions, steps: Step[]): Promise<void> {
  const { bytes, pings, signal, onStep, onProgress } = options
  const side = await within(signal, () => arena.open(loss))
  const step = async (name: string, work: (onProgress: OnProgress) => Promise<Partial<Step>>): Promise<void> => {
    let result: Step
    let done = 0
    try {
      const figures = await within(signal, (alive) =>
        work((count) => {
          done = count
          alive()
          onProgress(name, count)
        }),
      )
      const { ping, transfer } = figures
      const isGood = transfer === undefined ? ping?.received === ping?.sent : isIdentical(transfer)
      result = { name, loss, isGood, ...figures }
    } catch (error) {
      if (signal.aborted) throw error
      const { message } = error as Error
      result = { name, loss, isGood: false, error: done > 0 ? `${message} (${done} bytes done)` : message }
    }
    steps.push(result)
    onStep(result)
  }
  // With packets lost on purpose a lost ping would prove nothing.
  if (loss === 0) {
    await step(`ping  stack -> ${arena.peer}`, async () => ({ ping: await side.ping(pings) }))
    await step(`ping  ${arena.peer} -> stack`, async () => ({ ping: await arena.pingBack(pings) }))
  }
  await step(`TCP   stack -> ${arena.peer}`, async (progress) => ({ transfer: await side.send(bytes, progress) }))
  await step(`TCP   ${arena.peer} -> stack`, async (progress) => ({ transfer: await side.receive(bytes, progress) }))
  await side.close()
}
