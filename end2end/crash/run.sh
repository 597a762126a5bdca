#!/usr/bin/env bash
# Ends the real program at every point at which it can be ended while it deploys, starts it again, and lets the ledger of
# a simulator that outlived it say what happened. `run.sh TARGET [WHICH]`; WHICH picks points by a part of their name.
set -euo pipefail
cd "$(dirname "$0")/../.."

target=$1
export CARGO_TARGET_DIR=$target
# The binary that can be told to die goes to a place of its own. The dependencies are shared with the plain build, so
# only the server is compiled again; the build after it puts the plain one back, which costs its link.
cargo build --quiet --locked --package sim
cargo build --quiet --locked --package server --features demo,failpoints
mkdir -p "$target/crash"
cp "$target/debug/yardmaster" "$target/crash/yardmaster"
cargo build --quiet --locked --package server --features demo

exec python3 end2end/crash/crash.py "$target/crash/yardmaster" "$target/debug/sim" "${@:2}"
