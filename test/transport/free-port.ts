import { createSocket, type Socket } from 'node:dgram'
import { createServer } from 'node:net'

/** Where the kernel takes no ports from by itself, so that nobody else comes upon one by chance. */
const FIRST = 20_000
const COUNT = 12_000
/** A port of TCP is taken for this process by the same number of UDP here, where nothing else is ever bound. */
const REGISTER = '127.77.77.77'

/** A port of 127.0.0.1 on which nobody listens; it is given out once, among all processes, until this one ends. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * COUNT)
    const entry = await register(port)
    if (entry === undefined) continue
    if (await isFree(port)) return port
    entry.close()
  }
}

async function register(port: number): Promise<Socket | undefined> {
  const entry = createSocket('udp4')
  const isOurs = await new Promise<boolean>((resolve, reject) => {
    entry.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(false) : reject(error),
    )
    entry.bind(port, REGISTER, () => resolve(true))
  })
  if (isOurs) return entry.unref()
  entry.close()
  return undefined
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  const couldListen = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => resolve(true))
  })
  if (couldListen) await new Promise((resolve) => server.close(resolve))
  return couldListen
}
