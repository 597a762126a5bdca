#!/usr/bin/env bash
# Installs what the build needs and is missing: `tools.sh FOLDER WASM_BINDGEN_VERSION`.
set -euo pipefail

folder=${1:?a folder for tools}
bindgen=${2:?the version of wasm-bindgen}

if ! command -v git >/dev/null; then
  echo "   installing git (Debian package)"
  apt-get install --yes git >/dev/null
fi
if ! rustup target list --installed | grep -qx wasm32-unknown-unknown; then
  echo "   installing the Rust target wasm32-unknown-unknown"
  rustup target add wasm32-unknown-unknown
fi
if [ "$(wasm-bindgen --version 2>/dev/null || true)" != "wasm-bindgen $bindgen" ]; then
  echo "   installing wasm-bindgen-cli $bindgen into $folder (about three minutes)"
  cargo install wasm-bindgen-cli --version "$bindgen" --root "$folder" --target-dir "$folder/build" --quiet
  rm -rf "$folder/build"
fi
if command -v npm >/dev/null && ! command -v wasm-opt >/dev/null; then
  echo "   installing wasm-opt (npm package binaryen) into end2end/node_modules"
  (cd "$(dirname "$0")" && npm ci --no-audit --no-fund --loglevel=error)
fi
