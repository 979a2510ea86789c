import { type Caller, nodeError } from './node-error.ts'

/** An argument beyond its limits; the stack begins where `caller` was called. */
export function rangeError(message: string, caller: Caller = rangeError) {
  return nodeError(RangeError, 'ERR_OUT_OF_RANGE', message, caller)
}

/** An argument of another kind than is asked for; the stack begins where `caller` was called. */
export function typeError(message: string, caller: Caller = typeError) {
  return nodeError(TypeError, 'ERR_INVALID_ARG_TYPE', message, caller)
}
