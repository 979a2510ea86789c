/** Does an operation so many times; what it returns depends on all of them, so that V8 can leave none out. */
export type Work = (count: number) => number | Promise<number>

/** One operation of one layer. */
export interface Micro {
  readonly layer: string
  readonly name: string
  /** Bytes that one operation moves or reads. */
  readonly bytes?: number
  /** Makes it ready. */
  prepare(): Work | Promise<Work>
}

/** How long everything takes, in milliseconds of processor time. */
export interface Pace {
  readonly warmUp: number
  readonly round: number
  readonly rounds: number
}

export const PACE: Pace = { warmUp: 1000, round: 40, rounds: 11 }
export const QUICK_PACE: Pace = { warmUp: 2, round: 1, rounds: 3 }

/** Nanoseconds per operation of every round, and how many operations a round had. */
export interface Figures {
  readonly ns: readonly number[]
  readonly count: number
}

/** What all operations returned, for ever: nobody looks at it, but V8 does not know that. */
export const sink = { value: 0 }

/** Processor time of this process in milliseconds: what others use is not in it. */
function processorTime(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

async function timed(work: Work, count: number): Promise<number> {
  const begin = processorTime()
  const result = work(count)
  sink.value += typeof result === 'number' ? result : await result
  return processorTime() - begin
}

/** Finds out how many operations make a round, while V8 compiles them, and then measures. */
export async function measure(work: Work, pace: Pace): Promise<Figures> {
  let count = 1
  let ms = 0
  const end = processorTime() + pace.warmUp
  while (processorTime() < end || ms < pace.round / 4) {
    ms = await timed(work, count)
    if (ms < pace.round / 4) count *= 2
  }
  count = Math.max(1, Math.round((count * pace.round) / ms))
  const ns: number[] = []
  for (let i = 0; i < pace.rounds; i++) ns.push(((await timed(work, count)) * 1e6) / count)
  return { ns, count }
}
