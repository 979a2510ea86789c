// The kernel's side of the benchmark, and the client of its kernel-to-kernel rows: blocking sockets, one connection at
// a time, cubic congestion control where nothing else is said.
//
//   peer serve PORT              sink on PORT, source on PORT+1, echo on PORT+2, and on PORT+3 one that never sleeps while
//                                it has a connection, until standard input ends
//   peer send HOST PORT MS       bytes to a sink for so long
//   peer receive HOST PORT MS    bytes from a source for so long
//   peer rr HOST PORT MS         one byte there, one byte back, again and again
//   peer awake HOST PORT MS      the same, and looks for the answer without sleeping
//   peer crr HOST PORT MS        connect, one byte there, one byte back, close, again and again
//   peer goodput-to HOST PORT MS     what a sink acknowledges within that time
//   peer goodput-from HOST PORT MS   what comes from a source within that time; then resets it
//   peer hold HOST PORT COUNT    so many connections; `ready`; at a line of input, one byte there and back on each
//
//   peer take PORT MS            for one connection: count for so long from the first byte what comes, then reset it
//   peer give PORT CONTROL       for one connection: send until it is reset, with that congestion control
//   peer pour HOST PORT CONTROL  the same from the client's side
//
// A client, and each of the last three, prints one line of JSON. Byte n of a stream is known for every n that 4096 divides; both ends see to it.
#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "stream.h"

#define SEND_SIZE (256 * 1024)
#define RECEIVE_SIZE (1024 * 1024)
#define WARM_UP_MS 100
#define MAX_SAMPLES (4 * 1024 * 1024)

struct tally {
  uint64_t bytes;
  uint64_t wrong;
};

static char *buffer;
static const char *control = "cubic";
// Waits for bytes on the processor.
static bool is_awake;

static double cpu_seconds(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void check(struct tally *t, const char *data, size_t length) {
  for (uint64_t at = (t->bytes + PAGE - 1) / PAGE * PAGE; at < t->bytes + length; at += PAGE)
    if ((unsigned char)data[at - t->bytes] != mark(at)) t->wrong++;
  t->bytes += length;
}

static void prepare(int fd) {
  if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, control, strlen(control)) < 0) die(control);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
}

static int put(int fd, const void *data, size_t length) {
  for (size_t done = 0; done < length;) {
    ssize_t n = send(fd, (const char *)data + done, length - done, MSG_NOSIGNAL);
    if (n < 0) return -1;
    done += (size_t)n;
  }
  return 0;
}

static int get(int fd, void *data, size_t length) {
  for (size_t done = 0; done < length;) {
    ssize_t n = recv(fd, (char *)data + done, length - done, is_awake ? MSG_DONTWAIT : 0);
    if (n < 0 && errno == EAGAIN && is_awake) continue;
    if (n <= 0) return -1;
    done += (size_t)n;
  }
  return 0;
}

// Sends the stream for so long; the count of bytes.
static uint64_t pour(int fd, uint64_t ms) {
  uint64_t offset = 0;
  for (uint64_t end = now_ns() + ms * 1000000; now_ns() < end; offset += SEND_SIZE) {
    for (uint64_t at = 0; at < SEND_SIZE; at += PAGE) buffer[at] = (char)mark(offset + at);
    if (put(fd, buffer, SEND_SIZE) < 0) break;
  }
  return offset;
}

static struct tally drain(int fd) {
  struct tally t = {0, 0};
  for (ssize_t n; (n = recv(fd, buffer, RECEIVE_SIZE, 0)) > 0;) check(&t, buffer, (size_t)n);
  return t;
}

static void sink(int fd) {
  struct tally t = drain(fd);
  put(fd, &t, sizeof t);
}

static void source(int fd) {
  uint64_t ms;
  if (get(fd, &ms, sizeof ms) == 0) pour(fd, ms);
}

static void echo(int fd) {
  char byte;
  while (get(fd, &byte, 1) == 0 && put(fd, &byte, 1) == 0)
    ;
}

static void echo_awake(int fd) {
  is_awake = true;
  echo(fd);
}

static int open_listener(int port) {
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
  if (bind(listener, (struct sockaddr *)&any, sizeof any) < 0 || listen(listener, 1024) < 0) die("listen");
  prepare(listener);
  return listener;
}

// A process that serves a port; its id.
static pid_t serve(int port, void (*handle)(int)) {
  int listener = open_listener(port);
  pid_t child = fork();
  if (child != 0) {
    close(listener);
    return child;
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (;;) {
    int fd = accept(listener, NULL, NULL);
    if (fd < 0) die("accept");
    handle(fd);
    close(fd);
  }
}

static int dial(const char *host, int port) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  inet_pton(AF_INET, host, &to.sin_addr);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  prepare(fd);
  if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0) die("connect");
  return fd;
}

