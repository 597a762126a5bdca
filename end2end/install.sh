#!/usr/bin/env bash
# Installs what the tests need and is missing: `install.sh FOLDER`. Says what.
set -euo pipefail
cd "$(dirname "$0")/.."

version=$(sed -n '/^name = "wasm-bindgen"$/{n;s/version = "\(.*\)"/\1/p}' Cargo.lock)
end2end/tools.sh "$1" "$version"

# Debian packages, by what they bring.
missing=()
command -v chromium >/dev/null || missing+=(chromium)
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || missing+=(postgresql)
command -v python3 >/dev/null || missing+=(python3 python3-venv)
if [ ${#missing[@]} -gt 0 ]; then
  echo "   installing ${missing[*]} (Debian packages)"
  apt-get update -qq && apt-get install --yes -qq "${missing[@]}" >/dev/null
fi

echo "   installing npm packages of end2end"
(cd end2end && npm ci --no-audit --no-fund --loglevel=error)

python=end2end/.venv/bin/python
if ! { [ -x "$python" ] && "$python" -m pip freeze -q 2>/dev/null | grep -qi "^boto3=="; }; then
  echo "   installing Python packages into end2end/.venv"
  python3 -m venv end2end/.venv
  "$python" -m pip install --quiet --disable-pip-version-check -r end2end/requirements.txt
fi
