/**
 * Every limit of the session, in one place: what bounds its memory, its records and how long it waits. Octets unless said
 * otherwise; times in microseconds. What only tunes an algorithm, such as a scheduler's margin, stands beside it.
 */

/** Frames of one record, at most: what a reader must be ready for. */
export const MAX_RECORD = 131_072
/** What a sender puts in one record, at most and at least: half of the records' cost is per record, their delay is per octet. */
export const LARGEST_RECORD = 65_536
export const SMALLEST_RECORD = 4096
/** A record takes its path about so long, so that a slow path does not hold much of what others wait for. */
export const RECORD_TIME = 4_000
/** With so many of frames that steer a record is left to the others. */
export const MAX_CONTROL = 16_384
/** A stream gives way to the next after so much, when several have something to send. */
export const QUANTUM = 16_384
/** A payload this small is copied beside its header: one piece less costs more to send than to copy. */
export const COPY_BELOW = 1024

export const MAX_SERVICE = 255
export const MAX_TEXT = 512
export const MAX_DATAGRAM = 65_507

/** A stream begins with this window, which a reader who never reads costs, and which grows fast while he keeps up. */
export const STREAM_WINDOW = 32_768
export const MAX_STREAM_WINDOW = 16 * 1_048_576
/** A session's window: what may be on the way or wait for what is missing before it, over all streams. */
export const SESSION_WINDOW = 1_048_576
export const MAX_SESSION_WINDOW = 64 * 1_048_576
/**
 * What windows of streams may grow by, over all streams of a session: of those whose readers have shown that they read, and
 * of the others, whose octets may only have filled buffers so far. So much must have been read for that; and none takes
 * more than a share of what is left, so that there always is some.
 */
export const PROVEN_POOL = 48 * 1_048_576
export const PROVEN_SHARE = 1 / 3
export const PROVEN_OCTETS = 8 * 1_048_576
export const UNPROVEN_POOL = 12 * 1_048_576
export const UNPROVEN_SHARE = 1 / 3
/**
 * What readers have not taken yet, over all streams of a session, before it counts against the session's window too: what
 * the pools and the first windows of two thousand streams amount to.
 */
export const MAX_UNREAD = 124 * 1_048_576
/**
 * All windows of a process together. A session's may have such a share of what is left and what it has itself, so `n` busy
 * ones have `BUDGET / (n + 2)` each; and one always has the least, however many there are.
 */
export const BUDGET = 256 * 1_048_576
export const BUDGET_SHARE = 1 / 3
export const LEAST_WINDOW = 65_536

/** What a stream's user may write ahead of what is sent, before `write` returns false; it grows while it runs dry. */
export const WRITE_AHEAD = 65_536
export const MAX_WRITE_AHEAD = 1_048_576
/** The same of all streams of a session together, before each has the least. */
export const WRITE_BUDGET = 8 * 1_048_576
export const LEAST_WRITE_AHEAD = 8192

/** Streams and flows that the other side may have open at once, and how far ahead of a missing one it may number them. */
export const MAX_STREAMS = 10_000
export const MAX_AHEAD = 65_536
/** Beyond the former, so many are refused one by one; a peer that has still more of them under way keeps to nothing. */
export const MAX_REFUSED = 16_384
/** Datagrams of flows that were not opened yet, kept until they are: so many of a flow, so many octets in all. */
export const MAX_EARLY_DATAGRAMS = 1024
export const MAX_EARLY_OCTETS = 1_048_576
/** Turns of telling users and sending what they say, in one poll. */
export const MAX_TURNS = 8
/** Pieces, over all streams, that wait for what is missing before them. */
export const MAX_PIECES = 65_536

/** Datagrams of a flow that wait: so many octets, each counted with so many besides, and so long. */
export const FLOW_QUEUE = 1_048_576
export const DATAGRAM_COST = 64
export const FLOW_PATIENCE = 200_000
/** A queue that has stood for that long is no burst: then each waits so long only, and what goes is fresh. */
export const FLOW_FRESH = 40_000
/** Numbers of a flow's datagrams that are remembered, so that none is delivered twice. */
export const REMEMBERED_DATAGRAMS = 4096

/** Paths of a session, where nothing else is configured: whoever lets them in counts them. */
export const MAX_PATHS = 16
/** Paths that are gone, of which acknowledgements may still come. */
export const REMEMBERED_PATHS = 16
/** Records of a path whose times are remembered, to measure round trips by. */
export const SENT_TIMES = 1024
/** Copies that wait for a path before those that are not needed any more are thrown away. */
export const MANY_COPIES = 512
/** A path that is being ended is given up when nothing of it was acknowledged for so long. */
export const CLOSING_TIME = 1_000_000
/** With so much before them in a pipe, acknowledgements and what steers wait as well: its peer reads nothing. */
export const MAX_BEHIND = 1_048_576

/** Room that a rate holds back is looked at again after so long. */
export const RELEASE_GAP = 10_000

/** An acknowledgement waits for company at most so long, or until so much came. */
export const ACK_DELAY = 2_000
export const ACK_EVERY = 65_536

/** Before anything is known of a path. RFC 6298 would wait a second; here a wrong guess costs a few octets sent twice. */
export const FIRST_RTT = 100_000
export const FIRST_CAP = 32_768
/** A path is stalled when nothing of it was acknowledged for `max(2 srtt + 4 rttvar, this)`. */
export const LEAST_STALL = 120_000
/** Nor, however often that was too short, silence for longer than this, unless two round trips take that long. */
export const MOST_STALL = 5_000_000
/** A stalled path is asked so soon, then half as often each time. */
export const FIRST_PROBE = 200_000
export const LAST_PROBE = 5_000_000
/** A path with nothing to carry is asked whether it lives: while something is open, and while nothing is. */
export const PING_BUSY = 1_000_000
export const PING_IDLE = 15_000_000

/**
 * Of the octets sent, this share, and so many besides, may be sent a second time: to unblock a window, or for an end to be
 * there sooner.
 */
export const REINJECT_SHARE = 0.03
export const REINJECT_EXTRA = 262_144
