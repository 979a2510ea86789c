// The kernel's knowledge of interfaces, and the few settings a device of ours needs.
#ifndef GOTCP_NATIVE_INTERFACE_H_
#define GOTCP_NATIVE_INTERFACE_H_

#include <napi.h>

namespace gotcp {

void DefineInterface(Napi::Env env, Napi::Object exports);

}  // namespace gotcp

#endif  // GOTCP_NATIVE_INTERFACE_H_
