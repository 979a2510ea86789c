import { NetError } from '../base/errors.ts'
import { abortError } from '../stack/waiters.ts'
import { fromRecord } from './error-record.ts'
import { Outbox } from './outbox.ts'
import type { Answer, Arguments, Notice, Operation, Port, Request } from './protocol.ts'

interface Pending {
  readonly syscall: string
  settle(answer: { readonly value?: unknown; readonly error?: unknown }): void
}

/** Operations of the stack in the manner of Node's `syscall`, where their names differ. */
const SYSCALLS: Partial<Record<Operation, string>> = { pingNext: 'ping' }

/** The user's side of all calls across the threads. */
export class Caller {
  readonly #outbox: Outbox<Request>
  readonly #pending = new Map<number, Pending>()
  /** Why nothing can be called any more. */
  #dead: ((syscall: string) => unknown) | undefined
  #isClosed = false
  #last = 0

  constructor(port: Port) {
    this.#outbox = new Outbox(port, (request, error) => {
      if ('call' in request) this.#pending.get(request.call)?.settle({ error })
    })
  }

  /** Calls that have no answer yet. */
  get pending(): number {
    return this.#pending.size
  }

  /** The stack is closed. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Sends something that has no answer. */
  send(request: Request): void {
    if (this.#dead === undefined) this.#outbox.push(request)
  }

  /** What the stack's side answers; rejects as it does there. An abort there is its answer as well. */
  call<O extends Operation>(operation: O, args: Arguments<O>, signal?: AbortSignal): Promise<Answer<O>> {
    const syscall = SYSCALLS[operation] ?? operation
    return new Promise((resolve, reject) => {
      if (this.#dead !== undefined) throw this.#dead(syscall)
      if (signal?.aborted) throw abortError(syscall)
      const call = ++this.#last
      const onAbort = (): void => this.send({ cancel: call })
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#pending.set(call, {
        syscall,
        settle: ({ value, error }) => {
          this.#pending.delete(call)
          signal?.removeEventListener('abort', onAbort)
          if (error === undefined) resolve(value as Answer<O>)
          else reject(error)
        },
      })
      this.send({ call, operation, args, isAbortable: signal !== undefined })
    })
  }

  /** An answer has come. */
  answer(notice: Extract<Notice, { call: number }>): void {
    const pending = this.#pending.get(notice.call)
    if ('error' in notice) pending?.settle({ error: fromRecord(notice.error) })
    else pending?.settle({ value: notice.value })
  }

  /** The stack is closed: fails whatever is called later. What is pending has its answer still to come. */
  close(): void {
    this.#isClosed = true
    this.#dead ??= closedError
  }

  /** Nothing answers any more: fails what is pending, and whatever is called later. */
  die(reason: (syscall: string) => unknown): void {
    this.#dead ??= reason
    for (const { syscall, settle } of [...this.#pending.values()]) settle({ error: this.#dead(syscall) })
  }
}

const closedError = (syscall: string): NetError =>
  new NetError('ERR_CLOSED', `Cannot ${syscall}: the stack is closed`, { syscall })
