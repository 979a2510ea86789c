import { NetError } from '../base/errors.ts'
import type { Host } from '../stack/host.ts'
import type { TcpOptionsInit } from '../tcp/settings.ts'
import type { Tcp } from '../tcp/tcp.ts'
import { Liveness } from './liveness.ts'

/** What the sockets and servers of one stack share. */
export class NetContext {
  readonly host: Host
  readonly liveness = new Liveness()
  /** What connections and listeners begin with, unless they are told otherwise. */
  readonly tcp: TcpOptionsInit

  constructor(host: Host, tcp: TcpOptionsInit) {
    this.host = host
    this.tcp = tcp
  }

  /**
   * The TCP of the stack.
   * @throws {NetError} ERR_CLOSED when the stack is closed.
   */
  get machine(): Tcp {
    if (!this.host.stack.isClosed) return this.host.machine
    throw new NetError('ERR_CLOSED', 'Cannot use the stack: it is closed')
  }
}
