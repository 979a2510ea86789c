/** An error with one of Node's own codes (`ERR_…`), named as Node names it. */
export function nodeError<Code extends string>(
  Kind: ErrorConstructor | TypeErrorConstructor | RangeErrorConstructor,
  code: Code,
  message: string,
): Error & { readonly code: Code } {
  const error = Object.assign(new Kind(message), { code })
  // The name in the stack has the code, and the property has not: so it is with Node's own.
  error.name = `${error.name} [${code}]`
  String(error.stack)
  delete (error as { name?: string }).name
  return error
}
