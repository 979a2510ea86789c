/** RFC 3454 table C.1.2: spaces that are not ASCII's. */
const SPACES = /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/gu
/** RFC 3454 table B.1: what is commonly mapped to nothing. */
const NOTHING = /\u00ad|\u034f|\u1806|[\u180b-\u180d]|\u200c|\u200d|\u2060|[\ufe00-\ufe0f]|\ufeff/gu
/**
 * RFC 4013 §2.3: control characters (C.2), private use (C.3), non-characters (C.4), surrogates (C.5), inappropriate for
 * plain text (C.6), for canonical representation (C.7), changing display (C.8) and tagging (C.9).
 */
const PROHIBITED =
  /\u0340|\u0341|[\p{Cc}\p{Co}\p{Cs}\p{Noncharacter_Code_Point}\u06dd\u070f\u180e\u2028\u2029\u2061-\u2063\u206a-\u206f\ufff9-\ufffd\u2ff0-\u2ffb\u200e\u200f\u202a-\u202e\u{1d173}-\u{1d17a}\u{e0001}\u{e0020}-\u{e007f}]/u

/**
 * A user name or a password as both sides compare it (RFC 4013): one spelling for what looks the same. Undefined when it
 * is empty, or has characters that nobody can type or see.
 */
export function saslPrep(text: string): string | undefined {
  // Not RFC: the check of §2.4 for text in two directions and of §2.5 for unassigned code points is left out; see docs/deviations.md#saslprep
  const prepared = text.replace(SPACES, ' ').replace(NOTHING, '').normalize('NFKC')
  return prepared === '' || PROHIBITED.test(prepared) ? undefined : prepared
}
