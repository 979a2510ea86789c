import { type Micros, micros } from '../base/types.ts'

/** Microseconds of the monotonic clock, whole: the clock of every stack in this process. */
export const clock = (): Micros => micros(Math.floor(performance.now() * 1000))
