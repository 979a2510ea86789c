import type { Agent, AgentOptions } from 'node:http'
import type { Agent as HttpsAgent, AgentOptions as HttpsAgentOptions } from 'node:https'
import nodeNet, { Server as NodeServer, type Socket as NodeSocket, type ServerOpts } from 'node:net'
import tls, { type ConnectionOptions, type TLSSocket } from 'node:tls'
import type { Host } from '../stack/host.ts'
import type { TcpOptionsInit } from '../tcp/settings.ts'
import { httpAgent, httpsAgent } from './agents.ts'
import { type ConnectOptions, connectArguments, type SocketOptions } from './arguments.ts'
import { callable } from './callable.ts'
import { NetContext } from './context.ts'
import { adopt } from './server.ts'
import { type Accepted, StackSocket } from './socket.ts'
import { secure, tlsArguments } from './tls.ts'

export interface CreateNetOptions {
  /** What TCP connections and listeners begin with. */
  readonly tcp?: TcpOptionsInit
}

export interface ServerOptions extends ServerOpts {
  /** Options of our TCP for the connections, beside Node's. */
  readonly tcp?: TcpOptionsInit
}

type ConnectionListener = (socket: NodeSocket) => void
type ServerArguments = [options?: ServerOptions | ConnectionListener | null, onConnection?: ConnectionListener]

/** What of node:net has nothing to do with a stack, and is its own. */
type Shared = Pick<
  typeof nodeNet,
  | 'BlockList'
  | 'SocketAddress'
  | 'isIP'
  | 'isIPv4'
  | 'isIPv6'
  | 'getDefaultAutoSelectFamily'
  | 'setDefaultAutoSelectFamily'
  | 'getDefaultAutoSelectFamilyAttemptTimeout'
  | 'setDefaultAutoSelectFamilyAttemptTimeout'
>

/** node:net over a stack. Its sockets have all that node:net's types tell of a Socket, and are no instances of that class. */
export interface Net extends Shared {
  /** Makes sockets with `new` and without. */
  readonly Socket: SocketMade
  /** The same as `Socket`. */
  readonly Stream: SocketMade
  /** Makes servers with `new` and without. */
  readonly Server: ServerMade
  /** `(options[, onConnect])` or `(port[, host][, onConnect])`. */
  readonly connect: Connect
  /** The same as `connect`. */
  readonly createConnection: Connect
  createServer(...args: ServerArguments): NodeServer
  /**
   * Makes a server of node:http, node:https, node:tls or another that is derived from node:net's listen on the stack
   * instead of the kernel, and returns it.
   */
  adopt<T extends NodeServer>(server: T): T
  /**
   * node:tls's `connect` by the stack: `net.connectTls({ host, port })`, or on a `socket` of it. With `tls.connect` itself
   * a socket knows neither its addresses, nor `setNoDelay` and `unref`, and ends when its peer does.
   */
  connectTls(options: ConnectionOptions, onSecure?: () => void): TLSSocket
  connectTls(port: number, host?: string, options?: ConnectionOptions, onSecure?: () => void): TLSSocket
  connectTls(port: number, options?: ConnectionOptions, onSecure?: () => void): TLSSocket
  /** An agent of node:http, or of node:https, that connects by the stack: `http.get({ agent, … })`. */
  httpAgent(options?: AgentOptions): Agent
  httpsAgent(options?: HttpsAgentOptions): HttpsAgent
}

interface SocketMade {
  new (options?: SocketOptions | null): NodeSocket
  (options?: SocketOptions | null): NodeSocket
}

interface ServerMade {
  new (...args: ServerArguments): NodeServer
  (...args: ServerArguments): NodeServer
}

interface Connect {
  (options: ConnectOptions, onConnect?: () => void): NodeSocket
  (port: number | string, host?: string, onConnect?: () => void): NodeSocket
  (port: number | string, onConnect?: () => void): NodeSocket
}

const SHARED: Shared = {
  BlockList: nodeNet.BlockList,
  SocketAddress: nodeNet.SocketAddress,
  isIP: nodeNet.isIP,
  isIPv4: nodeNet.isIPv4,
  isIPv6: nodeNet.isIPv6,
  getDefaultAutoSelectFamily: nodeNet.getDefaultAutoSelectFamily,
  setDefaultAutoSelectFamily: nodeNet.setDefaultAutoSelectFamily,
  getDefaultAutoSelectFamilyAttemptTimeout: nodeNet.getDefaultAutoSelectFamilyAttemptTimeout,
  setDefaultAutoSelectFamilyAttemptTimeout: nodeNet.setDefaultAutoSelectFamilyAttemptTimeout,
}

/** The same names as in node:net, bound to a stack: `const net = createNet(stack)`. */
export function createNet(stack: Host, options: CreateNetOptions = {}): Net {
  const context = new NetContext(stack, options.tcp ?? {})

  class Socket extends StackSocket {
    constructor(init?: SocketOptions | null, accepted?: Accepted) {
      super(context, init, accepted)
    }
  }

  const make = (init: SocketOptions, accepted: Accepted): StackSocket => new Socket(init, accepted)

  class Server extends NodeServer {
    constructor(...[init, onConnection]: ServerArguments) {
      // Node takes a listener in the place of options, and null.
      super(init as ServerOpts, onConnection)
      adopt(this, context, make, typeof init === 'function' ? undefined : init?.tcp)
    }
  }

  const connect: Connect = (...args: readonly unknown[]) => {
    const [init] = connectArguments(args)
    const socket = new Socket(init)
    if (init.timeout) socket.setTimeout(init.timeout)
    return socket.connect(...args) as unknown as NodeSocket
  }

  const SocketOfStack = callable(Socket) as unknown as SocketMade
  return {
    ...SHARED,
    Socket: SocketOfStack,
    Stream: SocketOfStack,
    Server: callable(Server) as unknown as ServerMade,
    connect,
    createConnection: connect,
    createServer: (...args) => new Server(...args),
    adopt: (server) => adopt(server, context, make),
    connectTls: (...args: readonly unknown[]) => {
      const [init, onSecure] = tlsArguments(args)
      return secure(connect, init, (socket) => tls.connect({ ...init, socket }, onSecure))
    },
    httpAgent: (init) => httpAgent(connect, init),
    httpsAgent: (init) => httpsAgent(connect, init),
  }
}
