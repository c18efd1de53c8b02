# shellcheck shell=bash
# Sourced by every script here: where things are, which versions, how to speak.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
TOOLS=$ROOT/.tools
cd "$ROOT"

say() { printf '%s\n' "latchkey: $*" >&2; }
die() { say "$*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# locked CRATE: the version that Cargo.lock has of it, so that no version is written down twice.
locked() { awk -v name="$1" '$0 == "name = \"" name "\"" { getline; gsub(/version = |"/, ""); print; exit }' Cargo.lock; }

# at_least A B: version A is B or newer.
at_least() { [ "$(printf '%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# minimum_rust: what Cargo.toml asks for.
minimum_rust() { sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml; }

# rust_version RUSTC: as 1.95.0, or nothing.
rust_version() { "$1" --version 2>/dev/null | awk '{ sub(/-.*/, "", $2); print $2 }'; }

# stamped NAME KEY: the step NAME was completed with this KEY. stamp NAME KEY: now it is.
stamped() { [ "$(cat "$TOOLS/stamps/$1" 2>/dev/null)" = "$2" ]; }
stamp() {
  mkdir -p "$TOOLS/stamps"
  printf '%s\n' "$2" >"$TOOLS/stamps/.$1.$$"
  mv "$TOOLS/stamps/.$1.$$" "$TOOLS/stamps/$1"
}

# apt_install WHAT PACKAGE...: installs Debian packages, or says in one sentence why it cannot.
apt_install() {
  local what=$1 package
  shift
  local manual="run: apt-get install --no-install-recommends $*"
  have apt-get || die "missing: $what; this is not Debian, so install it with your system's package manager (Debian's names: $*)."
  [ "$(id -u)" = 0 ] || die "missing: $what; as root, $manual"
  export DEBIAN_FRONTEND=noninteractive
  local apt=(apt-get -q -o DPkg::Lock::Timeout=120)
  # Where an installation was interrupted, apt-get refuses to work until this is done.
  dpkg --configure -a >/dev/null 2>&1 || true
  # A server that is silent costs seconds, not minutes, and is no mistake yet: the lists that are here may do.
  tools/with-progress "package lists" sh -c '"$@" || true' sh "${apt[@]}" update -o Acquire::Retries=0 \
    -o Acquire::http::Timeout=5 -o Acquire::https::Timeout=5
  for package; do
    LC_ALL=C apt-cache policy "$package" | grep 'Candidate: [0-9]' >/dev/null ||
      die "missing: $what; apt-get knows no package $package, because its servers do not answer or its sources leave out Debian's security updates."
  done
  tools/with-progress "$what" "${apt[@]}" install -y --no-remove --no-install-recommends "$@" ||
    die "$what could not be installed; the output above says why. By hand, $manual"
}
