#!/usr/bin/env bash
# Builds what the browser loads: `site.sh TARGET SITE`. The bundle (wasm and its script), the style sheet, public files,
# each also compressed, so that the server does not do it at every request.
set -euo pipefail

target=${1:?the target folder of cargo}
site=${2:?the folder to build}

cargo build --locked --package hydrate --target wasm32-unknown-unknown --profile wasm-release
mkdir -p "$site/pkg"
wasm-bindgen --target web --out-name yardmaster --out-dir "$site/pkg" --no-typescript \
  "$target/wasm32-unknown-unknown/wasm-release/hydrate.wasm"

if command -v wasm-opt >/dev/null; then
  # Without common subexpressions put aside the raw file is larger, and what browsers load is smaller.
  wasm-opt -Oz --skip-pass=local-cse --enable-bulk-memory --enable-nontrapping-float-to-int --enable-sign-ext --enable-mutable-globals \
    --enable-reference-types --enable-multivalue "$site/pkg/yardmaster_bg.wasm" -o "$site/pkg/optimised.wasm"
  mv "$site/pkg/optimised.wasm" "$site/pkg/yardmaster_bg.wasm"
else
  echo "   wasm-opt is not here: the bundle stays larger than it could be (npm ci in end2end installs it)"
fi

# The style sheet: main.css with its imports in place.
awk '/^@import "/ { split($0, part, "\""); file = "style/" part[2]; while ((getline line < file) > 0) print line; close(file); next } { print }' \
  style/main.css > "$site/pkg/yardmaster.css"
cp -r public/. "$site/"

if command -v node >/dev/null; then
  node end2end/compress.mjs "$site/pkg"
fi
