/** RFC 6928 §2: min(10·MSS, max(2·MSS, 14600)); or what the user wants, in segments. */
export const initialWindow = (mss: number, segments?: number): number =>
  segments === undefined ? Math.min(10 * mss, Math.max(2 * mss, 14600)) : segments * mss
