// Kernel sockets that hold a port or wait to be connected, and the options of any socket.
#ifndef GOTCP_NATIVE_SOCKET_H_
#define GOTCP_NATIVE_SOCKET_H_

#include <napi.h>

#include <map>

#include "fd.h"

namespace gotcp {

// The port holds of one environment; they close with it.
struct Holds {
  std::map<int, Fd> by_fd;
};

void DefineSocket(Napi::Env env, Napi::Object exports);

}  // namespace gotcp

#endif  // GOTCP_NATIVE_SOCKET_H_
