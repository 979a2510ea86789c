// What the programs in C have in common: the clock, and the stream that both ends of a connection know.
#ifndef GOTCP_BENCH_STREAM_H_
#define GOTCP_BENCH_STREAM_H_

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PAGE 4096

static inline void die(const char *what) {
  perror(what);
  exit(1);
}

static inline uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

// The byte at an offset that PAGE divides; mark.ts knows it as well.
static inline unsigned char mark(uint64_t offset) { return (unsigned char)((offset / PAGE) * 167 + 13); }

#endif  // GOTCP_BENCH_STREAM_H_
