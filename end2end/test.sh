#!/usr/bin/env bash
# Every test, in order of how quickly it says no. Starts every server it needs itself and leaves none running.
set -euo pipefail
cd "$(dirname "$0")/.."

export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
export PATH="$CARGO_TARGET_DIR/tools/bin:$PWD/end2end/node_modules/.bin:$PATH"
began=$(date +%s)
scratch=$(mktemp -d)
# PostgreSQL runs as a user of its own and has to get through here.
chmod 711 "$scratch"
failed=()
mkdir "$scratch/log"

# tell NAME: what in a failed stage's output says why, once more at the end, where one looks first.
tell() {
  echo "══ $1 failed; from its output:"
  sed 's/\x1b\[[0-9;]*m//g' "$scratch/log/$1" \
    | grep -E -A 8 -e '^ *[✘×]' -e '^ *FAIL' -e '^FAILED' -e '^ +[0-9]+\) ' -e '(^| )[Ee]rror(:|\[)' -e ' ERROR ' -e 'panicked at' \
    | cut -c 1-240 | tail -n 40 || tail -n 20 "$scratch/log/$1"
}

finish() {
  [ -d "$scratch/postgres" ] && end2end/postgres.sh stop "$scratch/postgres" >/dev/null 2>&1
  rm -rf "$scratch"
}
trap finish EXIT

# stage NAME COMMAND…: runs it, says how long it took; a failure is remembered and the rest goes on.
stage() {
  local name=$1 started
  shift
  started=$(date +%s)
  echo "══ $name"
  if "$@" 2>&1 | tee "$scratch/log/$name"; then
    echo "══ $name: ok, $(($(date +%s) - started)) s"
  else
    echo "══ $name: FAILED, $(($(date +%s) - started)) s"
    failed+=("$name")
  fi
}

install() { end2end/install.sh "$CARGO_TARGET_DIR/tools"; }
rust_tests() {
  local all=(--locked --workspace --exclude hydrate --features server/demo --no-fail-fast)
  if command -v cargo-nextest >/dev/null; then
    cargo nextest run "${all[@]}"
  else
    # Here all tests of a binary share a process: the one that measures its memory comes afterwards, alone.
    local ok=0
    cargo test "${all[@]}" -- --skip hammer:: || ok=1
    cargo test --locked --package server --features demo --test it -- hammer:: || ok=1
    return "$ok"
  fi
}

stage "install what is missing" install
stage "format" cargo fmt --all --check
stage "lint" cargo clippy --locked --workspace --exclude hydrate --all-targets --features server/demo -- -D warnings
stage "browser bundle" end2end/site.sh "$CARGO_TARGET_DIR" "$CARGO_TARGET_DIR/site"
stage "program" cargo build --locked --package server --features demo --package sim
TEST_POSTGRES_URL=$(end2end/postgres.sh start "$scratch/postgres")
export TEST_POSTGRES_URL YARDMASTER_SITE="$CARGO_TARGET_DIR/site"
stage "tests on SQLite and PostgreSQL" rust_tests
stage "simulator against botocore" end2end/botocore/run.sh "$CARGO_TARGET_DIR"
stage "kill -9 at every point" end2end/crash/run.sh "$CARGO_TARGET_DIR"
stage "browser" end2end/browser/run.sh "$CARGO_TARGET_DIR"
stage "real endpoints" end2end/real/run.sh "$CARGO_TARGET_DIR"

echo "══ all of it: $(($(date +%s) - began)) s"
if [ ${#failed[@]} -gt 0 ]; then
  for name in "${failed[@]}"; do tell "$name"; done
  printf 'failed: %s\n' "${failed[@]}" >&2
  exit 1
fi
