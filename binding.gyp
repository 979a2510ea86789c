{
  "targets": [
    {
      "target_name": "gotcp",
      "sources": [
        "native/addon.cc",
        "native/coalescer.cc",
        "native/interface.cc",
        "native/packet.cc",
        "native/packet-ring.cc",
        "native/poller.cc",
        "native/port.cc",
        "native/port-receive.cc",
        "native/port-send.cc",
        "native/segmenter.cc",
        "native/socket.cc",
        "native/transport-checksum.cc",
        "native/tuntap.cc",
        "native/withholding.cc"
      ],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=8", "NAPI_DISABLE_CPP_EXCEPTIONS", "NODE_ADDON_API_DISABLE_DEPRECATED"],
      "cflags_cc": [
        "-std=c++17",
        "-O2",
        "-Wall",
        "-Wextra",
        "-Wno-unused-parameter",
        "-fvisibility=hidden",
        "-U_FORTIFY_SOURCE",
        "-D_FORTIFY_SOURCE=2",
        "-fstack-protector-strong",
        "-fstack-clash-protection",
        "-fno-exceptions",
        "-fno-rtti"
      ],
      "cflags_cc!": ["-std=gnu++17", "-std=gnu++20", "-O3"],
      "ldflags": ["-Wl,-z,relro,-z,now", "-Wl,-z,noexecstack"],
      "conditions": [["OS!='linux'", { "type": "none" }]]
    }
  ]
}
