// A client that speaks as little TCP as a wire without loss lets it get away with, over an AF_PACKET socket with
// virtio-net headers: what is left of the kernel's speed once frames go through such a socket, before any TCP worth the
// name, event loop or language has cost anything.
//
//   bare send|receive|rr|awake|crr INTERFACE ADDRESS HOST PORT MS COPIES
//
// talks to `peer serve` as `peer` does, from an address that nobody else has, and prints the same line of JSON. COPIES is
// 0, or 1 for a copy between the user's memory and the socket's, which an API needs whose writes return before they are
// acknowledged and whose readers own what they read. There is no congestion control; what is lost is sent again from there
// on after 200 ms.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "stream.h"

#define WARM_UP_MS 100
#define MAX_SAMPLES (4 * 1024 * 1024)
#define MSS 1460
#define SUPER (44 * MSS)
#define WINDOW (1024 * 1024)
#define SCALE 10
#define BUFFER (32 * 1024 * 1024)
#define BATCH 32
// What a batch brings is still in the cache when it is read.
#define BATCH_BYTES (256 * 1024)
#define SLOT (68 * 1024)
#define RESEND_NS 200000000u
#define GIVE_UP_NS 5000000000u

#define VNET sizeof(struct virtio_net_hdr)
#define IP_AT ETH_HLEN
#define TCP_AT (IP_AT + 20)
#define TCP_LENGTH 20
#define HEADERS (TCP_AT + TCP_LENGTH)

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

struct connection {
  uint16_t port;
  uint32_t una, nxt, rcv_nxt;
  uint32_t window;
  uint8_t scale;
  bool open, ended;
};

static int wire;
static uint8_t our_mac[6], their_mac[6];
static uint32_t us, them;
static uint16_t their_port;
static bool copies;
// Waits for an answer on the processor.
static bool is_awake;
static struct connection now_open;
static uint64_t received, wrong;
// What comes is the stream; else it is an answer, of which the beginning is kept.
static bool is_stream;
static struct {
  uint64_t bytes, wrong;
} answer;

// The stream repeats itself after so much: the same memory serves every offset.
static uint8_t stream[256 * PAGE + SUPER];
static uint8_t *ring, *user;
static uint8_t slots[BATCH][SLOT] __attribute__((aligned(64)));
static struct mmsghdr in[BATCH];
static struct iovec in_pieces[BATCH];
static uint8_t out_headers[BATCH][VNET + HEADERS + 8];
static struct mmsghdr out[BATCH];
static struct iovec out_pieces[BATCH][2];

static void put16(uint8_t *at, unsigned value) { at[0] = (uint8_t)(value >> 8), at[1] = (uint8_t)value; }
static void put32(uint8_t *at, uint32_t value) { put16(at, value >> 16), put16(at + 2, value); }
static unsigned get16(const uint8_t *at) { return (unsigned)at[0] << 8 | at[1]; }
static uint32_t get32(const uint8_t *at) { return get16(at) << 16 | get16(at + 2); }

