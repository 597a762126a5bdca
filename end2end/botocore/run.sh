#!/usr/bin/env bash
# Starts the simulator and checks the raw body of each of its answers against botocore's service models: `run.sh TARGET`.
set -euo pipefail
cd "$(dirname "$0")/../.."

scratch=$(mktemp -d)
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$1/debug/sim" serve --driven --data "$scratch/world" --addr-aws "127.0.0.1:$port" >"$scratch/log" 2>&1 &
sim=$!
trap 'kill $sim 2>/dev/null; wait $sim 2>/dev/null; rm -rf "$scratch"' EXIT

until curl --silent --fail --output /dev/null "http://127.0.0.1:$port/_sim/operations"; do
  kill -0 $sim 2>/dev/null || { cat "$scratch/log" >&2; exit 1; }
  read -r -t 0.2 _ < <(:) || true
done
end2end/.venv/bin/python end2end/botocore/check_sim.py --endpoint "http://127.0.0.1:$port"
