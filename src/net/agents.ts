import { Agent, type AgentOptions, type ClientRequestArgs } from 'node:http'
import { Agent as HttpsAgent, type AgentOptions as HttpsAgentOptions } from 'node:https'
import type { Duplex } from 'node:stream'
import type { ConnectOptions } from './arguments.ts'

type Connect = (options: ConnectOptions) => Duplex
type Made = (error: Error | null, stream: Duplex) => void

/** What an agent does since long and its types do not tell. */
interface OpenAgent {
  createConnection(options: object, onMade: Made): Duplex
}

const placeOf = ({ host, port, localAddress, lookup, signal, timeout }: ClientRequestArgs): ConnectOptions => ({
  host,
  port: port ?? undefined,
  localAddress,
  lookup,
  signal,
  timeout,
})

/** An agent of node:http whose connections `connect` makes. */
export function httpAgent(connect: Connect, options?: AgentOptions): Agent {
  const agent = new Agent(options)
  ;(agent as unknown as OpenAgent).createConnection = (request) => connect(placeOf(request))
  return agent
}

/** An agent of node:https whose connections `connect` makes, before TLS begins on them. */
export function httpsAgent(connect: Connect, options?: HttpsAgentOptions): HttpsAgent {
  const agent = new HttpsAgent(options)
  const open = agent as unknown as OpenAgent
  const secure = open.createConnection
  open.createConnection = (request, onMade) => {
    const socket = connect(placeOf(request))
    const secured = secure.call(agent, { ...request, socket }, onMade)
    // TLS decides when our side ends, and tells the socket.
    socket.allowHalfOpen = true
    return secured
  }
  return agent
}
