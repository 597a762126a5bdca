#!/usr/bin/env bash
# Runs the program against endpoints that nobody here wrote: an AWS emulator (seeded by boto3), a certified OpenID
# provider, a real Git repository and a signed webhook; a browser logs in, approves and lets the train depart; boto3 says
# what runs then. `run.sh TARGET`.
set -euo pipefail
cd "$(dirname "$0")"

target=$1
scratch=$(mktemp -d)
python=$PWD/../.venv/bin/python
pids=()
finish() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  if [ "${passed:-}" != yes ]; then
    for log in "$scratch"/*.log; do echo "--- $log"; tail -n 40 "$log"; done >&2
  fi
  rm -rf "$scratch"
}
trap finish EXIT
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
# until_up WHAT URL PID: asks until it answers or its process has ended.
until_up() {
  until curl --silent --output /dev/null "$2"; do
    kill -0 "$3" 2>/dev/null || { echo "$1 ended before it answered" >&2; exit 1; }
    read -r -t 0.2 _ < <(:) || true
  done
}

aws_port=$(free_port) identity_port=$(free_port) port=$(free_port)
aws=http://127.0.0.1:$aws_port
url=http://127.0.0.1:$port

GATEWAY_PORT=$aws_port "$python" -m ministack >"$scratch/ministack.log" 2>&1 &
pids+=($!)
until_up ministack "$aws/_ministack/health" $!
node provider.mjs "$identity_port" yardmaster provider-secret-for-the-check "$url/auth/callback/sso" >"$scratch/provider.log" 2>&1 &
pids+=($!)
until_up oidc-provider "http://127.0.0.1:$identity_port/.well-known/openid-configuration" $!

export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
git init --quiet --initial-branch=main "$scratch/work"
commit() {
  echo "$1" >>"$scratch/work/README"
  git -C "$scratch/work" add README
  git -C "$scratch/work" -c user.name=Dana -c user.email=dana@shop.example commit --quiet --message "$1"
  git -C "$scratch/work" rev-parse HEAD
}
old=$(commit "Open the shop")
new=$(commit "Greet customers by name")
git clone --quiet --bare "$scratch/work" "$scratch/shop/storefront.git"
facts=$("$python" world.py seed "$aws" "$old" "$new")
fact() { "$python" -c 'import json, sys; print(json.loads(sys.argv[1])[sys.argv[2]])' "$facts" "$1"; }

cat >"$scratch/yardmaster.toml" <<TOML
listen = "127.0.0.1:$port"
public_url = "$url"
data = "$scratch/data"

[keys]
audit = "0123456789abcdef0123456789abcdef"
data = "fedcba9876543210fedcba9876543210"

[[login]]
name = "sso"
label = "Shop single sign-on"
issuer = "http://127.0.0.1:$identity_port"
client_id = "yardmaster"
client_secret = "provider-secret-for-the-check"

[[source]]
name = "github"
forge = "github"
secret = "webhook-secret-for-the-check"
clone_prefixes = ["file://$scratch/"]

[aws]
endpoint_url = "$aws"
access_key_id = "test"
secret_access_key = "test"

[[aws.account]]
id = "000000000000"
alias = "emulator"
regions = ["us-east-1"]
TOML
yardmaster=$target/debug/yardmaster
"$yardmaster" config check --config "$scratch/yardmaster.toml" >/dev/null
"$yardmaster" policy apply policy.toml --config "$scratch/yardmaster.toml"
"$yardmaster" user grant ada@shop.example devops --config "$scratch/yardmaster.toml"
"$yardmaster" serve --config "$scratch/yardmaster.toml" >"$scratch/yardmaster.log" 2>&1 &
pids+=($!)
until_up yardmaster "$url/livez" $!
node github.mjs "$url/hooks/github" webhook-secret-for-the-check "$scratch/shop/storefront.git" "$old" "$new"

YARDMASTER_URL=$url SERVICE_ARN=$(fact service) RUNNING=$(fact running) WANTED=$(fact wanted) COMMIT=$new \
  npx playwright test --config playwright.config.mjs
"$python" world.py verify "$aws" "$(fact wanted)"
# The log is coloured where it is. An ERROR is a loop that failed or a page that broke; nothing here is made to.
if sed 's/\x1b\[[0-9;]*m//g' "$scratch/yardmaster.log" | grep -n -e "panicked at" -e " ERROR "; then
  echo "the program's log tells of panics or errors" >&2
  exit 1
fi
passed=yes
