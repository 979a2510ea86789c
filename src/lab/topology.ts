/** The two machines of the lab, as in docker-compose.yml and vm/Vagrantfile. */
export interface HostPlan {
  readonly name: string
  /** The address of the kernel on `eth0`; undefined leaves the interface to our stack alone. */
  readonly address: string | undefined
  readonly mac: string
}

/** The lab that is meant when none is named. */
export const DEFAULT_LAB = 'default'

export const INTERFACE = 'eth0'
export const PREFIX = 24

/** node1 is where our stack runs, beside its kernel; node2 is the kernel it talks to. */
export const NODE1 = { name: 'node1', address: '172.20.0.2', mac: '02:00:ac:14:00:02' } as const
export const NODE2 = { name: 'node2', address: '172.20.0.3', mac: '02:00:ac:14:00:03' } as const
export const HOST_NAMES = [NODE1.name, NODE2.name] as const
