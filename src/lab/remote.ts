import type { ChildProcess } from 'node:child_process'
import { LabError } from './error.ts'
import type { PingFigures, Side } from './side.ts'
import type { OnProgress, Transfer } from './transfer.ts'

/** What the demo asks of the process that runs a Side in another namespace. */
export type Request =
  | { readonly id: number; readonly do: 'ping'; readonly count: number }
  | { readonly id: number; readonly do: 'send' | 'receive'; readonly bytes: number }
  | { readonly id: number; readonly do: 'close' }

/** What that process says. */
export type Reply =
  | { readonly id: number; readonly progress: number }
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: string; readonly code?: string | undefined }

/** Waits until a child says that it is ready. @throws LabError with its last words when it ends instead. */
export function whenReady(child: ChildProcess, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let words = ''
    child.stderr?.on('data', (chunk) => (words = (words + chunk).slice(-2000)))
    child.once('message', (message: 'ready' | { error: string; code?: string }) => {
      if (message === 'ready') resolve()
      else reject(Object.assign(new LabError(message.error), message.code && { code: message.code }))
    })
    child.once('error', reject)
    child.once('exit', (code) => reject(new LabError(`${name} ended with ${code}: ${words.trim()}`)))
  })
}

/** A Side that lives in another process. Every call fails when that process ends. */
export class RemoteSide implements Side {
  readonly #child: ChildProcess
  readonly #calls = new Map<number, { settle: (reply: Reply) => void; onProgress: OnProgress | undefined }>()
  #lastId = 0

  constructor(child: ChildProcess) {
    this.#child = child
    child.on('message', (reply: Reply) => {
      const call = this.#calls.get(reply.id)
      if ('progress' in reply) call?.onProgress?.(reply.progress)
      else call?.settle(reply)
    })
    child.once('exit', (code, signal) => {
      const error = `the stack's process ended with ${signal ?? code}`
      for (const [id, call] of this.#calls) call.settle({ id, error })
    })
  }

  ping(count: number): Promise<PingFigures> {
    return this.#call((id) => ({ id, do: 'ping', count }))
  }

  send(bytes: number, onProgress: OnProgress): Promise<Transfer> {
    return this.#call((id) => ({ id, do: 'send', bytes }), onProgress)
  }

  receive(bytes: number, onProgress: OnProgress): Promise<Transfer> {
    return this.#call((id) => ({ id, do: 'receive', bytes }), onProgress)
  }

  async close(): Promise<void> {
    if (!this.#child.connected) return
    await this.#call((id) => ({ id, do: 'close' })).catch(() => {})
    if (this.#child.connected) this.#child.disconnect()
  }

  #call<T>(request: (id: number) => Request, onProgress?: OnProgress): Promise<T> {
    const id = ++this.#lastId
    return new Promise((resolve, reject) => {
      const settle = (reply: Reply): void => {
        this.#calls.delete(id)
        if ('result' in reply) resolve(reply.result as T)
        else if ('error' in reply) reject(Object.assign(new Error(reply.error), reply.code && { code: reply.code }))
      }
      this.#calls.set(id, { settle, onProgress })
      this.#child.send(request(id), (error) => {
        if (error !== null) settle({ id, error: error.message })
      })
    })
  }
}

/** Answers the requests of the demo with a Side of this process. */
export function serveSide(side: Side): void {
  const say = (reply: Reply): void => void process.send?.(reply)
  const answer = async (request: Request): Promise<unknown> => {
    let last = 0
    const onProgress = (bytes: number): void => {
      const now = performance.now()
      if (now - last < 200) return
      last = now
      say({ id: request.id, progress: bytes })
    }
    switch (request.do) {
      case 'ping':
        return side.ping(request.count)
      case 'send':
        return side.send(request.bytes, onProgress)
      case 'receive':
        return side.receive(request.bytes, onProgress)
      case 'close':
        return (await side.close()) ?? null
    }
  }
  process.on('disconnect', () => process.exit(0))
  process.on('message', (request: Request) => {
    answer(request).then(
      (result) => say({ id: request.id, result }),
      (error) => say({ id: request.id, error: error.message, code: error.code }),
    )
  })
}
