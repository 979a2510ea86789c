/** Whom an error's stack leaves out, with all that it called. */
export type Caller = (...args: never[]) => unknown

/** An error with one of Node's own codes (`ERR_…`), named as Node names it. */
export function nodeError<Kind extends Error, Code extends string>(
  Kind: new (message: string) => Kind,
  code: Code,
  message: string,
  caller: Caller = nodeError,
): Kind & { readonly code: Code } {
  const error = Object.assign(new Kind(message), { code })
  // The name in the stack has the code, and the property has not: so it is with Node's own.
  error.name = `${error.name} [${code}]`
  Error.captureStackTrace(error, caller)
  String(error.stack)
  delete (error as { name?: string }).name
  return error
}
