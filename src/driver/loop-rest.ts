import { performance } from 'node:perf_hooks'

/** For how many milliseconds the event loop of this thread has waited for events so far. */
export type LoopRest = () => number

export const loopRest: LoopRest = () => performance.eventLoopUtilization().idle
