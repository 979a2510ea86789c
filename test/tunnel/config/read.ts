import { parseConfig } from '../../../src/tunnel/config/parse.ts'
import { ConfigError } from '../../../src/tunnel/config/problem.ts'
import type { Environment } from '../../../src/tunnel/config/source.ts'
import type { ClientConfig, ServerConfig, TunnelConfig } from '../../../src/tunnel/config/types.ts'

export const ENV: Environment = { HOME: '/home/ada', XDG_RUNTIME_DIR: '/run/user/1000' }

/** A configuration of a text; `file` is what messages call it. */
export const read = (text: string, env: Environment = ENV, file = 'x.yaml'): TunnelConfig =>
  parseConfig(text, { file, env, isRoot: false })

/** The mistakes in a text, a line each. */
export function mistakes(text: string, env: Environment = ENV): readonly string[] {
  try {
    read(text, env)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.message
      .replace(/ \(ERR_CONFIG\)$/, '')
      .split('\n')
      .filter((line) => line.startsWith('x.yaml:'))
  }
  return []
}

export const readServer = (more: string, env?: Environment): ServerConfig => read(server(more), env) as ServerConfig
export const readClient = (more: string, env?: Environment): ClientConfig => read(client(more), env) as ClientConfig

/** A server's file of five lines, and more from line 6 on. */
export const server = (more = ''): string => `mode: server
listen: 127.0.0.1:7000
users: [{ name: ada, password: secret }]
services:
  - { name: web, type: tcp, connect: "127.0.0.1:80" }
${more}`

/** A client's file of six lines, and more from line 7 on. */
export const client = (more = ''): string => `mode: client
user: ada
password: secret
paths: [{ remote: "127.0.0.1:7000" }]
services:
  - { name: web, type: tcp, listen: "127.0.0.1:8080" }
${more}`
