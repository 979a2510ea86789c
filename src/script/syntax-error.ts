/** A script that is not in the notation: where, what was expected there, and what stands there. */
export class ScriptSyntaxError extends Error {
  override readonly name = 'ScriptSyntaxError'
  readonly code = 'ERR_SCRIPT_SYNTAX'
  readonly line: number
  readonly column: number

  constructor(line: number, column: number, message: string) {
    super(message)
    this.line = line
    this.column = column
  }
}
