import type { Cidr, MacAddr } from '../base/address.ts'
import type { NetError } from '../base/errors.ts'
import type { Micros } from '../base/types.ts'
import type { InFrame, Link, Offload, OutFrame } from './link.ts'

/** A link around another link that hands everything through; the wrappers change what they must. */
export abstract class LinkWrapper implements Link {
  readonly inner: Link

  constructor(inner: Link) {
    this.inner = inner
  }

  get name(): string {
    return this.inner.name
  }

  get medium(): 'ethernet' | 'ip' {
    return this.inner.medium
  }

  get mac(): MacAddr {
    return this.inner.mac
  }

  get mtu(): number {
    return this.inner.mtu
  }

  get offload(): Offload {
    return this.inner.offload
  }

  get room(): number | undefined {
    return this.inner.room
  }

  get flushedAt(): Micros | undefined {
    return this.inner.flushedAt
  }

  get descriptor(): number | undefined {
    return this.inner.descriptor
  }

  get onWake(): (() => void) | undefined {
    return this.inner.onWake
  }

  set onWake(wake: (() => void) | undefined) {
    this.inner.onWake = wake
  }

  get onError(): ((error: NetError) => void) | undefined {
    return this.inner.onError
  }

  set onError(report: ((error: NetError) => void) | undefined) {
    this.inner.onError = report
  }

  send(frame: OutFrame, now: Micros): boolean {
    return this.inner.send(frame, now)
  }

  flush(now: Micros): void {
    this.inner.flush(now)
  }

  receive(now: Micros, onFrame: (frame: InFrame) => void): void {
    this.inner.receive(now, onFrame)
  }

  pollAt(): Micros {
    return this.inner.pollAt()
  }

  hear(addresses: readonly Cidr[], shared: boolean): void {
    this.inner.hear?.(addresses, shared)
  }

  close(): void {
    this.inner.close()
  }
}
