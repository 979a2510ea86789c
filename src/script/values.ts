/** An argument of a system call once its names are numbers. `...` stands for whatever packetdrill fills in itself. */
export type Value =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'ellipsis' }
  | { readonly kind: 'list'; readonly items: readonly Value[] }
  | { readonly kind: 'struct'; readonly fields: ReadonlyMap<string, Value> }

/** An argument that a call cannot be made with; its message names the argument and what was wanted. */
export class ArgumentError extends Error {}

/** The arguments of one call, asked for by place. */
export class Arguments {
  readonly #call: string
  readonly #values: readonly Value[]

  constructor(call: string, values: readonly Value[]) {
    this.#call = call
    this.#values = values
  }

  get count(): number {
    return this.#values.length
  }

  /** There are as many as the call takes. */
  expectCount(least: number, most = least): void {
    if (this.count >= least && this.count <= most) return
    const wanted = least === most ? `${least}` : `${least} to ${most}`
    throw new ArgumentError(`${this.#call} takes ${wanted} arguments, and here are ${this.count}`)
  }

  at(index: number): Value {
    const value = this.#values[index]
    if (value === undefined) throw new ArgumentError(`${this.#call} has no argument ${index + 1}`)
    return value
  }

  isEllipsis(index: number): boolean {
    return this.at(index).kind === 'ellipsis'
  }

  number(index: number): number {
    return numberOf(this.at(index), this.#where(index))
  }

  /** `[5]`: the number that a pointer argument points to. */
  pointed(index: number): number {
    return pointedBy(this.at(index), this.#where(index))
  }

  list(index: number): readonly Value[] {
    return listOf(this.at(index), this.#where(index))
  }

  struct(index: number): ReadonlyMap<string, Value> {
    return structOf(this.at(index), this.#where(index))
  }

  #where(index: number): string {
    return `argument ${index + 1} of ${this.#call}`
  }
}

export function numberOf(value: Value | undefined, where: string): number {
  if (value?.kind !== 'number') throw new ArgumentError(`${where} must be a number`)
  return value.value
}

export function pointedBy(value: Value | undefined, where: string): number {
  const items = listOf(value, where)
  if (items.length !== 1) throw new ArgumentError(`${where} must be one number in brackets`)
  return numberOf(items[0], where)
}

export function listOf(value: Value | undefined, where: string): readonly Value[] {
  if (value?.kind !== 'list') throw new ArgumentError(`${where} must be a list in brackets`)
  return value.items
}

export function structOf(value: Value | undefined, where: string): ReadonlyMap<string, Value> {
  if (value?.kind !== 'struct') throw new ArgumentError(`${where} must be a structure in braces`)
  return value.fields
}
