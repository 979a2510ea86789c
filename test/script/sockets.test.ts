import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ACCEPTED, CONNECTED, fails, passes } from './run.ts'

const NONBLOCKING = `${ACCEPTED} +0 fcntl(4, F_SETFL, O_RDWR|O_NONBLOCK) = 0\n`
const OPEN = `${CONNECTED}
  +0 > S 0:0(0) <...>
  +.1 < S. 0:0(0) ack 1 win 65535 <mss 1000>
  +0 > . 1:1(0) ack 1
`

describe('sockets of a script, as on Linux', () => {
  it('connect: in progress, already, then 0, then connected', () => {
    passes(`${CONNECTED}
      +0 > S 0:0(0) <...>
      +0 connect(3, ..., ...) = -1 EALREADY
      +0 write(3, ..., 10) = -1 EAGAIN
      +.1 < S. 0:0(0) ack 1 win 65535 <mss 1000>
      +0 > . 1:1(0) ack 1
      +0 connect(3, ..., ...) = 0
      +0 connect(3, ..., ...) = -1 EISCONN`)
  })

  it('connect: a refusal is told once, and the socket may try again', () => {
    passes(`${CONNECTED}
      +0 > S 0:0(0) <...>
      +.1 < R. 0:0(0) ack 1 win 0
      +0 poll([{fd=3, events=POLLOUT, revents=POLLOUT|POLLERR|POLLHUP}], 1, 0) = 1
      +0 getsockopt(3, SOL_SOCKET, SO_ERROR, [ECONNREFUSED], [4]) = 0
      +0 getsockopt(3, SOL_SOCKET, SO_ERROR, [0], [4]) = 0
      +0 connect(3, ..., ...) = -1 ECONNABORTED
      +0 connect(3, ..., ...) = -1 EINPROGRESS`)
  })

  it('read: what is there, EAGAIN, the end', () => {
    passes(`${NONBLOCKING}
      +0 read(4, ..., 100) = -1 EAGAIN
      +0 < P. 1:31(30) ack 1 win 65535
      +0 > . 1:1(0) ack 31
      +0 ioctl(4, SIOCINQ, [30]) = 0
      +0 recv(4, ..., 10, MSG_PEEK) = 10
      +0 read(4, ..., 20) = 20
      +0 readv(4, [{..., 5}, {..., 50}], 2) = 10
      +0 < F. 31:31(0) ack 1 win 65535
      +0 > . 1:1(0) ack 32
      +0 read(4, ..., 100) = 0`)
  })

  it('after a reset: the error once, then the end and a broken pipe', () => {
    passes(`${NONBLOCKING}
      +0 < R. 1:1(0) ack 1 win 0
      +0 read(4, ..., 100) = -1 ECONNRESET
      +0 read(4, ..., 100) = 0
      +0 write(4, ..., 100) = -1 EPIPE`)
    passes(`${NONBLOCKING}
      +0 < F. 1:1(0) ack 1 win 65535
      +0 > . 1:1(0) ack 2
      +0 < R. 2:2(0) ack 1 win 0
      +0 write(4, ..., 100) = -1 EPIPE`)
  })

  it('write: as much as SO_SNDBUF takes, counted in buffers as Linux does', () => {
    passes(`${NONBLOCKING}
      +0 setsockopt(4, SOL_SOCKET, SO_SNDBUF, [5000], 4) = 0
      +0 getsockopt(4, SOL_SOCKET, SO_SNDBUF, [10000], [4]) = 0
      +0 write(4, ..., 100000) = 42000
      +0 write(4, ..., 1) = -1 EAGAIN
      +0 ioctl(4, SIOCOUTQ, [42000]) = 0
      +0 ioctl(4, SIOCOUTQNSD, [32000]) = 0
      +0 poll([{fd=4, events=POLLOUT, revents=0}], 1, 0) = 0`)
  })

  it('send: MSG_MORE holds back, a cork does, TCP_NODELAY lets go', () => {
    passes(`${ACCEPTED}
      +0 send(4, ..., 40, MSG_MORE) = 40
      +.01 sendmsg(4, {msg_iov(2)=[{..., 10}, {..., 50}], msg_flags=0}, 0) = 60
      +0 > P. 1:101(100) ack 1
      +.1 < . 1:1(0) ack 101 win 65535
      +0 setsockopt(4, SOL_TCP, TCP_CORK, [1], 4) = 0
      +0 writev(4, [{..., 30}, {..., 20}], 2) = 50
      +.05 setsockopt(4, SOL_TCP, TCP_NODELAY, [1], 4) = 0
      +0 > P. 101:151(50) ack 1`)
  })

  it('shutdown and close: FIN, or a reset for what nobody read', () => {
    passes(`${ACCEPTED}
      +0 shutdown(4, SHUT_WR) = 0
      +0 > F. 1:1(0) ack 1
      +0 write(4, ..., 10) = -1 EPIPE
      +0 < . 1:1(0) ack 2 win 65535
      +0 close(4) = 0`)
    passes(`${ACCEPTED}
      +0 < P. 1:11(10) ack 1 win 65535
      +0 > . 1:1(0) ack 11
      +0 close(4) = 0
      +0 > R. 1:1(0) ack 11`)
    passes(`${ACCEPTED}
      +0 setsockopt(4, SOL_SOCKET, SO_LINGER, {onoff=1, linger=0}, 8) = 0
      +0 close(4) = 0
      +0 > R. 1:1(0) ack 1`)
  })

  it('poll and epoll: what can be done, what is over, what went wrong', () => {
    passes(`${ACCEPTED}
      +0 epoll_create(1) = 5
      +0 epoll_ctl(5, EPOLL_CTL_ADD, 4, {events=EPOLLIN|EPOLLET, fd=4}) = 0
      +0 epoll_wait(5, {events=0, fd=4}, 1, 0) = 0
      +0 poll([{fd=4, events=POLLIN|POLLOUT, revents=POLLOUT}], 1, 0) = 1
      +0...0.1 poll([{fd=4, events=POLLIN, revents=POLLIN}], 1, 1000) = 1
      +.1 < P. 1:11(10) ack 1 win 65535
      +0 > . 1:1(0) ack 11
      +0 epoll_wait(5, {events=EPOLLIN, fd=4}, 1, 0) = 1
      +0 epoll_wait(5, {events=EPOLLIN, fd=4}, 1, 0) = 0
      +0 read(4, ..., 10) = 10
      +0...0.05 poll([{fd=4, events=POLLIN, revents=0}], 1, 50) = 0
      +.1 < F. 11:11(0) ack 1 win 65535
      +0 > . 1:1(0) ack 12
      +0 poll([{fd=4, events=POLLIN|POLLRDHUP, revents=POLLIN|POLLRDHUP}], 1, 0) = 1`)
    assert.match(fails(`${ACCEPTED} +0 poll([{fd=4, events=POLLOUT, revents=0}], 1, 0) = 1`).seen, /POLLOUT/)
  })

  it('options: what was set is told, what is not known is refused', () => {
    passes(`${OPEN}
      +0 setsockopt(3, SOL_TCP, TCP_KEEPIDLE, [5], 4) = 0
      +0 getsockopt(3, SOL_TCP, TCP_KEEPIDLE, [5], [4]) = 0
      +0 setsockopt(3, SOL_TCP, TCP_KEEPIDLE, [0], 4) = -1 EINVAL
      +0 getsockopt(3, SOL_TCP, TCP_CONGESTION, "cubic", [5]) = 0
      +0 getsockopt(3, SOL_TCP, TCP_MAXSEG, [1000], [4]) = 0
      +0 setsockopt(3, SOL_TCP, 99, [1], 4) = -1 ENOPROTOOPT
      +0 fcntl(3, F_GETFL) = 0x802`)
    assert.match(fails(`${OPEN} +0 getsockopt(3, SOL_TCP, TCP_MAXSEG, [999], [4]) = 0`).seen, /1000/)
  })

  it('keep-alive follows its options', () => {
    passes(`${ACCEPTED}
      +0 setsockopt(4, SOL_SOCKET, SO_KEEPALIVE, [1], 4) = 0
      +0 setsockopt(4, SOL_TCP, TCP_KEEPIDLE, [5], 4) = 0
      +0 setsockopt(4, SOL_TCP, TCP_KEEPINTVL, [2], 4) = 0
      +0 setsockopt(4, SOL_TCP, TCP_KEEPCNT, [2], 4) = 0
      +5 > . 0:0(0) ack 1
      +2 > . 0:0(0) ack 1
      +2.1 read(4, ..., 10) = -1 ETIMEDOUT`)
  })

  it('what a script asks for and cannot have is said', () => {
    assert.match(
      fails(`${ACCEPTED} +0 splice(4, 5) = 0`).seen,
      /splice is a system call that this machine does not have/,
    )
    assert.match(fails(`${ACCEPTED} +0 read(9, ..., 10) = 0`).seen, /descriptor 9 is not open/)
    assert.match(fails(`${ACCEPTED} +0 read(4, ...) = 0`).seen, /read takes 3 arguments, and here are 2/)
    assert.match(fails(`${ACCEPTED} +0 setsockopt(4, SOL_WHAT, 1, [1], 4) = 0`).seen, /SOL_WHAT is not a constant/)
  })
})
