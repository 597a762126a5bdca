#!/usr/bin/env bash
# Ends the real program at every point at which it can be ended while it deploys, starts it again, and lets the ledger of
# a simulator that outlived it say what happened. `run.sh TARGET [WHICH]`; WHICH picks points by a part of their name.
set -euo pipefail
cd "$(dirname "$0")/../.."

target=$1
export CARGO_TARGET_DIR=$target
# The binary that can be told to die goes to a place of its own. Features and packages are otherwise those of the plain
# build, so that only the server is compiled twice; the last line puts the plain one back.
cargo build --quiet --locked --package sim --package server --features server/demo,server/failpoints
mkdir -p "$target/crash"
cp "$target/debug/yardmaster" "$target/crash/yardmaster"
cargo build --quiet --locked --package sim --package server --features server/demo

exec python3 end2end/crash/crash.py "$target/crash/yardmaster" "$target/debug/sim" "${@:2}"
