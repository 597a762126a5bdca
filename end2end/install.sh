#!/usr/bin/env bash
# Installs what the tests need and is missing: `install.sh FOLDER`. Says what.
set -euo pipefail
cd "$(dirname "$0")/.."

version=$(sed -n '/^name = "wasm-bindgen"$/{n;s/version = "\(.*\)"/\1/p}' Cargo.lock)
end2end/tools.sh "$1" "$version"

. end2end/packages.sh
need chromium chromium
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || need initdb postgresql
# Debian has Python without what makes virtual environments.
if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
  needed+=(python3 python3-venv)
fi
install_needed
command -v cargo-nextest >/dev/null || echo "   cargo-nextest is not here: \`cargo test\` runs the Rust tests, one binary after another and without time limits"

if [ "$(node -p 'parseInt(process.versions.node)')" -lt 20 ]; then
  echo "Node $(node --version) is too old: the tests need 20 or newer; install it from https://nodejs.org" >&2
  exit 1
fi
echo "   installing npm packages of end2end"
(cd end2end && npm ci --no-audit --no-fund --loglevel=error)

python=end2end/.venv/bin/python
if ! { [ -x "$python" ] && "$python" -m pip freeze -q 2>/dev/null | grep -qi "^boto3=="; }; then
  echo "   installing Python packages into end2end/.venv"
  python3 -m venv end2end/.venv
  "$python" -m pip install --quiet --disable-pip-version-check -r end2end/requirements.txt
fi
