import { Bbr } from './bbr.ts'
import type { CongestionControl, CongestionName, SlowStartExitName } from './control.ts'
import { Cubic } from './cubic.ts'
import { NewReno } from './new-reno.ts'

interface Choice {
  readonly congestion: CongestionName
  readonly slowStartExit: SlowStartExitName
}

/** The controller that is wanted, beginning with `window` octets. */
export function congestionControl({ congestion, slowStartExit }: Choice, window: number): CongestionControl {
  switch (congestion) {
    case 'cubic':
      return new Cubic(window, slowStartExit)
    case 'bbr':
      return new Bbr(window)
    case 'newreno':
      return new NewReno(window)
  }
}
