import { z } from 'zod'

/** How the value of a key is read, and how errors and docs speak of it. */
export interface Kind<T> {
  /** Ends the sentence "expected …". */
  readonly expects: string
  /** The value as the rest of the program has it; undefined for one that makes no sense. */
  parse(value: unknown): T | undefined
  /** What mends it, where more is known than what was expected. */
  fix?(value: unknown): string | undefined
  /** The words of which it is one. */
  readonly choices?: readonly string[]
}

/** What docs/tunnel-config.md says of a key. */
export interface About {
  /** One sentence or two. */
  readonly about: string
  /** The default, or what happens without the key; absent where the key must be there. */
  readonly fallback?: string
  readonly expects?: string
  /** The mapping that may stand there, alone or as an item of a list. */
  readonly section?: z.ZodObject
}

const ABOUT = new WeakMap<z.ZodType, About>()

/** What is said of a key of a schema. */
export const aboutOf = (schema: z.ZodType): About | undefined => ABOUT.get(schema)

/** Ties what is said to a schema. */
export function described<S extends z.ZodType>(schema: S, about: About): S {
  ABOUT.set(schema, about)
  return schema
}

/** The schema of one value. Its issues carry the whole sentence about what is expected and the fix. */
function leaf<T>(kind: Kind<T>): z.ZodType<T> {
  return z.unknown().transform((value, context): T => {
    const parsed = value === undefined || value === null ? undefined : kind.parse(value)
    if (parsed !== undefined) return parsed
    const fix = kind.fix?.(value)
    context.addIssue({ code: 'custom', message: `expected ${kind.expects}${fix === undefined ? '' : `; ${fix}`}` })
    return z.NEVER
  })
}

/** A key whose value is always that word. */
export const word = <const W extends string>(value: W, about: string) =>
  described(z.literal(value), { about, expects: `\`${value}\`` })

/** A key that must be there. */
export const required = <T>(kind: Kind<T>, about: string): z.ZodType<T> =>
  described(leaf(kind), { about, expects: kind.expects })

/** A key that may be missing; `fallback` says what happens then. */
export const optional = <T>(kind: Kind<T>, fallback: string, about: string) =>
  described(leaf(kind).optional(), { about, fallback, expects: kind.expects })

/** A key with a default, given as it would be written in the file. */
export function defaulted<T>(kind: Kind<T>, fallback: string | number | boolean, about: string) {
  const value = kind.parse(fallback)
  if (value === undefined) throw new TypeError(`${fallback} is no ${kind.expects}`)
  return described(
    leaf(kind).default(() => value as never),
    { about, fallback: `\`${fallback}\``, expects: kind.expects },
  )
}

/** A value whose schema depends on what stands there; the issues are those of the schema that was chosen. */
export function chosen<T>(pick: (value: unknown) => z.ZodType<T>): z.ZodType<T> {
  return z.unknown().transform((value, context): T => {
    const result = pick(value).safeParse(value)
    if (result.success) return result.data
    for (const issue of result.error.issues) context.addIssue({ ...issue, path: [...issue.path] } as never)
    return z.NEVER
  })
}

/** A mapping of these keys and no others. Its complaint about an unknown key is the list of those that are known. */
export const mapping = <S extends z.core.$ZodLooseShape>(shape: S) =>
  z.strictObject(shape, {
    error: (issue) => (issue.code === 'unrecognized_keys' ? Object.keys(shape).join(', ') : undefined),
  })

/** A list, or one value that stands for a list of it. */
export const listOf = <T>(item: z.ZodType<T>): z.ZodType<T[]> => {
  const many = z.array(item)
  const one = item.transform((value) => [value])
  return chosen<T[]>((value) => (Array.isArray(value) ? many : one))
}

const isMapping = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value)

/** A mapping where the value is one, something shorter otherwise. */
export const mappingOr = <T, U>(mapping: z.ZodType<T>, other: Kind<U>): z.ZodType<T | U> => {
  const short = leaf(other)
  return chosen<T | U>((value) => (isMapping(value) ? mapping : short))
}

type Options = Readonly<Record<string, z.ZodObject>>

/** A mapping whose `type` says which keys it has. */
export function byType<M extends Options>(options: M, type: Kind<string>): z.ZodType<z.output<M[keyof M]>> {
  const unknownType = z.looseObject({ type: leaf(type) })
  return chosen((value) => {
    const word = isMapping(value) ? (value as { type?: unknown }).type : undefined
    const known = typeof word === 'string' && Object.hasOwn(options, word) ? options[word] : undefined
    return (known ?? unknownType) as unknown as z.ZodType<z.output<M[keyof M]>>
  })
}
