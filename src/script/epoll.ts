import { readiness } from './readiness.ts'
import { failed, type KernelSocket, type Outcome, ok } from './socket.ts'
import { Epoll as Flag } from './symbols.ts'

interface Watched {
  events: number
  /** What the program wants to be handed back. */
  data: number
  /** What was reported last, for edge-triggered watching. */
  seen: number
}

/** What epoll_wait hands back of one descriptor. */
export interface EpollEvent {
  readonly events: number
  readonly data: number
}

/** An epoll instance: the sockets it watches, by level or by edge. */
export class Epoll {
  readonly #watched = new Map<KernelSocket, Watched>()

  control(op: number, socket: KernelSocket, events: number, data: number): Outcome {
    const known = this.#watched.get(socket)
    if (op === Flag.EPOLL_CTL_ADD) {
      if (known !== undefined) return failed('EINVAL')
      this.#watched.set(socket, { events, data, seen: 0 })
    } else if (known === undefined) return failed('ENOENT')
    else if (op === Flag.EPOLL_CTL_DEL) this.#watched.delete(socket)
    else if (op === Flag.EPOLL_CTL_MOD) this.#watched.set(socket, { events, data, seen: 0 })
    else return failed('EINVAL')
    return ok()
  }

  /** Events that are there to be told, no more than `most`. */
  take(most: number): EpollEvent[] {
    const told: EpollEvent[] = []
    for (const [socket, watched] of this.#watched) {
      if (socket.isClosed) this.#watched.delete(socket)
      const mask = readiness(socket) & (watched.events | Flag.EPOLLERR | Flag.EPOLLHUP)
      const isEdge = (watched.events & Flag.EPOLLET) !== 0
      const isNews = isEdge ? (mask & ~watched.seen) !== 0 : mask !== 0
      watched.seen = mask
      if (!isNews || told.length >= most) continue
      told.push({ events: mask, data: watched.data })
      if ((watched.events & Flag.EPOLLONESHOT) !== 0) watched.events = 0
    }
    return told
  }
}
