/**
 * A kind of capture file, as its writer needs it. A record is a head, the
 * packet's bytes as they are, and a tail.
 */
export interface CaptureFormat {
  /** The bytes a file of one interface begins with. */
  header(linkType: number): Uint8Array
  /** Head and tail of a record, at most, in bytes. */
  readonly overhead: number
  /** Writes a record's head at `at`; returns where the packet's bytes go. */
  writeHead(
    view: DataView,
    at: number,
    seconds: number,
    nanos: number,
    captured: number,
    originalLength: number,
  ): number
  /** Writes the tail after a packet that ends at `end`, for the record that began at `at`; returns the record's end. */
  writeTail(view: DataView, at: number, end: number): number
}
