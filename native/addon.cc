// The module table. The addon knows descriptors and memory, never a protocol: every failure is a negative errno,
// which TypeScript words.
#include <malloc.h>
#include <napi.h>
#include <time.h>

#include "alarm.h"
#include "checksum.h"
#include "interface.h"
#include "port.h"
#include "socket.h"

namespace gotcp {
namespace {

// checksum(bytes, from, to, sum): adds a range to a running sum of big-endian words, folded to 16 bits.
napi_value Checksum(napi_env env, napi_callback_info info) {
  size_t argc = 4;
  napi_value argv[4];
  napi_value result = nullptr;
  napi_typedarray_type type;
  size_t length = 0;
  void* data = nullptr;
  uint32_t from = 0;
  uint32_t to = 0;
  double sum = 0;
  napi_get_cb_info(env, info, &argc, argv, nullptr, nullptr);
  if (napi_get_typedarray_info(env, argv[0], &type, &length, &data, nullptr, nullptr) == napi_ok &&
      napi_get_value_uint32(env, argv[1], &from) == napi_ok && napi_get_value_uint32(env, argv[2], &to) == napi_ok &&
      napi_get_value_double(env, argv[3], &sum) == napi_ok && type == napi_uint8_array && from <= to && to <= length) {
    napi_create_uint32(env, AddSum(static_cast<uint64_t>(sum), static_cast<uint8_t*>(data) + from, to - from), &result);
  }
  return result;
}

// wallClock(): CLOCK_REALTIME in microseconds, which the kernel stamps frames with.
napi_value WallClock(napi_env env, napi_callback_info) {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  napi_value result = nullptr;
  napi_create_double(env, static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3, &result);
  return result;
}

// trimMemory(): gives the kernel the pages that the allocator holds free, wherever they lie; whether there were any.
napi_value TrimMemory(napi_env env, napi_callback_info) {
  bool trimmed = false;
#ifdef __GLIBC__
  trimmed = malloc_trim(0) != 0;
#endif
  napi_value result = nullptr;
  napi_get_boolean(env, trimmed, &result);
  return result;
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports.Set("Alarm", Alarm::Define(env));
  exports.Set("Port", Port::Define(env));
  DefineInterface(env, exports);
  DefineSocket(env, exports);
  napi_value checksum = nullptr;
  napi_create_function(env, "checksum", NAPI_AUTO_LENGTH, Checksum, nullptr, &checksum);
  exports.Set("checksum", checksum);
  napi_value wall_clock = nullptr;
  napi_create_function(env, "wallClock", NAPI_AUTO_LENGTH, WallClock, nullptr, &wall_clock);
  exports.Set("wallClock", wall_clock);
  napi_value trim_memory = nullptr;
  napi_create_function(env, "trimMemory", NAPI_AUTO_LENGTH, TrimMemory, nullptr, &trim_memory);
  exports.Set("trimMemory", trim_memory);
  return exports;
}

}  // namespace
}  // namespace gotcp

static Napi::Object InitModule(Napi::Env env, Napi::Object exports) { return gotcp::Init(env, exports); }

NODE_API_MODULE(gotcp, InitModule)
