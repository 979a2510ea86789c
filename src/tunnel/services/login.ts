import { createHash, timingSafeEqual } from 'node:crypto'

/** Who may use a listener. */
export interface Login {
  readonly user: string
  readonly password: string
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

/** Compares name and password in a time that does not tell where they differ. */
export function isLogin(given: Login, { user, password }: Login): boolean {
  const isUser = timingSafeEqual(digest(given.user), digest(user))
  const isPassword = timingSafeEqual(digest(given.password), digest(password))
  return isUser && isPassword
}
