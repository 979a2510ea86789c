import { readFileSync } from 'node:fs'

/** The map of a process that is in no user namespace but the machine's own (user_namespaces(7)). */
const WHOLE_MACHINE = /^\s*0\s+0\s+4294967295\s*$/

/** What a user should know who lacks a permission, before following the advice to become root or to use setcap. */
export function aboutPermission(uidMap: string = readFileSync('/proc/self/uid_map', 'utf8')): string {
  return WHOLE_MACHINE.test(uidMap)
    ? 'setcap gives these rights to every program that this node runs, for every user; setcap -r takes them back'
    : 'root is root of a user namespace only here: what the machine forbids, setcap does not allow either; ' +
        'make the lab, or the container, as root of the machine'
}
