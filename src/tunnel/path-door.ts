import { mkdir } from 'node:fs/promises'
import type { Duplex } from 'node:stream'
import { fingerprintOf, type Identity, ownIdentity, readIdentity } from '../transport/certificate.ts'
import { formatHostPort } from '../transport/host-port.ts'
import { type ListenCounts, PathListener } from '../transport/listen.ts'
import type { ListenerConfig, ListenerTls, ServerConfig } from './config/types.ts'

/** Whoever has come as far as the handshake, and his address. */
export type OnGuest = (socket: Duplex, address: string) => void

interface Open {
  readonly listener: PathListener
  /** Of the certificate that it shows. */
  readonly fingerprint: string | undefined
}

/** Where paths come in: one listener for each address of the configuration. */
export class PathDoor {
  readonly #open = new Map<string, Open>()
  readonly #onGuest: OnGuest

  private constructor(onGuest: OnGuest) {
    this.#onGuest = onGuest
  }

  /** @throws {NetError} when an address cannot be listened on, or a certificate not be read; none is open then. */
  static async open(config: ServerConfig, onGuest: OnGuest): Promise<PathDoor> {
    const door = new PathDoor(onGuest)
    try {
      for (const listener of config.listeners) await door.add(listener, config)
    } catch (error) {
      door.close()
      throw error
    }
    return door
  }

  /** Where it listens, with the ports that were found. */
  get addresses(): readonly string[] {
    return [...this.#open.values()].flatMap(({ listener }) => listener.addresses.map(formatHostPort))
  }

  /** SHA-256 of the certificates that are shown. */
  get fingerprints(): readonly string[] {
    const all = [...this.#open.values()].flatMap(({ fingerprint }) => fingerprint ?? [])
    return [...new Set(all)]
  }

  /** Connections that were let in or turned away before the handshake, by reason. */
  get counts(): readonly ListenCounts[] {
    return [...this.#open.values()].map(({ listener }) => listener.counts)
  }

  /** Who may come in from now on; who is in stays. */
  setAllow(networks: readonly string[]): void {
    for (const { listener } of this.#open.values()) listener.setAllow(networks)
  }

  close(): void {
    for (const { listener } of this.#open.values()) listener.close()
    this.#open.clear()
  }

  /** Lets paths in at one address more. @throws {NetError} when it cannot be listened on, or a certificate not be read. */
  async add(place: ListenerConfig, { state, limits, allow }: ServerConfig): Promise<void> {
    const { host, port, tls } = place
    const identity = tls === false ? undefined : await ownOrGiven(tls, state)
    const listener = await PathListener.open(
      {
        addresses: [{ host, port }],
        tls: identity === undefined || tls === false ? undefined : { identity, clientCa: tls.clientCa },
        allow,
        limits: { most: limits.halfOpen },
      },
      (socket, remote) => this.#onGuest(socket, remote.host),
    )
    const fingerprint = identity === undefined ? undefined : fingerprintOf(identity.certificate)
    this.#open.set(formatHostPort(place), { listener, fingerprint })
  }

  /** Lets nobody in there any more; who is in stays. */
  remove(place: ListenerConfig): void {
    const key = formatHostPort(place)
    this.#open.get(key)?.listener.close()
    this.#open.delete(key)
  }
}

async function ownOrGiven({ certificate }: ListenerTls, state: string): Promise<Identity> {
  if (certificate !== undefined) return await readIdentity(certificate.certificate, certificate.key)
  await mkdir(state, { recursive: true, mode: 0o700 })
  return await ownIdentity(state)
}
