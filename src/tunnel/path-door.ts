import { mkdir } from 'node:fs/promises'
import type { Duplex } from 'node:stream'
import { fingerprintOf, type Identity, ownIdentity, readIdentity } from '../transport/certificate.ts'
import { type ListenCounts, PathListener } from '../transport/listen.ts'
import { formatHostPort } from '../transport/proxy.ts'
import type { ListenerConfig, ListenerTls, ServerConfig } from './config/types.ts'

/** Whoever has come as far as the handshake, and his address. */
export type OnGuest = (socket: Duplex, address: string) => void

/** Where paths come in: one listener for each address of the configuration. */
export class PathDoor {
  readonly #listeners: PathListener[] = []
  readonly #fingerprints = new Set<string>()
  readonly #onGuest: OnGuest

  private constructor(onGuest: OnGuest) {
    this.#onGuest = onGuest
  }

  /** @throws {NetError} when an address cannot be listened on, or a certificate not be read; none is open then. */
  static async open(config: ServerConfig, onGuest: OnGuest): Promise<PathDoor> {
    const door = new PathDoor(onGuest)
    try {
      for (const listener of config.listeners) await door.#open(listener, config)
    } catch (error) {
      door.close()
      throw error
    }
    return door
  }

  /** Where it listens, with the ports that were found. */
  get addresses(): readonly string[] {
    return this.#listeners.flatMap(({ addresses }) => addresses.map(formatHostPort))
  }

  /** SHA-256 of the certificates that are shown. */
  get fingerprints(): readonly string[] {
    return [...this.#fingerprints]
  }

  /** Connections that were let in or turned away before the handshake, by reason. */
  get counts(): readonly ListenCounts[] {
    return this.#listeners.map(({ counts }) => counts)
  }

  close(): void {
    for (const listener of this.#listeners.splice(0)) listener.close()
  }

  async #open(listener: ListenerConfig, { state, limits, allow }: ServerConfig): Promise<void> {
    const { host, port, tls } = listener
    const identity = tls === false ? undefined : await this.#identity(tls, state)
    this.#listeners.push(
      await PathListener.open(
        {
          addresses: [{ host, port }],
          tls: identity === undefined || tls === false ? undefined : { identity, clientCa: tls.clientCa },
          allow,
          limits: { most: limits.halfOpen },
        },
        (socket, remote) => this.#onGuest(socket, remote.host),
      ),
    )
  }

  async #identity({ certificate }: ListenerTls, state: string): Promise<Identity> {
    if (certificate === undefined) await mkdir(state, { recursive: true, mode: 0o700 })
    const identity =
      certificate === undefined
        ? await ownIdentity(state)
        : await readIdentity(certificate.certificate, certificate.key)
    this.#fingerprints.add(fingerprintOf(identity.certificate))
    return identity
  }
}