static struct tally send_for(const char *host, int port, uint64_t ms) {
  int fd = dial(host, port);
  uint64_t sent = pour(fd, ms);
  struct tally t;
  shutdown(fd, SHUT_WR);
  if (get(fd, &t, sizeof t) < 0) die("report");
  if (t.bytes != sent) t.wrong++;
  close(fd);
  return t;
}

static struct tally receive_for(const char *host, int port, uint64_t ms) {
  int fd = dial(host, port);
  put(fd, &ms, sizeof ms);
  struct tally t = drain(fd);
  close(fd);
  return t;
}

static void bulk(struct tally (*run)(const char *, int, uint64_t), const char *host, int port, uint64_t ms) {
  uint64_t early = run(host, port, WARM_UP_MS).bytes;
  double cpu = cpu_seconds();
  uint64_t begin = now_ns();
  struct tally t = run(host, port, ms);
  double seconds = (now_ns() - begin) / 1e9;
  printf("{\"gbps\":%f,\"cpuPerGb\":%f,\"bytes\":%lu,\"early\":%lu,\"wrong\":%lu}\n", t.bytes * 8 / 1e9 / seconds,
         (cpu_seconds() - cpu) / (t.bytes / 1e9), t.bytes, early, t.wrong);
}

// One connection to a port that then hears nobody else.
static int accept_one(int port) {
  int listener = open_listener(port);
  puts("ready");
  fflush(stdout);
  int fd = accept(listener, NULL, NULL);
  if (fd < 0) die("accept");
  close(listener);
  return fd;
}

static void take(int fd, uint64_t ms) {
  struct tally t = {0, 0};
  struct pollfd readable = {.fd = fd, .events = POLLIN};
  poll(&readable, 1, -1);
  uint64_t begin = now_ns(), end = begin + ms * 1000000;
  for (uint64_t now; (now = now_ns()) < end;) {
    if (poll(&readable, 1, (int)((end - now) / 1000000) + 1) <= 0) continue;
    ssize_t n = recv(fd, buffer, RECEIVE_SIZE, 0);
    if (n <= 0) break;
    check(&t, buffer, (size_t)n);
  }
  printf("{\"mbps\":%f,\"bytes\":%lu,\"wrong\":%lu}\n", t.bytes * 8e3 / (now_ns() - begin), t.bytes, t.wrong);
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
  close(fd);
}

static void give(int fd) {
  // When the reset that ends it is lost, nobody answers any more.
  setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &(unsigned){10000}, sizeof(unsigned));
  pour(fd, UINT64_MAX / 1000000000);
  struct tcp_info info = {0};
  socklen_t length = sizeof info;
  getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length);
  printf("{\"retransmits\":%u,\"rtt\":%f,\"cwnd\":%u,\"wrong\":0}\n", info.tcpi_total_retrans,
         info.tcpi_rtt / 1e3, info.tcpi_snd_cwnd);
  close(fd);
}

static int ascending(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

static void request_response(const char *host, int port, uint64_t ms) {
  uint32_t *samples = malloc(MAX_SAMPLES * sizeof *samples);
  size_t count = 0;
  uint64_t wrong = 0;
  int fd = dial(host, port);
  uint64_t begin = now_ns(), end = begin + (ms + WARM_UP_MS) * 1000000;
  for (unsigned char byte = 0, answer; (now_ns() < end || count == 0) && count < MAX_SAMPLES; byte++) {
    uint64_t t = now_ns();
    if (put(fd, &byte, 1) < 0 || get(fd, &answer, 1) < 0) die("rr");
    if (answer != byte) wrong++;
    if (t >= begin + WARM_UP_MS * 1000000) samples[count++] = (uint32_t)(now_ns() - t);
  }
  close(fd);
  qsort(samples, count, sizeof *samples, ascending);
  printf("{\"p50\":%f,\"p99\":%f,\"count\":%zu,\"wrong\":%lu}\n", samples[count / 2] / 1e3,
         samples[count * 99 / 100] / 1e3, count, wrong);
}

static void connect_rate(const char *host, int port, uint64_t ms) {
  uint64_t count = 0, wrong = 0;
  uint64_t begin = now_ns(), end = begin + ms * 1000000;
  for (unsigned char byte = 0, answer; now_ns() < end; byte++, count++) {
    int fd = dial(host, port);
    if (put(fd, &byte, 1) < 0 || get(fd, &answer, 1) < 0) die("crr");
    if (answer != byte) wrong++;
    close(fd);
  }
  printf("{\"rate\":%f,\"count\":%lu,\"wrong\":%lu}\n", count / ((now_ns() - begin) / 1e9), count, wrong);
}

static double mbps(uint64_t bytes, uint64_t begin) { return bytes * 8e3 / (now_ns() - begin); }

static void goodput_to(const char *host, int port, uint64_t ms) {
  int fd = dial(host, port);
  // What a bad line has not carried by then is to be little: the sink reports at its end.
  setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &(int){2 * SEND_SIZE}, sizeof(int));
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &(struct timeval){ms / 1000, ms % 1000 * 1000}, sizeof(struct timeval));
  uint64_t begin = now_ns();
  uint64_t sent = 0;
  ssize_t n;
  do {
    for (uint64_t at = 0; at < SEND_SIZE; at += PAGE) buffer[at] = (char)mark(sent / SEND_SIZE * SEND_SIZE + at);
    n = send(fd, buffer + sent % SEND_SIZE, SEND_SIZE - sent % SEND_SIZE, MSG_NOSIGNAL);
    if (n > 0) sent += (uint64_t)n;
  } while (n > 0 && now_ns() < begin + ms * 1000000);
  int waiting = 0;
  ioctl(fd, SIOCOUTQ, &waiting);
  double rate = mbps(sent - (uint64_t)waiting, begin);
  struct tally t;
  shutdown(fd, SHUT_WR);
  if (get(fd, &t, sizeof t) < 0) die("report");
  if (t.bytes != sent) t.wrong++;
  close(fd);
  printf("{\"mbps\":%f,\"bytes\":%lu,\"wrong\":%lu}\n", rate, t.bytes, t.wrong);
}

