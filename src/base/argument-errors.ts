interface Coded {
  readonly code: 'ERR_OUT_OF_RANGE' | 'ERR_INVALID_ARG_TYPE'
}

/** An argument beyond its limits, as Node's own code has it. */
export const rangeError = (message: string): RangeError & Coded =>
  Object.assign(new RangeError(message), { code: 'ERR_OUT_OF_RANGE' } as const)

/** An argument of another kind than is asked for, as Node's own code has it. */
export const typeError = (message: string): TypeError & Coded =>
  Object.assign(new TypeError(message), { code: 'ERR_INVALID_ARG_TYPE' } as const)
