// A timer of the event loop that is exact to some tens of microseconds; libuv's own count whole milliseconds.
#ifndef GOTCP_NATIVE_ALARM_H_
#define GOTCP_NATIVE_ALARM_H_

#include <napi.h>
#include <sys/timerfd.h>

#include <cerrno>
#include <cstdint>

#include "fd.h"
#include "poller.h"

namespace gotcp {

class Alarm : public Napi::ObjectWrap<Alarm> {
 public:
  static Napi::Function Define(Napi::Env env) {
    return DefineClass(env, "Alarm",
                       {
                           InstanceMethod("open", &Alarm::Open),
                           InstanceMethod("set", &Alarm::Set),
                           InstanceMethod("close", &Alarm::Close),
                       });
  }

  explicit Alarm(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Alarm>(info) {}
  ~Alarm() override { Shut(); }

 private:
  // open(onAlarm): 0 or -errno
  Napi::Value Open(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    fd_.reset(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
    if (!fd_) return Napi::Number::New(env, -errno);
    on_alarm_ = Napi::Persistent(info[0].As<Napi::Function>());
    if (napi_async_init(env, nullptr, Napi::String::New(env, "gotcp:alarm"), &context_) != napi_ok) {
      return Napi::Number::New(env, -ENOMEM);
    }
    int status = poller_.Open(
        env, fd_.get(), this, [](void* alarm, int) { static_cast<Alarm*>(alarm)->Ring(); },
        [](void* alarm) { static_cast<Alarm*>(alarm)->Shut(); });
    if (status == 0) {
      Ref();
      poller_.SetRef(false);
      status = poller_.Watch(UV_READABLE);
    }
    return Napi::Number::New(env, status);
  }

  // set(micros): rings once so long from now, in place of what was set before; keeps the process alive until then.
  Napi::Value Set(const Napi::CallbackInfo& info) {
    const int64_t micros = info[0].As<Napi::Number>().Int64Value();
    itimerspec at = {};
    // A time of zero would stop the timer.
    at.it_value.tv_sec = micros > 0 ? micros / 1000000 : 0;
    at.it_value.tv_nsec = micros > 0 ? micros % 1000000 * 1000 : 1;
    const int status = timerfd_settime(fd_.get(), 0, &at, nullptr);
    if (status == 0) poller_.SetRef(true);
    return Napi::Number::New(info.Env(), status == 0 ? 0 : -errno);
  }

  Napi::Value Close(const Napi::CallbackInfo& info) {
    Shut();
    return info.Env().Undefined();
  }

  void Ring() {
    uint64_t count;
    // Set again since it was due.
    if (read(fd_.get(), &count, sizeof count) < 0) return;
    poller_.SetRef(false);
    napi_env env = Env();
    Napi::HandleScope scope(env);
    napi_value global;
    napi_get_global(env, &global);
    if (napi_make_callback(env, context_, global, on_alarm_.Value(), 0, nullptr, nullptr) == napi_pending_exception) {
      napi_value error;
      napi_get_and_clear_last_exception(env, &error);
      napi_fatal_exception(env, error);
    }
  }

  void Shut() {
    if (!fd_) return;
    poller_.Close();
    fd_.reset();
    if (context_ == nullptr) return;
    napi_async_destroy(Env(), context_);
    context_ = nullptr;
    on_alarm_.Reset();
    Unref();
  }

  Fd fd_;
  Poller poller_;
  Napi::FunctionReference on_alarm_;
  napi_async_context context_ = nullptr;
};

}  // namespace gotcp

#endif  // GOTCP_NATIVE_ALARM_H_
