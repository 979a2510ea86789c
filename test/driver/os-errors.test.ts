import assert from 'node:assert/strict'
import { constants } from 'node:os'
import { describe, it } from 'node:test'

import { check, osError } from '../../src/driver/os-errors.ts'

const { EACCES, EBUSY, EINVAL, ENODEV, EPERM } = constants.errno

describe('osError', () => {
  it('says what, why and the fix', () => {
    const error = osError(-EPERM, 'open AF_PACKET socket on "eth0"', 'open')
    assert.equal(error.code, 'EPERM')
    assert.equal(error.syscall, 'open')
    assert.equal(
      error.message,
      'Cannot open AF_PACKET socket on "eth0": permission denied. Run as root, or once: ' +
        'sudo setcap cap_net_admin,cap_net_raw+ep $(readlink -f $(which node)) (EPERM)',
    )
  })

  it('prefers the fix of the caller, by errno or by code', () => {
    assert.match(osError(-EACCES, 'x', 'open', { EPERM: 'Ask' }).message, /denied\. Ask \(EPERM\)$/)
    assert.match(osError(-EBUSY, 'x', 'open', { EBUSY: 'Wait' }).message, /holds it\. Wait \(EADDRINUSE\)$/)
  })

  it('names an errno it has no words for', () => {
    assert.equal(osError(-constants.errno.ELOOP, 'x', 'open').message, 'Cannot x: ELOOP (EINVAL)')
    assert.equal(osError(-9999, 'x', 'open').message, 'Cannot x: errno 9999 (EINVAL)')
  })
})

describe('check', () => {
  it('passes results on and throws errnos', () => {
    assert.equal(check(7, 'x', 'open'), 7)
    assert.equal(check(0, 'x', 'open'), 0)
    assert.throws(() => check(-ENODEV, 'x', 'open'), { code: 'ENODEV' })
    assert.throws(() => check(-EINVAL, 'x', 'open'), { code: 'EINVAL' })
  })
})
