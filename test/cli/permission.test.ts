import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { aboutPermission } from '../../src/cli/permission.ts'

describe('aboutPermission()', () => {
  it('warns of setcap on the machine, and of its uselessness in a user namespace', () => {
    assert.match(aboutPermission('         0          0 4294967295\n'), /every program that this node runs/)
    assert.match(aboutPermission('         0      65534          1\n'), /as root of the machine/)
  })
})
