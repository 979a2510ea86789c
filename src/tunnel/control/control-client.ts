import { connect } from 'node:net'
import { NetError } from '../../base/errors.ts'
import type { ControlAnswer, ControlRequest } from './control-protocol.ts'

export interface AskOptions {
  /** Milliseconds for the answer. Default 10,000. */
  readonly timeout?: number
  readonly signal?: AbortSignal
}

const DEFAULT_TIMEOUT = 10_000

/**
 * Asks a daemon by its control socket.
 * @throws {NetError} ECONNREFUSED when no daemon is there, EPERM when it is somebody else's, ETIMEDOUT, EPROTO; else what
 * the daemon says.
 */
export function askDaemon(path: string, request: ControlRequest, options: AskOptions = {}): Promise<unknown> {
  const { timeout = DEFAULT_TIMEOUT, signal } = options
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    let text = ''
    const stop = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      socket.destroy()
    }
    const fail = (error: unknown): void => {
      stop()
      reject(error)
    }
    const onAbort = (): void => fail(signal?.reason)
    const timer = setTimeout(() => fail(new NetError('ETIMEDOUT', `The daemon at ${path} does not answer`)), timeout)
    signal?.addEventListener('abort', onAbort)
    socket.setEncoding('utf8')
    socket.on('error', (error) => fail(cannotAsk(error, path)))
    socket.on('close', () => fail(new NetError('ECONNRESET', `The daemon at ${path} has ended instead of answering`)))
    socket.on('data', (part: string) => {
      text += part
      const end = text.indexOf('\n')
      if (end < 0) return
      try {
        resolve(resultOf(text.slice(0, end)))
        stop()
      } catch (error) {
        fail(error)
      }
    })
    socket.write(`${JSON.stringify(request)}\n`)
  })
}

/** @throws {NetError} what the daemon says, or EPROTO. */
function resultOf(line: string): unknown {
  let answer: ControlAnswer
  try {
    answer = JSON.parse(line)
  } catch {
    throw new NetError('EPROTO', 'What answers there is no daemon of gotcp tunnel')
  }
  if (answer.ok === true) return answer.result
  if (answer.ok === false) throw new NetError(answer.error.code, answer.error.message)
  throw new NetError('EPROTO', 'What answers there is no daemon of gotcp tunnel')
}

function cannotAsk(error: NodeJS.ErrnoException, path: string): NetError {
  const { code = '', message } = error
  if (code === 'ECONNREFUSED' || code === 'ENOENT') {
    const why = code === 'ENOENT' ? 'there is no such socket' : 'it has ended and left its socket behind'
    return new NetError('ECONNREFUSED', `No daemon answers at ${path}: ${why}`, { syscall: 'connect' })
  }
  if (code === 'EACCES') {
    return new NetError('EPERM', `The daemon at ${path} is somebody else's; ask as its user, or with sudo`)
  }
  return new NetError('EINVAL', `Cannot ask the daemon at ${path}: ${message}`, { syscall: 'connect' })
}
