/** An object of JSON that a stranger sent: every field is looked at before it is believed. */
export type JsonObject = Readonly<Record<string, unknown>>

/** The object that the bytes spell, or undefined. */
export function parseObject(bytes: Uint8Array): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'))
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A finite number, or undefined when there is none of that name. */
export function numberOf(object: JsonObject, name: string): number | undefined {
  const value = object[name]
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}
