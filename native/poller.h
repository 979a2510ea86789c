// Readiness of a descriptor on the environment's event loop.
#ifndef GOTCP_NATIVE_POLLER_H_
#define GOTCP_NATIVE_POLLER_H_

#include <node_api.h>
#include <uv.h>

namespace gotcp {

// Owns one uv_poll_t. Its memory outlives the owner until libuv has let go of it,
// and the environment waits for that before it ends.
class Poller {
 public:
  // `events` is of UV_READABLE and UV_WRITABLE; -1 tells of an error condition on the descriptor, after which
  // nothing more is reported until the next Watch.
  using Callback = void (*)(void* owner, int events);

  Poller() = default;
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;
  ~Poller() { Close(); }

  // `on_end` runs when the environment ends while the poller is open; it must Close it. 0 or -errno.
  int Open(napi_env env, int fd, void* owner, Callback on_ready, void (*on_end)(void* owner));
  // Watches for `events`; 0 stops. 0 or -errno.
  int Watch(int events);
  explicit operator bool() const { return handle_ != nullptr; }
  // Whether watching keeps the event loop alive.
  void SetRef(bool ref);
  // Must come before the descriptor is closed. Harmless when repeated.
  void Close();

 private:
  struct Handle;
  Handle* handle_ = nullptr;
  int events_ = 0;
};

}  // namespace gotcp

#endif  // GOTCP_NATIVE_POLLER_H_
