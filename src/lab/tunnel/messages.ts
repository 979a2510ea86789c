/** What the process of the lines is told first, and then. */
export interface LineSettings {
  readonly left: string
  readonly right: string
  /** Each way, in microseconds. */
  readonly delay: number
  /** Bits per second; undefined where the kernel sees to it. */
  readonly rate: number | undefined
  readonly queueBytes: number
}
export type LinesOrder =
  | { readonly lay: readonly LineSettings[] }
  | { readonly cut: number }
  | { readonly mend: number }

/** What it says: octets that each line has carried to the right; that a mended line carries again, after so many milliseconds. */
export type LinesReport = { readonly octets: readonly number[] } | { readonly carriesAfter: number }

/** A configuration, as its file would have it. */
export type EndSettings = Readonly<Record<string, unknown>>
/** What an end of the tunnel is told: first what it is; then, if it is the client, which paths may carry something. */
export type EndOrder = { readonly settings: EndSettings } | { readonly use: readonly string[] }

/** What the process that sends is told: `pour` so many octets; or, without a number, until `enough`. */
export type PourOrder = { readonly pour: number | undefined } | { readonly enough: true }
/** What was sent; times are milliseconds on a clock that all processes share. */
export interface Poured {
  readonly octets: number
  readonly sha256: string
  readonly beganAt: number
}

/** What the process that receives is told: from now on watch for silence. */
export interface TakeOrder {
  readonly watch: true
}
export interface Taken {
  readonly octets: number
  readonly sha256: string
  readonly endedAt: number
  /** The longest silence since `watch`, in milliseconds. */
  readonly gap: number
}
/** What it says while it receives, and at the end. */
export type TakeReport = { readonly octets: number } | { readonly taken: Taken }
