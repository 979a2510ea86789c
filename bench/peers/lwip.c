// lwIP behind a TAP: a sink on PORT, a source on PORT+1, an echo on PORT+2, as peer.c has them. The raw API with a netif
// of our own, on one thread that reads the TAP; Debian's library keeps a second one for its timers, and a lock.
//
//   lwip INTERFACE ADDRESS PORT
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <lwip/etharp.h>
#include <lwip/ip4_addr.h>
#include <lwip/netif.h>
#include <lwip/tcp.h>
#include <lwip/tcpip.h>
#include <netif/ethernet.h>

#include "../stream.h"

#define MTU 1500
#define FRAME (MTU + 14)
#define BATCH 64

struct stream {
  uint64_t bytes;
  uint64_t wrong;
  // When a source ends; 0 while it has not been told.
  uint64_t end_ns;
};

static int tap;

static err_t transmit(struct netif *netif, struct pbuf *p) {
  static char frame[FRAME + 64];
  const void *data = p->len == p->tot_len ? p->payload : pbuf_get_contiguous(p, frame, sizeof frame, p->tot_len, 0);
  (void)netif;
  return write(tap, data, p->tot_len) < 0 ? ERR_BUF : ERR_OK;
}

static err_t prepare(struct netif *netif) {
  netif->name[0] = 't';
  netif->name[1] = 'p';
  netif->mtu = MTU;
  netif->hwaddr_len = 6;
  memcpy(netif->hwaddr, "\x02\x00\x00\x00\x11\x01", 6);
  netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET;
  netif->output = etharp_output;
  netif->linkoutput = transmit;
  return ERR_OK;
}

static void failed(void *arg, err_t error) {
  (void)error;
  free(arg);
}

static err_t finish(struct tcp_pcb *pcb, struct stream *s) {
  tcp_arg(pcb, NULL);
  tcp_recv(pcb, NULL);
  tcp_sent(pcb, NULL);
  tcp_err(pcb, NULL);
  free(s);
  if (tcp_close(pcb) == ERR_OK) return ERR_OK;
  tcp_abort(pcb);
  return ERR_ABRT;
}

static void check(struct stream *s, const struct pbuf *p) {
  for (; p != NULL; p = p->next) {
    const unsigned char *data = p->payload;
    for (uint64_t at = (s->bytes + PAGE - 1) / PAGE * PAGE; at < s->bytes + p->len; at += PAGE)
      if (data[at - s->bytes] != mark(at)) s->wrong++;
    s->bytes += p->len;
  }
}

static err_t sink(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error) {
  struct stream *s = arg;
  (void)error;
  if (p == NULL) {
    uint64_t report[2] = {s->bytes, s->wrong};
    tcp_write(pcb, report, sizeof report, TCP_WRITE_FLAG_COPY);
    return finish(pcb, s);
  }
  check(s, p);
  tcp_recved(pcb, p->tot_len);
  pbuf_free(p);
  return ERR_OK;
}

// Fills the send buffer; at the end of its time, closes.
static err_t pour(void *arg, struct tcp_pcb *pcb, u16_t acknowledged) {
  // lwIP copies what it is given, so one chunk is enough.
  static unsigned char chunk[TCP_SND_BUF];
  struct stream *s = arg;
  (void)acknowledged;
  if (s->end_ns == 0) return ERR_OK;
  if (now_ns() >= s->end_ns) return finish(pcb, s);
  for (u16_t length; (length = (u16_t)tcp_sndbuf(pcb)) > 0; s->bytes += length) {
    for (uint64_t at = (s->bytes + PAGE - 1) / PAGE * PAGE; at < s->bytes + length; at += PAGE)
      chunk[at - s->bytes] = mark(at);
    if (tcp_write(pcb, chunk, length, TCP_WRITE_FLAG_COPY) != ERR_OK) break;
  }
  tcp_output(pcb);
  return ERR_OK;
}

static err_t source(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error) {
  struct stream *s = arg;
  uint64_t ms = 0;
  (void)error;
  if (p == NULL) return s->end_ns == 0 ? finish(pcb, s) : ERR_OK;
  if (pbuf_copy_partial(p, &ms, sizeof ms, 0) == sizeof ms) s->end_ns = now_ns() + ms * 1000000;
  tcp_recved(pcb, p->tot_len);
  pbuf_free(p);
  return pour(s, pcb, 0);
}

static err_t echo(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error) {
  (void)error;
  if (p == NULL) return finish(pcb, arg);
  tcp_write(pcb, p->payload, p->len, TCP_WRITE_FLAG_COPY);
  tcp_output(pcb);
  tcp_recved(pcb, p->tot_len);
  pbuf_free(p);
  return ERR_OK;
}

static err_t accepted(void *handler, struct tcp_pcb *pcb, err_t error) {
  if (error != ERR_OK || pcb == NULL) return ERR_VAL;
  tcp_nagle_disable(pcb);
  tcp_arg(pcb, calloc(1, sizeof(struct stream)));
  tcp_err(pcb, failed);
  tcp_recv(pcb, (tcp_recv_fn)handler);
  if (handler == (void *)source) tcp_sent(pcb, pour);
  return ERR_OK;
}

static void listen_on(int port, tcp_recv_fn handler) {
  struct tcp_pcb *pcb = tcp_new();
  if (tcp_bind(pcb, IP4_ADDR_ANY, (u16_t)port) != ERR_OK) die("bind");
  pcb = tcp_listen(pcb);
  tcp_arg(pcb, (void *)handler);
  tcp_accept(pcb, accepted);
}

static void receive(struct netif *netif) {
  static char frame[FRAME + 64];
  for (int i = 0; i < BATCH; i++) {
    ssize_t length = read(tap, frame, sizeof frame);
    if (length <= 0) return;
    struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)length, PBUF_RAM);
    if (p == NULL) continue;
    pbuf_take(p, frame, (u16_t)length);
    if (netif->input(p, netif) != ERR_OK) pbuf_free(p);
  }
}

int main(int argc, char **argv) {
  static struct netif netif;
  struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
  ip4_addr_t address, mask, gateway;
  if (argc != 4) {
    fputs("usage: lwip INTERFACE ADDRESS PORT\n", stderr);
    return 2;
  }
  strncpy(request.ifr_name, argv[1], IFNAMSIZ - 1);
  tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
  if (tap < 0 || ioctl(tap, TUNSETIFF, &request) < 0) die("tap");
  ip4addr_aton(argv[2], &address);
  ip4_addr_set_zero(&gateway);
  IP4_ADDR(&mask, 255, 255, 255, 0);
  tcpip_init(NULL, NULL);
  LOCK_TCPIP_CORE();
  netif_add(&netif, &address, &mask, &gateway, NULL, prepare, ethernet_input);
  netif_set_default(&netif);
  netif_set_link_up(&netif);
  netif_set_up(&netif);
  int port = atoi(argv[3]);
  listen_on(port, sink);
  listen_on(port + 1, source);
  listen_on(port + 2, echo);
  UNLOCK_TCPIP_CORE();
  puts("ready");
  fflush(stdout);
  for (struct pollfd readable = {.fd = tap, .events = POLLIN};; poll(&readable, 1, -1)) {
    LOCK_TCPIP_CORE();
    receive(&netif);
    UNLOCK_TCPIP_CORE();
  }
}
