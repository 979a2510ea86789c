import type { IpAddr } from '../base/address.ts'

/** A port that is ours; each who claimed it releases it, once. */
export interface PortClaim {
  readonly port: number
  release(): void
}

/** Ports as TCP needs them; the stack keeps them for all protocols. */
export interface PortPool {
  claim(protocol: number, addr: IpAddr, port: number): PortClaim
  claimEphemeral(protocol: number, addr: IpAddr, isFree: (port: number) => boolean): PortClaim
  /** Whether the port is one of ours. */
  isHeld(protocol: number, addr: IpAddr, port: number): boolean
}
