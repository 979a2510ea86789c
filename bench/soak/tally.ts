/** Something that did not go as it must. */
export interface Problem {
  readonly lane: string
  readonly load: string
  readonly message: string
}

/** An operation that takes longer counts as stuck, in milliseconds. */
export const STUCK_MS = 120_000
const MOST_KEPT = 100

/** What all loads have done so far. */
export class Tally {
  /** Bytes that were compared, both ways. */
  bytes = 0
  connections = 0
  /** Of these, those that were reset or refused, as they should be. */
  failures = 0
  requests = 0
  datagrams = 0
  /** Datagrams without an answer: UDP promises none. */
  unanswered = 0
  pings = 0
  /** Pings without an answer. */
  lost = 0
  problems = 0
  /** The first of them. */
  readonly kept: Problem[] = []

  problem(problem: Problem): void {
    this.problems++
    if (this.kept.length < MOST_KEPT) this.kept.push(problem)
    console.error(`soak: ${problem.lane}, ${problem.load}: ${problem.message}`)
  }
}

/** Rejects when `work` takes longer than anything should. */
export async function notStuck<T>(work: Promise<T>, what: string, limit = STUCK_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} is stuck: nothing came of it in ${limit / 1000} s`)), limit)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
