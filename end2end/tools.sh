#!/usr/bin/env bash
# Installs what the build needs and is missing: `tools.sh FOLDER WASM_BINDGEN_VERSION`.
set -euo pipefail

folder=${1:?a folder for tools}
bindgen=${2:?the version of wasm-bindgen}

. "$(dirname "$0")/packages.sh"
need git git
need curl curl
need cc build-essential
need node nodejs
need npm npm
install_needed
if ! command -v cargo >/dev/null || ! command -v rustup >/dev/null; then
  echo "missing: the Rust toolchain (cargo and rustup); install it from https://rustup.rs" >&2
  exit 1
fi
if ! rustup target list --installed | grep -qx wasm32-unknown-unknown; then
  echo "   installing the Rust target wasm32-unknown-unknown"
  rustup target add wasm32-unknown-unknown
fi
if [ "$(wasm-bindgen --version 2>/dev/null || true)" != "wasm-bindgen $bindgen" ]; then
  echo "   installing wasm-bindgen-cli $bindgen into $folder (about a minute)"
  # It works for a second at each build: optimising it would take three minutes to save one.
  CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
    cargo install wasm-bindgen-cli --version "$bindgen" --root "$folder" --target-dir "$folder/build" --quiet
  rm -rf "$folder/build"
fi
if ! command -v wasm-opt >/dev/null; then
  echo "   installing wasm-opt (npm package binaryen) into end2end/node_modules"
  (cd "$(dirname "$0")" && npm ci --no-audit --no-fund --loglevel=error)
fi
