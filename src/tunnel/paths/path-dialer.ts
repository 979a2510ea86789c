import { readFile } from 'node:fs/promises'
import type { Duplex } from 'node:stream'
import type { Identity } from '../../transport/certificate.ts'
import { dialPath } from '../../transport/dial.ts'
import { formatHostPort } from '../../transport/host-port.ts'
import { secureClient, type Trust } from '../../transport/tls.ts'
import type { ClientConfig, PathConfig } from '../config/types.ts'

export interface DialLimits {
  readonly signal: AbortSignal
  /** Milliseconds for all of it. */
  readonly timeout: number
  /** Milliseconds for each address to answer at all. */
  readonly answerWithin?: number
}

/** Makes connections to the server: whichever way a path goes, with TLS unless it does without. */
export class PathDialer {
  readonly #config: Pick<ClientConfig, 'trust' | 'certificate'>

  constructor(config: Pick<ClientConfig, 'trust' | 'certificate'>) {
    this.#config = config
  }

  /** @throws {NetError} that says which hop failed, and why. */
  async dial(path: PathConfig, limits: DialLimits): Promise<Duplex> {
    const { host, port } = path.remote
    const { signal, timeout } = limits
    const { local, interface: device, proxy, via } = path
    const began = performance.now()
    // All files before there is a socket that would have to be destroyed.
    const proxyCa = path.proxyCa === undefined ? undefined : await readFile(path.proxyCa)
    const secrets = path.tls ? { trust: await this.#trust(host), identity: await this.#identity() } : undefined
    const socket = await dialPath({ host, port, local, interface: device, proxy, proxyCa, via, ...limits })
    if (secrets === undefined) return socket
    const left = Math.max(1, timeout - (performance.now() - began))
    return await secureClient(socket, { ...secrets, peer: formatHostPort(path.remote), signal, timeout: left })
  }

  async #trust(host: string): Promise<Trust> {
    const { trust } = this.#config
    if (trust.by === 'password') return { channel: true }
    if (trust.by === 'fingerprint') return { fingerprints: trust.fingerprints }
    return { ca: await readFile(trust.ca), name: trust.name ?? host }
  }

  /** Read anew each time: certificates are renewed while daemons run. */
  async #identity(): Promise<Identity | undefined> {
    const { certificate } = this.#config
    if (certificate === undefined) return undefined
    const [pem, key] = await Promise.all([readFile(certificate.certificate, 'utf8'), readFile(certificate.key, 'utf8')])
    return { certificate: pem, key }
  }
}
