#!/usr/bin/env bash
# A temporary PostgreSQL cluster for the tests: `postgres.sh start DIR` prints its address, `postgres.sh stop DIR` ends
# it and removes it. The server refuses to run as root, so as root it runs as the user `postgres`.
set -euo pipefail

action=${1:?start or stop}
directory=${2:?a directory}

if [ "$(id -u)" = 0 ]; then
  id postgres >/dev/null 2>&1 || useradd --system --no-create-home postgres
  as() { runuser -u postgres -- "$@"; }
else
  as() { "$@"; }
fi

tools=$(command -v pg_ctl >/dev/null && dirname "$(command -v pg_ctl)" || ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
if [ ! -x "$tools/initdb" ]; then
  echo "PostgreSQL's server programs (initdb, pg_ctl) are not installed; on Debian: apt-get install postgresql" >&2
  exit 1
fi

# told LOG…: shows logs, as far as they are there.
told() {
  for log in "$@"; do
    if [ -e "$log" ]; then echo "--- $log" && tail -n 40 "$log"; fi >&2
  done
}

case $action in
start)
  mkdir -p "$directory"
  [ "$(id -u)" = 0 ] && chown postgres "$directory"
  as "$tools/initdb" --pgdata="$directory/data" --auth=trust --username=yardmaster --encoding=UTF8 --locale=C >"$directory.log" 2>&1 ||
    { told "$directory.log"; exit 1; }
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  as "$tools/pg_ctl" --pgdata="$directory/data" --wait --silent \
    --options="-h 127.0.0.1 -p $port -c unix_socket_directories='' -c max_connections=300 -c fsync=off" \
    --log="$directory/server.log" start >>"$directory.log" 2>&1 ||
    { told "$directory.log" "$directory/server.log"; exit 1; }
  echo "postgres://yardmaster@127.0.0.1:$port/postgres"
  ;;
stop)
  as "$tools/pg_ctl" --pgdata="$directory/data" --mode=immediate --silent stop || true
  rm -rf "$directory" "$directory.log"
  ;;
*)
  echo "start or stop" >&2
  exit 2
  ;;
esac
