/** The lab could not do something to this machine; says what, and where possible the fix. */
export class LabError extends Error {
  override readonly name = 'LabError'
  readonly code = 'ERR_LAB'
}
