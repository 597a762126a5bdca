#!/usr/bin/env bash
# The whole product in a browser: starts the demo world with nobody pushing by themselves, then lets four people use it
# side by side, each with stories of their own. Fails too when the program's log tells of a panic or an error.
# `run.sh TARGET [PLAYWRIGHT ARGUMENT…]`.
set -euo pipefail
target=$(realpath "$1")
shift
cd "$(dirname "$0")"

scratch=$(mktemp -d)
log=$scratch/yardmaster.log
finish() {
  if [ -n "${pid:-}" ]; then kill "$pid" 2>/dev/null || true; fi
  wait 2>/dev/null || true
  if [ "${passed:-}" != yes ] && [ -e "$log" ]; then
    echo "--- the end of the program's log" >&2
    tail -n 60 "$log" >&2
  fi
  rm -rf "$scratch"
}
trap finish EXIT

# The demo takes four ports in a row: its own, and those of its identity provider, AWS and forge.
port=$(python3 - <<'PYTHON'
import random, socket

def is_free(port):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True

while True:
    # Below the range from which the system takes the ports of outgoing connections.
    first = random.randrange(20000, 30000)
    if all(is_free(first + step) for step in range(4)):
        print(first)
        break
PYTHON
)
url=http://127.0.0.1:$port
"$target/debug/yardmaster" demo --addr "127.0.0.1:$port" --data "$scratch/data" --speed 40 --quiet >"$log" 2>&1 &
pid=$!
until curl --silent --fail --output /dev/null "$url/livez"; do
  kill -0 "$pid" 2>/dev/null || { echo "yardmaster ended before it answered" >&2; exit 1; }
  read -r -t 0.2 _ < <(:) || true
done

YARDMASTER_URL=$url FORGE_URL=http://127.0.0.1:$((port + 3)) PLAYWRIGHT_OUTPUT=${PLAYWRIGHT_OUTPUT:-$scratch/output} \
  npx playwright test --config playwright.config.mjs "$@"
kill -0 "$pid" 2>/dev/null || { echo "yardmaster ended while it was used" >&2; exit 1; }
# The log is coloured where it is.
if sed 's/\x1b\[[0-9;]*m//g' "$log" | grep -n -e "panicked at" -e " ERROR "; then
  echo "the program's log tells of panics or errors" >&2
  exit 1
fi
passed=yes
