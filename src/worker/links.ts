import { typeError } from '../base/argument-errors.ts'
import { openPacketLink, type PacketLinkOptions } from '../driver/packet.ts'
import { openTapLink, openTunLink, type TapOptions, type TunTapOptions } from '../driver/tuntap.ts'
import type { Link } from '../link/link.ts'

/**
 * A link by its description, since none can go from one thread to another: what kind it is, with the options of
 * `openPacketLink`, `openTapLink` or `openTunLink`.
 */
export type LinkDescription =
  | ({ readonly kind: 'packet' } & PacketLinkOptions)
  | ({ readonly kind: 'tap' } & TapOptions)
  | ({ readonly kind: 'tun' } & TunTapOptions)

/**
 * Opens the link that is described.
 * @throws {NetError} as the function that opens it.
 */
export function openLink(description: LinkDescription): Link {
  if (description.kind === 'packet') return openPacketLink(description)
  if (description.kind === 'tap') return openTapLink(description)
  if (description.kind === 'tun') return openTunLink(description)
  const { kind } = description as { kind: unknown }
  throw typeError(`Cannot open a link of kind "${kind}": it must be packet, tap or tun`)
}
