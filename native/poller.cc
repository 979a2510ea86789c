#include "poller.h"

#include <cerrno>

namespace gotcp {

struct Poller::Handle {
  uv_poll_t poll;
  Poller* poller;
  void* owner;
  Callback on_ready;
  void (*on_end)(void*);
  napi_async_cleanup_hook_handle hook;
};

int Poller::Open(napi_env env, int fd, void* owner, Callback on_ready, void (*on_end)(void*)) {
  uv_loop_t* loop = nullptr;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return -EINVAL;
  Handle* handle = new Handle{};
  const int status = uv_poll_init(loop, &handle->poll, fd);
  if (status != 0) {
    delete handle;
    return status;
  }
  handle->poll.data = handle;
  handle->poller = this;
  handle->owner = owner;
  handle->on_ready = on_ready;
  handle->on_end = on_end;
  napi_add_async_cleanup_hook(
      env,
      [](napi_async_cleanup_hook_handle, void* data) {
        Handle* ending = static_cast<Handle*>(data);
        if (ending->poller != nullptr) ending->on_end(ending->owner);
      },
      handle, &handle->hook);
  handle_ = handle;
  return 0;
}

int Poller::Watch(int events) {
  if (handle_ == nullptr) return -EBADF;
  if (events == events_) return 0;
  events_ = events;
  if (events == 0) return uv_poll_stop(&handle_->poll);
  return uv_poll_start(&handle_->poll, events, [](uv_poll_t* poll, int status, int ready) {
    Handle* handle = static_cast<Handle*>(poll->data);
    if (handle->poller == nullptr) return;
    // libuv has stopped the handle when it reports an error.
    if (status < 0) handle->poller->events_ = 0;
    handle->on_ready(handle->owner, status < 0 ? -1 : ready);
  });
}

void Poller::SetRef(bool ref) {
  if (handle_ == nullptr) return;
  uv_handle_t* handle = reinterpret_cast<uv_handle_t*>(&handle_->poll);
  if (ref) {
    uv_ref(handle);
  } else {
    uv_unref(handle);
  }
}

void Poller::Close() {
  if (handle_ == nullptr) return;
  Handle* handle = handle_;
  handle_ = nullptr;
  events_ = 0;
  handle->poller = nullptr;
  uv_close(reinterpret_cast<uv_handle_t*>(&handle->poll), [](uv_handle_t* closed) {
    Handle* owner = static_cast<Handle*>(closed->data);
    napi_remove_async_cleanup_hook(owner->hook);
    delete owner;
  });
}

}  // namespace gotcp
