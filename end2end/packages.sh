# Sourced by tools.sh and install.sh: `need PROGRAM PACKAGE…` remembers Debian packages that bring a missing program,
# `install_needed` installs what was remembered, or says in a sentence who can.

needed=()

need() {
  command -v "$1" >/dev/null || needed+=("${@:2}")
}

install_needed() {
  [ ${#needed[@]} -gt 0 ] || return 0
  if ! command -v apt-get >/dev/null; then
    echo "missing: ${needed[*]} (as Debian calls these packages); install them with this machine's package manager" >&2
    exit 1
  fi
  if [ "$(id -u)" != 0 ]; then
    echo "missing: ${needed[*]}; run this once as root, or install them: sudo apt-get install ${needed[*]}" >&2
    exit 1
  fi
  echo "   installing ${needed[*]} (Debian packages)"
  # Once for all that is installed by one `make`: a fresh machine has no list of packages at all.
  if [ -z "$(find /var/lib/apt/lists -name '*Packages*' -mmin -1440 -print -quit 2>/dev/null)" ]; then
    apt-get update -qq
  fi
  DEBIAN_FRONTEND=noninteractive apt-get install --yes -qq "${needed[@]}" >/dev/null
  needed=()
}
