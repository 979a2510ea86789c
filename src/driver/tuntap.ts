import { type Cidr, MAC_NONE, type MacAddr, maskOf } from '../base/address.ts'
import { typeError } from '../base/argument-errors.ts'
import { toCidr, toMac } from '../stack/address.ts'
import { flag, requireOptions, shown } from '../stack/limits.ts'
import { findInterface } from './interfaces.ts'
import { inNamespace } from './namespace.ts'
import { native } from './native.ts'
import { check } from './os-errors.ts'
import { PortLink, slotsOf } from './port-link.ts'

/** How to open a TAP or a TUN: a cable whose other end is the kernel. */
export interface TunTapOptions {
  /** The interface's name, at most 15 bytes; `tap%d` lets the kernel count. */
  readonly name: string
  /** The largest IP packet; the device's own by default (1500). */
  readonly mtu?: number | undefined
  /** Gives the kernel's end an address such as `10.0.0.1/24`, so that it has a route to ours. */
  readonly kernelAddress?: string | Cidr | undefined
  /** Sets the device up; true by default. Needs CAP_NET_ADMIN, as everything here that changes the device. */
  readonly up?: boolean | undefined
  /** Asks for virtio-net headers: super-segments and partial checksums. True by default. */
  readonly offload?: boolean | undefined
  /** Frames in one batch; 32 by default. */
  readonly slots?: number | undefined
  /** Path of the network namespace to open the link in. */
  readonly netns?: string | undefined
}

export interface TapOptions extends TunTapOptions {
  /** Our own address, such as 02:00:00:00:00:01; the stack chooses one when absent. It must differ from the kernel's end. */
  readonly mac?: string | undefined
  /** The address of the kernel's end; it draws one when absent. */
  readonly kernelMac?: string | undefined
}

/**
 * Opens or creates a TAP: an Ethernet cable to the kernel. It vanishes at close unless it was made persistent.
 * @throws NetError EPERM, ENOENT (no /dev/net/tun), EBUSY, EINVAL (the name), ERR_ADDON_MISSING
 * @throws {RangeError} for `slots` out of its limits. @throws {TypeError} for a flag that is neither true nor false.
 */
export function openTapLink(options: TapOptions): PortLink {
  requireName(options)
  const mac = options.mac === undefined ? MAC_NONE : toMac(options.mac)
  const kernelMac = options.kernelMac === undefined ? undefined : toMac(options.kernelMac)
  return inNamespace(options.netns, () => open(options, true, mac, kernelMac))
}

/** Opens or creates a TUN: bare IP packets to and from the kernel. It throws what `openTapLink` does. */
export function openTunLink(options: TunTapOptions): PortLink {
  requireName(options)
  return inNamespace(options.netns, () => open(options, false, MAC_NONE, undefined))
}

function requireName(options: TunTapOptions): void {
  const { name } = requireOptions('open a TAP or a TUN', options, "{ name: 'tap%d' }")
  if (typeof name !== 'string') {
    throw typeError(`Cannot use name ${shown(name)}: it must be an interface's, such as tap0, or tap%d`)
  }
}

function open(options: TunTapOptions, tap: boolean, mac: MacAddr, kernelMac: MacAddr | undefined): PortLink {
  const slots = slotsOf(options.slots)
  const offload = flag('offload', options.offload, true)
  const isUp = flag('up', options.up, true)
  const addon = native()
  const port = new addon.Port()
  const kind = tap ? 'TAP' : 'TUN'
  check(port.openTunTap(options.name, tap, offload), `open ${kind} "${options.name}"`, 'open', {
    ENOENT:
      'The kernel has no /dev/net/tun. Run: sudo modprobe tun; in Docker: --device /dev/net/tun --cap-add NET_ADMIN',
    ENODEV:
      'The kernel has no TUN driver. Run: sudo modprobe tun; in Docker: --device /dev/net/tun --cap-add NET_ADMIN',
    EPERM:
      'Run as root, or once: sudo setcap cap_net_admin,cap_net_raw+ep $(readlink -f $(which node)), ' +
      `or once: sudo ip tuntap add dev ${options.name} mode ${tap ? 'tap' : 'tun'} user $USER`,
    EINVAL: `"${options.name}" exists and is no ${kind} of one queue, or the name is not valid`,
    EBUSY: 'Choose another name, or end the process that has it open',
  })
  const name = port.name()
  try {
    configure(name, options, kernelMac, isUp)
    const facts = findInterface(name)
    return new PortLink(port, {
      name: `${tap ? 'tap' : 'tun'} ${name}`,
      interface: name,
      medium: tap ? 'ethernet' : 'ip',
      mac,
      mtu: facts.mtu,
      skipOutgoing: false,
      slots,
    })
  } catch (error) {
    port.close()
    throw error
  }
}

function configure(name: string, options: TunTapOptions, kernelMac: MacAddr | undefined, isUp: boolean): void {
  const addon = native()
  const on = `of "${name}"`
  if (kernelMac !== undefined) {
    const octets = Uint8Array.from({ length: 6 }, (_, i) => Math.floor(kernelMac / 256 ** (5 - i)) % 256)
    check(addon.setMac(name, octets), `set the MAC address ${on}`, 'ioctl')
  }
  // A device that its administrator made persistent and set up needs no privilege, as long as nothing changes it.
  const { mtu, up, addresses } = findInterface(name)
  if (options.mtu !== undefined && options.mtu !== mtu) {
    check(addon.setMtu(name, options.mtu), `set MTU ${options.mtu} ${on}`, 'ioctl')
  }
  if (options.kernelAddress !== undefined) {
    const { addr, prefix } = toCidr(options.kernelAddress)
    const there = addresses.some((each) => each.addr === addr && each.prefix === prefix)
    if (!there) check(addon.setAddress(name, addr, maskOf(prefix)), `set the address ${on}`, 'ioctl')
  }
  if (isUp && !up) check(addon.setUp(name, true), `set "${name}" up`, 'ioctl')
}
