import { Bbr } from './bbr.ts'
import type { CongestionControl, CongestionName } from './control.ts'
import { Cubic } from './cubic.ts'
import { NewReno } from './new-reno.ts'

/** The controller of that name, beginning with `window` octets. */
export function congestionControl(name: CongestionName, window: number): CongestionControl {
  switch (name) {
    case 'cubic':
      return new Cubic(window)
    case 'bbr':
      return new Bbr(window)
    case 'newreno':
      return new NewReno(window)
  }
}
