#!/usr/bin/env bash
# Sees to it that the programs the tests need are there: `setup.sh` for `npm test`, `setup.sh PACKAGE...` for others.
#
# On Debian and its relatives missing packages are installed, as root or with passwordless sudo, without starting any
# service. Elsewhere it says what is missing and which tests need it, and fails.

set -euo pipefail

# Debian package, the command it must bring, where it is needed, what needs it.
table='
curl            curl     all    end-to-end tests (install.sh, demo)
git             git      all    test/e2e/build.test.ts
iproute2        ss       linux  end-to-end tests that look at sockets (listeners, drain, reload)
nghttp2-client  h2load   all    benchmarks of HTTP/2
nginx           nginx    all    tests and benchmarks with a real backend
openssl         openssl  all    tests with TLS backends
procps          ps       linux  end-to-end tests that look at processes
strace          strace   linux  tests that count system calls
wget            wget     all    test/e2e/install.test.ts
wrk             wrk      all    load in end-to-end tests and benchmarks
caddy           caddy    all    npm run bench (comparison)
'
default_packages=(curl git iproute2 nghttp2-client nginx openssl procps strace wget wrk)

main() {
  check_runtime
  local wanted=("$@") missing=() package command where why
  [ $# -gt 0 ] || wanted=("${default_packages[@]}")
  # Servers live in sbin, which is not on every user's PATH.
  PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
  for package in "${wanted[@]}"; do
    read -r command where why <<<"$(row "$package")"
    [ -n "$command" ] || stop "setup.sh: no package '$package' in its table"
    if [ "$where" = linux ] && [ "$OSTYPE" != "${OSTYPE#darwin}" ]; then continue; fi
    command -v "$command" >/dev/null || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0

  if ! can_install; then report "${missing[@]}"; fi
  install_packages "${missing[@]}"
  hash -r
  local still=()
  for package in "${missing[@]}"; do
    read -r command where why <<<"$(row "$package")"
    command -v "$command" >/dev/null || still+=("$package")
  done
  [ ${#still[@]} -eq 0 ] || report "${still[@]}"
}

stop() {
  echo "$*" >&2
  exit 1
}

# Prints what the table says about a package.
row() {
  local name rest
  while read -r name rest; do
    if [ "$name" = "$1" ]; then echo "$rest"; fi
  done <<<"$table"
}

# npm can be told not to run post-install scripts; then the runtime is only a placeholder.
check_runtime() {
  local root
  root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
  "$root/node_modules/.bin/bun" --version >/dev/null 2>&1 ||
    stop "The Bun runtime is not installed: run 'npm install' (with its post-install script for 'bun' allowed) first"
}

can_install() {
  command -v apt-get >/dev/null || return 1
  as_root=()
  [ "$(id -u)" -eq 0 ] && return 0
  as_root=(sudo -n)
  command -v sudo >/dev/null && sudo -n true 2>/dev/null
}

report() {
  local package command where why
  echo "Missing for the tests:" >&2
  for package in "$@"; do
    read -r command where why <<<"$(row "$package")"
    printf '  %-15s (command %s): %s\n' "$package" "$command" "$why" >&2
  done
  if command -v apt-get >/dev/null; then
    echo "Install with: sudo apt-get install --no-install-recommends $*" >&2
  else
    echo "Install them with this system's package manager; the names above are Debian's" >&2
  fi
  exit 1
}

install_packages() {
  echo "Installing for the tests: $*" >&2
  trap allow_services EXIT
  forbid_services
  apt update -qq || echo "setup.sh: apt-get update failed, trying with the lists at hand" >&2
  apt install -y -qq --no-install-recommends "$@" || echo "setup.sh: apt-get install failed" >&2
  # Tests start their own nginx; the packaged one must not take port 80 at the next boot either.
  if command -v systemctl >/dev/null; then
    local package
    for package in "$@"; do
      case $package in
        nginx | caddy) "${as_root[@]}" systemctl disable "$package" >/dev/null 2>&1 || true ;;
      esac
    done
  fi
  allow_services
  trap - EXIT
}

# Standard output is the tests'; apt's goes to the other.
apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 "$@" </dev/null >&2
}

# The way Debian offers to keep packages from starting their services; somebody else's file stays as it is.
policy_file=/usr/sbin/policy-rc.d
policy_is_ours=no

forbid_services() {
  if [ -e "$policy_file" ]; then return 0; fi
  policy_is_ours=yes
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy_file" >/dev/null
  "${as_root[@]}" chmod 755 "$policy_file"
}

allow_services() {
  if [ "$policy_is_ours" = yes ]; then "${as_root[@]}" rm -f "$policy_file"; fi
  policy_is_ours=no
}

main "$@"
