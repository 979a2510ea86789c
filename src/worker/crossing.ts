import type { NetError } from '../base/errors.ts'
import type { TcpFailure } from '../tcp/tcb.ts'
import { BELL, BellListener, BellRinger } from './bell.ts'
import { Caller } from './caller.ts'
import { fromRecord } from './error-record.ts'
import { type Lane, LanePool } from './lane.ts'
import type { Bells, Message, Notice, Port } from './protocol.ts'

/** A socket of the user's, at its end of a lane. */
export interface LaneUser {
  /** Its bell has rung: there may be bytes to read, or room to write. */
  visit(): void
  /** The stack's side has done its last with the lane. */
  onFree(): void
  /** The connection is over. */
  onOver?(failure: TcpFailure | undefined): void
  onUnsent?(sent: number, error: Error): void
  onUdpError?(error: Error, isPending: boolean): void
  /** The thread of the stack has ended. */
  onDied(why: string): void
}

/** What the user's side of a stack in another thread has in common: calls, the bells, the lanes. */
export class Crossing {
  readonly caller: Caller
  readonly pool: LanePool
  /** Called when an interface of the stack fails. */
  onInterfaceError: ((id: number, error: NetError) => void) | undefined
  readonly #ringer: BellRinger
  readonly #listener: BellListener
  readonly #users = new Map<number, LaneUser>()

  constructor(port: Port, bells: Bells, ringSize: number) {
    this.caller = new Caller(port)
    this.pool = new LanePool(ringSize, (news) => this.caller.send(news))
    this.#ringer = new BellRinger(bells.up, () => port.postMessage(BELL))
    this.#listener = new BellListener(bells.down)
    port.on('message', (message) => this.#receive(message as Message<Notice>))
  }

  /** A lane for a socket, which hears of it from now on. */
  enter(user: LaneUser): Lane {
    const lane = this.pool.take()
    this.#users.set(lane.id, user)
    return lane
  }

  /** The lane goes back. */
  leave(lane: Lane): void {
    this.#users.delete(lane.id)
    this.pool.give(lane)
  }

  /** Has the stack's side look at a lane. */
  ring(lane: Lane): void {
    this.#ringer.ring(lane.id)
  }

  /** The thread of the stack has ended: everything that waits fails. */
  die(why: string, reason: (syscall: string) => unknown): void {
    this.caller.die(reason)
    for (const user of this.#users.values()) user.onDied(why)
    this.#users.clear()
  }

  #receive(message: Message<Notice>): void {
    if (message !== BELL) for (const notice of message) this.#take(notice)
    this.#listener.answer(
      (id) => this.#users.get(id)?.visit(),
      () => {
        for (const user of this.#users.values()) user.visit()
      },
    )
  }

  #take(notice: Notice): void {
    if ('call' in notice) this.caller.answer(notice)
    else if ('over' in notice) this.#users.get(notice.over)?.onOver?.(notice.failure)
    else if ('free' in notice) this.#users.get(notice.free)?.onFree()
    else if ('unsent' in notice) this.#users.get(notice.lane)?.onUnsent?.(notice.unsent, fromRecord(notice.error))
    else if ('udpError' in notice) {
      this.#users.get(notice.udpError)?.onUdpError?.(fromRecord(notice.error), notice.isPending)
    } else this.onInterfaceError?.(notice.interfaceError, fromRecord(notice.error) as NetError)
  }
}
