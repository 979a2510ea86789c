import { createHash, timingSafeEqual } from 'node:crypto'
import type { Login } from '../../transport/proxy.ts'

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

/** Compares name and password in a time that does not tell where they differ. */
export function isLogin(given: Login, { user, password }: Login): boolean {
  const isUser = timingSafeEqual(digest(given.user), digest(user))
  const isPassword = timingSafeEqual(digest(given.password), digest(password))
  return isUser && isPassword
}
