import { mkdir } from 'node:fs/promises'
import type { Duplex } from 'node:stream'
import { fingerprintOf, type Identity, ownIdentity, readIdentity } from '../transport/certificate.ts'
import { formatHostPort } from '../transport/host-port.ts'
import { type ListenCounts, PathListener } from '../transport/listen.ts'
import type { Lease } from './auth/guard.ts'
import type { ListenerConfig, ListenerTls, ServerConfig } from './config/types.ts'

/** What stands behind the door. */
export interface Doorkeeper {
  /** Whether somebody of that address may come in now; asked before TLS. */
  admit(address: string): Lease | undefined
  /** Somebody has come as far as the handshake. */
  onGuest(socket: Duplex, lease: Lease): void
}

interface Open {
  readonly listener: PathListener<Lease>
  /** Of the certificate that it shows. */
  readonly fingerprint: string | undefined
}

/** Where paths come in: one listener for each address of the configuration. */
export class PathDoor {
  readonly #open = new Map<string, Open>()
  readonly #keeper: Doorkeeper

  private constructor(keeper: Doorkeeper) {
    this.#keeper = keeper
  }

  /** @throws {NetError} when an address cannot be listened on, or a certificate not be read; none is open then. */
  static async open(config: ServerConfig, keeper: Doorkeeper): Promise<PathDoor> {
    const door = new PathDoor(keeper)
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
        admit: (address) => this.#keeper.admit(address),
        timeout: limits.handshakeTimeout,
      },
      (socket, _, lease) => this.#keeper.onGuest(socket, lease),
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
