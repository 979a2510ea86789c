/** Whether a file, as it was written, holds a password: not in a variable, and not in a file of its own. */
export function holdsSecret(value: unknown, key = ''): boolean {
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).some(([name, part]) =>
      holdsSecret(part, Array.isArray(value) ? key : name.toLowerCase()),
    )
  }
  const text = String(value)
  if (text.includes('${')) return false
  return key === 'password' || (key === 'proxy' && /^[^/]*\/\/[^/@]*:[^/]*@/.test(text))
}
