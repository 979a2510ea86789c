import { nodeError } from './node-error.ts'

/** An argument beyond its limits. */
export const rangeError = (message: string) => nodeError(RangeError, 'ERR_OUT_OF_RANGE', message)

/** An argument of another kind than is asked for. */
export const typeError = (message: string) => nodeError(TypeError, 'ERR_INVALID_ARG_TYPE', message)
