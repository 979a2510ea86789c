/** A filter expression that makes no sense to us, and where. */
export class FilterSyntaxError extends Error {
  override readonly name = 'FilterSyntaxError'
  /** The offset of the trouble in the expression. */
  readonly at: number

  constructor(message: string, at: number) {
    super(message)
    this.at = at
  }
}
