import { Agent, type AgentOptions } from 'node:http'
import { Agent as HttpsAgent, type AgentOptions as HttpsAgentOptions } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { ConnectionOptions, TLSSocket } from 'node:tls'
import type { ConnectOptions } from './arguments.ts'
import { secure } from './tls.ts'

type Connect = (options: ConnectOptions) => Socket
type Made = (error: Error | null, stream: Duplex) => void

/** What an agent does since long and its types do not tell; of a request it gives all options, but no path. */
interface OpenAgent {
  createConnection(request: ConnectOptions, onMade: Made): Duplex
}

/** An agent of node:http whose connections `connect` makes. */
export function httpAgent(connect: Connect, options?: AgentOptions): Agent {
  const agent = new Agent(options)
  ;(agent as unknown as OpenAgent).createConnection = (request) => connect(request)
  return agent
}

/** An agent of node:https whose connections `connect` makes, before TLS begins on them. */
export function httpsAgent(connect: Connect, options?: HttpsAgentOptions): HttpsAgent {
  const agent = new HttpsAgent(options)
  const open = agent as unknown as OpenAgent
  const begin = open.createConnection
  open.createConnection = (request, onMade) =>
    secure(connect, request as ConnectionOptions, (socket) => {
      return begin.call(agent, { ...request, socket }, onMade) as TLSSocket
    })
  return agent
}