static void goodput_from(const char *host, int port, uint64_t ms) {
  int fd = dial(host, port);
  // It goes on a little longer than it is looked at.
  uint64_t order = 2 * ms;
  put(fd, &order, sizeof order);
  take(fd, ms);
}

static void hold(const char *host, int port, uint64_t count) {
  struct rlimit files = {count + 16, count + 16};
  int *fds = calloc(count, sizeof *fds);
  setrlimit(RLIMIT_NOFILE, &files);
  for (uint64_t i = 0; i < count; i++) fds[i] = dial(host, port);
  puts("ready");
  fflush(stdout);
  while (getchar() != '\n')
    ;
  uint64_t wrong = 0;
  for (uint64_t i = 0; i < count; i++) {
    unsigned char answer, byte = (unsigned char)i;
    if (put(fds[i], &byte, 1) < 0 || get(fds[i], &answer, 1) < 0 || answer != byte) wrong++;
    close(fds[i]);
  }
  printf("{\"count\":%lu,\"wrong\":%lu}\n", count, wrong);
}

int main(int argc, char **argv) {
  buffer = calloc(1, RECEIVE_SIZE);
  const char *mode = argc > 1 ? argv[1] : "";
  if (strcmp(mode, "serve") == 0 && argc == 3) {
    int port = atoi(argv[2]);
    pid_t children[] = {serve(port, sink), serve(port + 1, source), serve(port + 2, echo), serve(port + 3, echo_awake)};
    puts("ready");
    fflush(stdout);
    while (getchar() != EOF)
      ;
    for (int i = 0; i < 4; i++) kill(children[i], SIGKILL);
    while (wait(NULL) > 0)
      ;
    return 0;
  }
  if (strcmp(mode, "take") == 0 && argc == 4) {
    take(accept_one(atoi(argv[2])), strtoull(argv[3], NULL, 10));
    return 0;
  }
  if (strcmp(mode, "give") == 0 && argc == 4) {
    control = argv[3];
    give(accept_one(atoi(argv[2])));
    return 0;
  }
  if (argc != 5) {
    fputs("usage: see the top of peer.c\n", stderr);
    return 2;
  }
  if (strcmp(mode, "pour") == 0) {
    control = argv[4];
    give(dial(argv[2], atoi(argv[3])));
    return 0;
  }
  int port = atoi(argv[3]);
  uint64_t ms = strtoull(argv[4], NULL, 10);
  if (strcmp(mode, "send") == 0) bulk(send_for, argv[2], port, ms);
  if (strcmp(mode, "receive") == 0) bulk(receive_for, argv[2], port, ms);
  is_awake = strcmp(mode, "awake") == 0;
  if (strcmp(mode, "rr") == 0 || is_awake) request_response(argv[2], port, ms);
  if (strcmp(mode, "crr") == 0) connect_rate(argv[2], port, ms);
  if (strcmp(mode, "goodput-to") == 0) goodput_to(argv[2], port, ms);
  if (strcmp(mode, "goodput-from") == 0) goodput_from(argv[2], port, ms);
  if (strcmp(mode, "hold") == 0) hold(argv[2], port, ms);
  return 0;
}
