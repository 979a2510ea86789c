/**
 * A test of text against a pattern in which `*` stands for anything and `?` for any one character. It never takes longer
 * than one length times the other: what it is asked about comes from strangers.
 */
export function globMatcher(pattern: string): (text: string) => boolean {
  return (text) => {
    let at = 0
    let patternAt = 0
    /** Where the latest star stands, and what it stands for so far ends. */
    let starAt = -1
    let starEnd = 0
    while (at < text.length) {
      if (pattern[patternAt] === '*') {
        starAt = patternAt++
        starEnd = at
      } else if (pattern[patternAt] === '?' || pattern[patternAt] === text[at]) {
        patternAt++
        at++
      } else if (starAt >= 0) {
        patternAt = starAt + 1
        at = ++starEnd
      } else return false
    }
    while (pattern[patternAt] === '*') patternAt++
    return patternAt === pattern.length
  }
}
