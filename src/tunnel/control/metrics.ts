import { createServer, type Server, type ServerResponse } from 'node:http'
import type { Registry } from 'prom-client'
import { NetError } from '../../base/errors.ts'
import { formatHostPort, type HostPort } from '../../transport/host-port.ts'

/** Whether it does what it is for, and a word about it. */
export interface Health {
  readonly isUp: boolean
  readonly paths_up: number
}

/** `/metrics` for Prometheus and `/health` for whoever watches, by HTTP. */
export class MetricsServer {
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  /** @throws {NetError} EADDRINUSE, EADDRNOTAVAIL or EPERM when it cannot listen. */
  static async open(place: HostPort, registry: Registry, health: () => Health): Promise<MetricsServer> {
    const server = createServer((request, response) => {
      const [path] = (request.url ?? '').split('?')
      if (request.method !== 'GET' && request.method !== 'HEAD') answer(response, 405, 'GET, nothing else\n')
      else if (path === '/health') answerHealth(response, health())
      else if (path === '/metrics') void answerMetrics(response, registry)
      else answer(response, 404, 'There are /metrics and /health\n')
    })
    server.headersTimeout = 5000
    server.maxConnections = 64
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject)
        server.listen(place, resolve)
      })
    } catch (error) {
      throw cannotListen(error as NodeJS.ErrnoException, place)
    }
    server.removeAllListeners('error').on('error', () => undefined)
    return new MetricsServer(server)
  }

  /** With the port that was found. */
  get address(): string {
    const bound = this.#server.address()
    return bound === null || typeof bound === 'string' ? '' : formatHostPort({ host: bound.address, port: bound.port })
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }
}

function answer(response: ServerResponse, code: number, text: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(code, { 'content-type': type, 'cache-control': 'no-store' }).end(text)
}

function answerHealth(response: ServerResponse, { isUp, paths_up }: Health): void {
  const text = JSON.stringify({ status: isUp ? 'up' : 'down', paths_up })
  answer(response, isUp ? 200 : 503, `${text}\n`, 'application/json')
}

async function answerMetrics(response: ServerResponse, registry: Registry): Promise<void> {
  try {
    answer(response, 200, await registry.metrics(), registry.contentType)
  } catch (error) {
    answer(response, 500, `${(error as Error).message}\n`)
  }
}

function cannotListen({ code = '', message }: NodeJS.ErrnoException, place: HostPort): NetError {
  const ours = code === 'EADDRINUSE' || code === 'EADDRNOTAVAIL' ? code : code === 'EACCES' ? 'EPERM' : 'EINVAL'
  const why = code === 'EADDRINUSE' ? 'something listens there already' : message
  const where = formatHostPort(place)
  return new NetError(ours, `Cannot serve metrics at ${where}: ${why}. "metrics" names another address`, {
    syscall: 'listen',
  })
}
