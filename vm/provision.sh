#!/usr/bin/env bash
# Makes a Debian 12 machine ready: Node 20, gotcp built in /opt/gotcp, and gotcp on the PATH.
set -euo pipefail

if ! command -v node >/dev/null || [ "$(node -p 'process.versions.node.split(".")[0]')" -lt 20 ]; then
  apt-get update
  apt-get install -y --no-install-recommends ca-certificates curl gnupg
  curl -fsSL https://deb.nodesource.com/setup_20.x | bash -
  apt-get install -y nodejs
fi

mkdir -p /opt/gotcp
cp -a /gotcp-source/. /opt/gotcp/
cd /opt/gotcp
npm ci
npm run build
node tools/system.mjs lab tests
ln -sf /opt/gotcp/dist/src/cli/main.js /usr/local/bin/gotcp
gotcp --version
