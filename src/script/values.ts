import { symbolValue } from './symbols.ts'
import type { Expression } from './syntax.ts'

/** An argument of a system call once its names are numbers. `...` stands for whatever packetdrill fills in itself. */
export type Value =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'ellipsis' }
  | { readonly kind: 'list'; readonly items: readonly Value[] }
  | { readonly kind: 'struct'; readonly fields: ReadonlyMap<string, Value> }

/** An argument that a call cannot be made with; its message names the argument and what was wanted. */
export class ArgumentError extends Error {}

/** Works out an expression: names become Linux's constants, and `a|b` a number. */
export function evaluate(expression: Expression): Value {
  switch (expression.kind) {
    case 'number':
      return expression
    case 'text':
      return { kind: 'text', value: expression.value }
    case 'ellipsis':
      return expression
    case 'assign':
      return evaluate(expression.value)
    case 'list':
      return { kind: 'list', items: expression.items.map(evaluate) }
    case 'struct':
      return { kind: 'struct', fields: new Map(expression.fields.map(({ name, value }) => [name, evaluate(value)])) }
    case 'or': {
      const left = numberOf(evaluate(expression.left), 'what stands before "|"')
      return { kind: 'number', value: left | numberOf(evaluate(expression.right), 'what stands behind "|"') }
    }
    case 'word': {
      const value = symbolValue(expression.name)
      if (value === undefined)
        throw new ArgumentError(`${expression.name} is not a constant of Linux that is known here`)
      return { kind: 'number', value }
    }
    case 'call':
      throw new ArgumentError(`${expression.name}(…) is not a value that is known here`)
  }
}

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

function pointedBy(value: Value | undefined, where: string): number {
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