static double cpu_seconds(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static unsigned folded_sum(const uint8_t *data, unsigned length, unsigned sum) {
  for (unsigned i = 0; i < length; i += 2) sum += get16(data + i);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

static void put_ethernet(uint8_t *frame, unsigned type) {
  memcpy(frame, their_mac, 6);
  memcpy(frame + 6, our_mac, 6);
  put16(frame + 12, type);
}

// Writes the headers of a segment; their length. The kernel finishes the checksum and cuts what is longer than one segment.
static size_t put_headers(uint8_t *at, unsigned flags, uint32_t seq, unsigned length) {
  const struct connection *c = &now_open;
  unsigned options = flags & SYN ? 8 : 0, segment = TCP_LENGTH + options + length;
  struct virtio_net_hdr vnet = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = TCP_AT, .csum_offset = 16};
  if (length > MSS) {
    vnet.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
    vnet.gso_size = MSS;
    vnet.hdr_len = HEADERS;
  }
  memcpy(at, &vnet, VNET);
  uint8_t *frame = at + VNET, *ip = frame + IP_AT, *tcp = frame + TCP_AT;
  put_ethernet(frame, ETH_P_IP);
  memset(ip, 0, 20);
  ip[0] = 0x45;
  put16(ip + 2, 20 + segment);
  ip[6] = 0x40;
  ip[8] = 64;
  ip[9] = IPPROTO_TCP;
  put32(ip + 12, us);
  put32(ip + 16, them);
  put16(ip + 10, ~folded_sum(ip, 20, 0));
  put16(tcp, c->port);
  put16(tcp + 2, their_port);
  put32(tcp + 4, seq);
  put32(tcp + 8, c->rcv_nxt);
  tcp[12] = (uint8_t)((TCP_LENGTH + options) << 2);
  tcp[13] = (uint8_t)flags;
  put16(tcp + 14, flags & SYN ? 65535 : WINDOW >> SCALE);
  put16(tcp + 16, folded_sum(ip + 12, 8, IPPROTO_TCP + segment));
  put16(tcp + 18, 0);
  if (options != 0) memcpy(tcp + 20, (uint8_t[]){2, 4, MSS >> 8, MSS & 255, 1, 3, 3, SCALE}, 8);
  return VNET + HEADERS + options;
}

static void flush_out(int count) {
  for (int done = 0; done < count;) {
    int n = sendmmsg(wire, out + done, (unsigned)(count - done), 0);
    if (n < 0) die("sendmmsg");
    done += n;
  }
}

// Makes ready the `index`th frame of the next flush.
static void prepare(int index, unsigned flags, uint32_t seq, const uint8_t *data, unsigned length) {
  out_pieces[index][0] = (struct iovec){out_headers[index], put_headers(out_headers[index], flags, seq, length)};
  out_pieces[index][1] = (struct iovec){(void *)data, length};
  out[index].msg_hdr = (struct msghdr){.msg_iov = out_pieces[index], .msg_iovlen = length > 0 ? 2 : 1};
}

static void transmit(unsigned flags, const void *data, unsigned length) {
  prepare(0, flags, now_open.nxt, data, length);
  flush_out(1);
  now_open.nxt += length + !!(flags & (SYN | FIN));
}

static void take_arp(const uint8_t *frame) {
  const uint8_t *arp = frame + ETH_HLEN;
  if (get32(arp + 14) == them) memcpy(their_mac, arp + 8, 6);
  if (get16(arp + 6) != 1 || get32(arp + 24) != us) return;
  uint8_t reply[VNET + ETH_HLEN + 28] = {0}, *answer = reply + VNET;
  put_ethernet(answer, ETH_P_ARP);
  memcpy(answer + ETH_HLEN, arp, 6);
  put16(answer + ETH_HLEN + 6, 2);
  memcpy(answer + ETH_HLEN + 8, our_mac, 6);
  put32(answer + ETH_HLEN + 14, us);
  memcpy(answer + ETH_HLEN + 18, arp + 8, 10);
  if (send(wire, reply, sizeof reply, 0) < 0) die("send");
}

static void ask_arp(void) {
  uint8_t request[VNET + ETH_HLEN + 28] = {0}, *frame = request + VNET, *arp = frame + ETH_HLEN;
  memset(their_mac, 0xff, 6);
  put_ethernet(frame, ETH_P_ARP);
  memcpy(arp, (uint8_t[]){0, 1, 8, 0, 6, 4, 0, 1}, 8);
  memcpy(arp + 8, our_mac, 6);
  put32(arp + 14, us);
  put32(arp + 24, them);
  if (send(wire, request, sizeof request, 0) < 0) die("send");
}

static void take_data(const uint8_t *data, unsigned length) {
  if (is_stream) {
    for (uint64_t at = (received + PAGE - 1) / PAGE * PAGE; at < received + length; at += PAGE)
      if (data[at - received] != mark(at)) wrong++;
    if (copies) memcpy(user + received % WINDOW, data, length);
  } else {
    memcpy(&answer, data, length < sizeof answer ? length : sizeof answer);
  }
  received += length;
}

// The peer of a connection that is over closes, too: without an answer it would ask again.
static void dismiss(uint16_t port, const uint8_t *tcp, unsigned length) {
  const struct connection current = now_open;
  now_open = (struct connection){.port = port, .nxt = get32(tcp + 8), .rcv_nxt = get32(tcp + 4) + length + 1};
  transmit(ACK, NULL, 0);
  now_open = current;
}

// Takes one frame; whether it is to be acknowledged.
static bool take(const uint8_t *frame) {
  struct connection *c = &now_open;
  if (get16(frame + 12) == ETH_P_ARP) take_arp(frame);
  if (get16(frame + 12) != ETH_P_IP || frame[IP_AT + 9] != IPPROTO_TCP) return false;
  const uint8_t *tcp = frame + TCP_AT;
  unsigned header = tcp[12] >> 4 << 2, length = get16(frame + IP_AT + 2) - 20 - header, flags = tcp[13];
  if (get16(tcp + 2) != c->port) {
    if (flags & FIN) dismiss((uint16_t)get16(tcp + 2), tcp, length);
    return false;
  }
  if (flags & RST) {
    fputs("bare: the peer has reset the connection\n", stderr);
    exit(1);
  }
  uint32_t seq = get32(tcp + 4), ack = get32(tcp + 8);
  if (flags & SYN) {
    c->rcv_nxt = seq + 1;
    for (const uint8_t *at = tcp + 20, *end = tcp + header; at < end && *at != 0; at += *at == 1 ? 1 : at[1])
      if (*at == 3) c->scale = at[2];
    c->open = true;
  }
  if ((int32_t)(ack - c->una) > 0) c->una = ack;
  c->window = get16(tcp + 14) << (flags & SYN ? 0 : c->scale);
  if (length > 0 && seq == c->rcv_nxt) {
    take_data(tcp + header, length);
    c->rcv_nxt += length;
  }
  if ((flags & FIN) && seq + length == c->rcv_nxt && !c->ended) {
    c->rcv_nxt++;
    c->ended = true;
  }
  return length > 0 || (flags & (SYN | FIN));
}

// Takes what has come, or waits for something; false when nothing came for so long.
static bool turn(int patience_ms) {
  static unsigned batch = BATCH;
  int count = recvmmsg(wire, in, batch, MSG_DONTWAIT, NULL);
  if (count < 0 && errno != EAGAIN) die("recvmmsg");
  bool owes = false;
  unsigned bytes = 0;
  for (int i = 0; i < count; i++) {
    owes |= take(slots[i] + VNET);
    bytes += in[i].msg_len;
  }
  if (bytes > 0) batch = BATCH_BYTES * (unsigned)count / bytes;
  if (batch < 1 || batch > BATCH) batch = batch < 1 ? 1 : BATCH;
  if (owes) transmit(ACK, NULL, 0);
  if (count > 0 || patience_ms == 0) return true;
  struct pollfd readable = {.fd = wire, .events = POLLIN};
  return poll(&readable, 1, patience_ms) > 0;
}

static void wait_for(const bool *what) {
  for (uint64_t end = now_ns() + GIVE_UP_NS; !*what;) {
    turn(100);
    if (now_ns() > end) {
      fputs("bare: the peer does not answer\n", stderr);
      exit(1);
    }
  }
}

static void dial(uint16_t port) {
  static uint32_t count = 0;
  if (count++ == 0) count = (uint32_t)now_ns();
  their_port = port;
  uint32_t iss = (uint32_t)now_ns();
  now_open = (struct connection){.port = (uint16_t)(20000 + count % 40000), .una = iss, .nxt = iss};
  received = 0;
  is_stream = false;
  transmit(SYN, NULL, 0);
  wait_for(&now_open.open);
}

static void hang_up(void) {
  transmit(FIN | ACK, NULL, 0);
  wait_for(&now_open.ended);
}

// Sends the stream for so long, and until all of it is acknowledged; the count of bytes.
static uint64_t pour(uint64_t ms) {
  struct connection *c = &now_open;
  const uint32_t begin = c->nxt;
  uint64_t acknowledged = 0, copied = 0, moved_at = now_ns(), end = moved_at + ms * 1000000;
  for (;;) {
    uint64_t at = now_ns();
    uint32_t more = c->una - (begin + (uint32_t)acknowledged);
    if (more > 0) acknowledged += more, moved_at = at;
    uint64_t sent = acknowledged + (c->nxt - c->una);
    if (at > end && sent == acknowledged) return acknowledged;
    if (at > moved_at + RESEND_NS) c->nxt = c->una, sent = acknowledged, moved_at = at;
    uint64_t limit = acknowledged + (c->window < WINDOW ? c->window : WINDOW);
    int count = 0;
    for (; count < BATCH && at <= end && sent + SUPER <= limit; count++, sent += SUPER) {
      const uint8_t *data = stream + sent % (256 * PAGE);
      if (copies) {
        uint8_t *place = ring + sent % (256 * PAGE);
        if (sent == copied) memcpy(place, data, SUPER), copied += SUPER;
        data = place;
      }
      prepare(count, ACK | PSH, c->nxt, data, SUPER);
      c->nxt += SUPER;
    }
    flush_out(count);
    turn(count > 0 ? 0 : 100);
  }
}

static uint64_t send_for(uint16_t port, uint64_t ms) {
  dial(port);
  uint64_t sent = pour(ms);
  hang_up();
  wrong += answer.wrong + (answer.bytes != sent);
  return sent;
}

static uint64_t receive_for(uint16_t port, uint64_t ms) {
  dial(port);
  is_stream = true;
  transmit(ACK | PSH, &ms, sizeof ms);
  while (!now_open.ended && turn((int)(GIVE_UP_NS / 1000000)))
    ;
  transmit(FIN | ACK, NULL, 0);
  return received;
}

static void bulk(uint64_t (*run)(uint16_t, uint64_t), uint16_t port, uint64_t ms) {
  run(port, WARM_UP_MS);
  double cpu = cpu_seconds();
  uint64_t begin = now_ns(), bytes = run(port, ms);
  double seconds = (now_ns() - begin) / 1e9;
  printf("{\"gbps\":%f,\"cpuPerGb\":%f,\"bytes\":%lu,\"wrong\":%lu}\n", bytes * 8 / 1e9 / seconds,
         (cpu_seconds() - cpu) / (bytes / 1e9), bytes, wrong);
}

// One byte there, and the same back.
static void ask(uint8_t byte) {
  uint64_t before = received, end = now_ns() + GIVE_UP_NS;
  transmit(ACK | PSH, &byte, 1);
  while (received == before && turn(is_awake ? 0 : (int)(GIVE_UP_NS / 1000000)) && now_ns() < end)
    ;
  if (*(uint8_t *)&answer != byte) wrong++;
}

static int ascending(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

static void request_response(uint16_t port, uint64_t ms) {
  uint32_t *samples = malloc(MAX_SAMPLES * sizeof *samples);
  size_t count = 0;
  dial(port);
  uint64_t begin = now_ns(), end = begin + (ms + WARM_UP_MS) * 1000000;
  for (uint8_t byte = 0; (now_ns() < end || count == 0) && count < MAX_SAMPLES; byte++) {
    uint64_t t = now_ns();
    ask(byte);
    if (t >= begin + WARM_UP_MS * 1000000) samples[count++] = (uint32_t)(now_ns() - t);
  }
  hang_up();
  qsort(samples, count, sizeof *samples, ascending);
  printf("{\"p50\":%f,\"p99\":%f,\"count\":%zu,\"wrong\":%lu}\n", samples[count / 2] / 1e3,
         samples[count * 99 / 100] / 1e3, count, wrong);
}

static void connect_rate(uint16_t port, uint64_t ms) {
  uint64_t count = 0, begin = now_ns(), end = begin + ms * 1000000;
  for (uint8_t byte = 0; now_ns() < end; byte++, count++) {
    dial(port);
    ask(byte);
    transmit(FIN | ACK, NULL, 0);
  }
  wait_for(&now_open.ended);
  printf("{\"rate\":%f,\"count\":%lu,\"wrong\":%lu}\n", count / ((now_ns() - begin) / 1e9), count, wrong);
}

static void open_wire(const char *name) {
  struct sockaddr_ll at = {
      .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)if_nametoindex(name)};
  struct ifreq facts = {0};
  strncpy(facts.ifr_name, name, IFNAMSIZ - 1);
  wire = socket(AF_PACKET, SOCK_RAW, 0);
  if (wire < 0 || setsockopt(wire, SOL_PACKET, PACKET_VNET_HDR, &(int){1}, sizeof(int)) < 0 ||
      setsockopt(wire, SOL_PACKET, PACKET_IGNORE_OUTGOING, &(int){1}, sizeof(int)) < 0 ||
      setsockopt(wire, SOL_SOCKET, SO_RCVBUFFORCE, &(int){BUFFER}, sizeof(int)) < 0 ||
      setsockopt(wire, SOL_SOCKET, SO_SNDBUFFORCE, &(int){BUFFER}, sizeof(int)) < 0 ||
      ioctl(wire, SIOCGIFHWADDR, &facts) < 0 || bind(wire, (struct sockaddr *)&at, sizeof at) < 0)
    die(name);
  memcpy(our_mac, facts.ifr_hwaddr.sa_data, 6);
  for (int i = 0; i < BATCH; i++) {
    in_pieces[i] = (struct iovec){slots[i], SLOT};
    in[i].msg_hdr = (struct msghdr){.msg_iov = &in_pieces[i], .msg_iovlen = 1};
  }
}

static void find_peer(void) {
  ask_arp();
  for (uint64_t end = now_ns() + GIVE_UP_NS; their_mac[0] == 0xff && now_ns() < end;) turn(100);
}

int main(int argc, char **argv) {
  if (argc != 8) {
    fputs("usage: see the top of bare.c\n", stderr);
    return 2;
  }
  const char *mode = argv[1];
  us = ntohl(inet_addr(argv[3]));
  them = ntohl(inet_addr(argv[4]));
  uint16_t port = (uint16_t)atoi(argv[5]);
  uint64_t ms = strtoull(argv[6], NULL, 10);
  copies = argv[7][0] == '1';
  ring = malloc(sizeof stream);
  user = malloc(sizeof stream);
  for (uint64_t at = 0; at < sizeof stream; at += PAGE) stream[at] = mark(at);
  open_wire(argv[2]);
  find_peer();
  if (strcmp(mode, "send") == 0) bulk(send_for, port, ms);
  if (strcmp(mode, "receive") == 0) bulk(receive_for, port, ms);
  is_awake = strcmp(mode, "awake") == 0;
  if (strcmp(mode, "rr") == 0 || is_awake) request_response(port, ms);
  if (strcmp(mode, "crr") == 0) connect_rate(port, ms);
  return 0;
}
