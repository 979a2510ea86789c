import type { Duplex } from 'node:stream'
import { isDeepStrictEqual } from 'node:util'
import { fingerprintOf, ownIdentity, readAuthority, readIdentity } from '../../transport/certificate.ts'
import { formatHostPort } from '../../transport/host-port.ts'
import { type ListenCounts, PathListener } from '../../transport/listen.ts'
import type { SecureServerOptions } from '../../transport/tls.ts'
import type { Lease } from '../auth/guard.ts'
import type { ListenerConfig, ServerConfig } from '../config/types.ts'
import type { Change } from '../reload.ts'

/** What stands behind the door. */
export interface Doorkeeper {
  /** Whether somebody of that address may come in now; asked before TLS. */
  admit(address: string): Lease | undefined
  /** Somebody has come as far as the handshake. */
  onGuest(socket: Duplex, lease: Lease): void
}

interface Open {
  readonly place: ListenerConfig
  readonly listener: PathListener<Lease>
  /** What it shows, and whose certificates it wants to see; undefined where nothing is encrypted. */
  tls: SecureServerOptions | undefined
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
    const all = [...this.#open.values()].flatMap(({ tls }) => tls ?? [])
    return [...new Set(all.map(({ identity }) => fingerprintOf(identity.certificate)))]
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
    const { host, port } = place
    const tls = await readTls(place, state)
    const listener = await PathListener.open(
      {
        addresses: [{ host, port }],
        tls,
        allow,
        admit: (address) => this.#keeper.admit(address),
        timeout: limits.handshakeTimeout,
      },
      (socket, _, lease) => this.#keeper.onGuest(socket, lease),
    )
    this.#open.set(formatHostPort(place), { place, listener, tls })
  }

  /** Reads all certificates again, and shows what is new from now on; one that cannot be used any more stays as it was. */
  async renew(state: string): Promise<readonly Change[]> {
    const changes: Change[] = []
    for (const [name, open] of this.#open) {
      try {
        const tls = await readTls(open.place, state)
        if (tls === undefined || isDeepStrictEqual(tls, open.tls)) continue
        open.listener.setTls(tls)
        open.tls = tls
        changes.push({ kind: 'certificate', name, change: 'changed' })
      } catch (error) {
        changes.push({ kind: 'certificate', name, change: 'failed', why: (error as Error).message })
      }
    }
    return changes
  }

  /** Lets nobody in there any more; who is in stays. */
  remove(place: ListenerConfig): void {
    const key = formatHostPort(place)
    this.#open.get(key)?.listener.close()
    this.#open.delete(key)
  }
}

/** @throws {NetError} EINVAL when a file cannot be read, or is none. */
async function readTls({ tls }: ListenerConfig, state: string): Promise<SecureServerOptions | undefined> {
  if (tls === false) return undefined
  const { certificate, clientCa } = tls
  const identity =
    certificate === undefined ? await ownIdentity(state) : await readIdentity(certificate.certificate, certificate.key)
  return { identity, clientCa: clientCa === undefined ? undefined : await readAuthority(clientCa) }
}
