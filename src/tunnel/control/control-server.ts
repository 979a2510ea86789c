import { unlinkSync } from 'node:fs'
import { lstat, mkdir, unlink } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { dirname } from 'node:path'
import { NetError } from '../../base/errors.ts'
import { askDaemon } from './control-client.ts'
import { type ControlRequest, controlError, MAX_REQUEST, parseRequest } from './control-protocol.ts'

/** Does what a request asks for. @throws what the asker is told. */
export type OnRequest = (request: ControlRequest) => Promise<unknown>

/** Askers at once; more are turned away. */
const MOST = 64
/** Nobody but the owner reads or writes it: whoever does commands the daemon. */
const MASK = 0o177

/** The control socket of a daemon. */
export class ControlServer {
  readonly path: string
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #onRequest: OnRequest
  #isClosed = false

  private constructor(path: string, onRequest: OnRequest) {
    this.path = path
    this.#onRequest = onRequest
    this.#server = createServer((socket) => this.#onSocket(socket))
    this.#server.maxConnections = MOST
  }

  /**
   * Listens; a socket that a daemon left behind is removed.
   * @throws {NetError} EADDRINUSE when another daemon has it, EPERM or EINVAL when the path cannot be used.
   */
  static async open(path: string, onRequest: OnRequest): Promise<ControlServer> {
    const control = new ControlServer(path, onRequest)
    try {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 })
      await removeStale(path)
      await control.#listen()
    } catch (error) {
      throw cannotListen(error, path)
    }
    return control
  }

  /** Takes no more requests and removes the socket; what is being answered may be. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    // Node removes the path itself when it closes, but not when the process leaves at once.
    this.#server.close()
    try {
      unlinkSync(this.path)
    } catch {
      // It is gone.
    }
    for (const socket of this.#sockets) socket.end()
  }

  #listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      // Made with these rights: between making it and changing them somebody could connect.
      const before = process.umask(MASK)
      try {
        this.#server.listen(this.path, () => {
          this.#server.removeAllListeners('error').on('error', () => undefined)
          resolve()
        })
      } finally {
        process.umask(before)
      }
    })
  }

  #onSocket(socket: Socket): void {
    this.#sockets.add(socket)
    let rest = ''
    let turn = Promise.resolve()
    socket.setEncoding('utf8')
    socket.on('error', () => undefined)
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop()!
      if (rest.length > MAX_REQUEST) lines.push(rest)
      // One after the other: answers come in the order of the questions.
      for (const line of lines.filter((each) => each.trim() !== '')) turn = turn.then(() => this.#answer(socket, line))
      if (rest.length <= MAX_REQUEST) return
      rest = ''
      turn = turn.then(() => void socket.end())
    })
  }

  async #answer(socket: Socket, line: string): Promise<void> {
    const answer = await this.#answerTo(line).catch(controlError)
    if (socket.writable) socket.write(`${JSON.stringify(answer)}\n`)
  }

  async #answerTo(line: string): Promise<unknown> {
    if (line.length > MAX_REQUEST) throw new NetError('EINVAL', `A request has at most ${MAX_REQUEST} octets`)
    return { ok: true, result: (await this.#onRequest(parseRequest(line))) ?? null }
  }
}

/** Removes a socket that nobody answers at. @throws {NetError} EADDRINUSE when somebody does; EINVAL when it is no socket. */
async function removeStale(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined)
  if (found === undefined) return
  if (!found.isSocket()) throw new NetError('EINVAL', `Cannot listen on ${path}: there is something that is no socket`)
  let who: string
  try {
    const { name, pid } = (await askDaemon(path, { command: 'hello' }, { timeout: 2000 })) as {
      name: string
      pid: number
    }
    who = `the daemon "${name}" (pid ${pid}) runs already`
  } catch (error) {
    if ((error as NetError).code === 'ECONNREFUSED') return await unlink(path)
    who = 'something answers there that is no daemon of ours'
  }
  const fix = 'Stop it with gotcp tunnel stop, or give this one another "name"'
  throw new NetError('EADDRINUSE', `Cannot listen on ${path}: ${who}. ${fix}`, { syscall: 'listen' })
}

function cannotListen(error: unknown, path: string): Error {
  if (error instanceof NetError) return error
  const { code, message } = error as NodeJS.ErrnoException
  const why = code === 'EACCES' ? 'permission denied' : message
  const ours = code === 'EACCES' || code === 'EPERM' ? 'EPERM' : code === 'EADDRINUSE' ? 'EADDRINUSE' : 'EINVAL'
  return new NetError(ours, `Cannot listen on ${path}: ${why}. "control" names another path, "state" another folder`, {
    syscall: 'listen',
  })
}
