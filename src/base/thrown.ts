/** What users' functions threw: it comes out once everything else is done, one after another, so that each is heard of. */
export class Thrown {
  #errors: { readonly error: unknown }[] | undefined = undefined

  add(error: unknown): void {
    this.#errors ??= []
    this.#errors.push({ error })
  }

  /** Throws the earliest; where others are left it calls `again` before. */
  release(again: () => void): void {
    const thrown = this.#errors?.shift()
    if (thrown === undefined) return
    if (this.#errors!.length === 0) this.#errors = undefined
    else again()
    throw thrown.error
  }
}
