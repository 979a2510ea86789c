/** Why a script did not pass: what was to happen at this line, and what did. */
export class ScriptFailure extends Error {
  override readonly name = 'ScriptFailure'
  readonly line: number
  readonly expected: string
  readonly seen: string

  constructor(line: number, expected: string, seen: string) {
    super(`line ${line}: expected ${expected}, saw ${seen}`)
    this.line = line
    this.expected = expected
    this.seen = seen
  }
}
