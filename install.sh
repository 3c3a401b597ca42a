#!/bin/sh
# Installs or upgrades ophid.
#
#   sh install.sh                                     in a checkout: builds it and installs that
#   curl -fsSL https://HOST/PATH/install.sh | sh      downloads a release and verifies its SHA-256
#
# Environment: OPHID_BASE_URL     folder with ophid-<os>-<arch> and SHA256SUMS (overrides where this script came from)
#              OPHID_INSTALL_DIR  where to put it; default /usr/local/bin if writable, else ~/.local/bin
#
# Everything is in functions and the last line calls main: a download cut short does nothing.

set -eu

# Filled in when a release is made with a known address.
release_base_url=''

main() {
  work_dir=''
  trap cleanup EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP

  [ $# -eq 0 ] || fail "install.sh takes no arguments; see the comment at its top"
  base_url=${OPHID_BASE_URL:-$release_base_url}
  base_url=${base_url%/}
  checkout=$(find_checkout)
  choose_install_dir
  target_file=$install_dir/ophid
  [ ! -d "$target_file" ] || fail "$target_file is a folder"

  if [ -n "${OPHID_BASE_URL:-}" ] || [ -z "$checkout" ]; then
    install_release
  else
    install_checkout
  fi
}

say() { printf '%s\n' "$*"; }
warn() { printf 'ophid: %s\n' "$*" >&2; }
fail() {
  warn "$*"
  exit 1
}
cleanup() { [ -z "$work_dir" ] || rm -rf "$work_dir"; }
have() { command -v "$1" >/dev/null 2>&1; }

# Prints the checkout this script lies in; nothing when it came through a pipe.
find_checkout() {
  case $0 in
    *install.sh) ;;
    *) return 0 ;;
  esac
  dir=$(cd "$(dirname "$0")" 2>/dev/null && pwd) || return 0
  if [ -f "$dir/build.ts" ] && grep -q '"name": "ophid"' "$dir/package.json" 2>/dev/null; then
    say "$dir"
  fi
}

choose_install_dir() {
  if [ -n "${OPHID_INSTALL_DIR:-}" ]; then
    install_dir=$OPHID_INSTALL_DIR
  elif [ -d /usr/local/bin ] && [ -w /usr/local/bin ]; then
    install_dir=/usr/local/bin
  elif [ -n "${HOME:-}" ]; then
    install_dir=$HOME/.local/bin
  else
    fail "/usr/local/bin is not writable and HOME is not set; set OPHID_INSTALL_DIR"
  fi
  mkdir -p "$install_dir" 2>/dev/null || fail "Cannot create $install_dir; set OPHID_INSTALL_DIR to a folder of yours"
  install_dir=$(cd "$install_dir" && pwd)
  [ -w "$install_dir" ] || fail "$install_dir is not writable; set OPHID_INSTALL_DIR to a folder of yours"
}

# In the target folder, because only a rename inside one file system is atomic.
make_work_dir() {
  work_dir=$(mktemp -d "$install_dir/.ophid-install.XXXXXX") || fail "Cannot write to $install_dir"
}

install_release() {
  [ -n "$base_url" ] || fail "Set OPHID_BASE_URL to the folder that offers the release, or run install.sh in a checkout"
  choose_downloader
  choose_hasher
  detect_platform
  name=ophid-$platform
  make_work_dir

  download "$base_url/SHA256SUMS" "$work_dir/SHA256SUMS" quiet ||
    fail "Cannot download $base_url/SHA256SUMS"
  wanted=$(awk -v name="$name" '$2 == name || $2 == "*" name { print tolower($1); exit }' "$work_dir/SHA256SUMS")
  if [ -z "$wanted" ]; then
    offered=$(awk '{ sub(/^\*/, "", $2); if ($2 ~ /^ophid-/) printf " %s", substr($2, 7) }' "$work_dir/SHA256SUMS")
    fail "No ophid for $platform at $base_url (offered:${offered:- nothing})"
  fi

  if [ -f "$target_file" ] && [ "$(sha256 "$target_file")" = "$wanted" ]; then
    up_to_date
    return
  fi
  say "Downloading $base_url/$name"
  download "$base_url/$name" "$work_dir/ophid" || fail "Cannot download $base_url/$name"
  actual=$(sha256 "$work_dir/ophid")
  if [ "$actual" != "$wanted" ]; then
    warn "The download does not match its SHA-256, nothing was installed"
    warn "  expected $wanted"
    fail "  received $actual"
  fi
  put_in_place
}

install_checkout() {
  if [ -x "$checkout/node_modules/.bin/bun" ]; then
    build_checkout
  elif [ -x "$checkout/dist/ophid" ]; then
    say "Using $checkout/dist/ophid as it is (npm install has not been run, so it cannot be rebuilt)"
  elif have npm; then
    say "Installing the build tools with npm"
    (cd "$checkout" && npm ci --no-audit --no-fund </dev/null) || fail "npm ci failed in $checkout"
    build_checkout
  else
    fail "Neither dist/ophid nor npm is here; install Node and npm, or set OPHID_BASE_URL"
  fi
  if [ -f "$target_file" ] && cmp -s "$checkout/dist/ophid" "$target_file"; then
    up_to_date
    return
  fi
  make_work_dir
  cp "$checkout/dist/ophid" "$work_dir/ophid"
  put_in_place
}

build_checkout() {
  say "Building $checkout/dist/ophid"
  (cd "$checkout" && ./node_modules/.bin/bun build.ts </dev/null >/dev/null) || fail "The build failed in $checkout"
}

choose_downloader() {
  if have curl; then
    downloader=curl
  elif have wget; then
    downloader=wget
  else
    fail "Neither curl nor wget is here; install one of them"
  fi
}

download() {
  if [ "$downloader" = wget ]; then
    wget -q -O "$2" "$1"
  elif [ -t 2 ] && [ "${3:-}" != quiet ]; then
    curl -fL --progress-bar --connect-timeout 20 -o "$2" "$1"
  else
    curl -fsSL --connect-timeout 20 -o "$2" "$1"
  fi
}

choose_hasher() {
  if have sha256sum; then
    hasher=sha256sum
  elif have shasum; then
    hasher='shasum -a 256'
  else
    fail "Neither sha256sum nor shasum is here; without them a download cannot be verified"
  fi
}

sha256() {
  # Word splitting of $hasher is wanted: it may carry arguments.
  $hasher <"$1" | cut -d ' ' -f 1
}

detect_platform() {
  machine=$(uname -m)
  case $machine in
    x86_64 | amd64) arch=x64 ;;
    aarch64 | arm64) arch=arm64 ;;
    *) fail "ophid needs x86-64 or 64-bit ARM, this machine is $machine" ;;
  esac
  system=$(uname -s)
  case $system in
    Linux)
      # A 64-bit kernel under a 32-bit system, as on many Raspberry Pis, cannot run it.
      [ "$(getconf LONG_BIT 2>/dev/null || say 64)" != 32 ] || fail "This system is 32-bit ($machine kernel); ophid needs a 64-bit one"
      platform=linux-$arch
      if is_musl; then platform=$platform-musl; fi
      ;;
    Darwin)
      # A shell under Rosetta reports x86_64.
      if [ "$(sysctl -n sysctl.proc_translated 2>/dev/null || say 0)" = 1 ]; then arch=arm64; fi
      platform=darwin-$arch
      ;;
    *) fail "ophid runs on Linux and macOS, this is $system" ;;
  esac
}

is_musl() {
  if getconf GNU_LIBC_VERSION >/dev/null 2>&1; then return 1; fi
  case $(ldd --version 2>&1 || true) in
    *musl*) return 0 ;;
    *GLIBC* | *GNU*) return 1 ;;
  esac
  for loader in /lib/ld-musl-*; do
    if [ -e "$loader" ]; then return 0; fi
  done
  return 1
}

# Tries the new file before the old one is replaced: a wrong C library or a noexec folder must not cost a working proxy.
put_in_place() {
  chmod 755 "$work_dir/ophid"
  if ! new_version=$(read_version "$work_dir/ophid"); then
    warn "The new ophid does not start here, nothing was installed:"
    "$work_dir/ophid" version </dev/null >&2 || true
    case ${platform:-} in
      *-musl) fail "On Alpine it needs the C++ library: apk add libstdc++" ;;
      *) fail "Check that $install_dir is not mounted noexec" ;;
    esac
  fi
  old_version=''
  if [ -e "$target_file" ]; then old_version=$(read_version "$target_file" || say unknown); fi
  mv -f "$work_dir/ophid" "$target_file" || fail "Cannot write $target_file"

  if [ -n "$old_version" ]; then
    say "Upgraded $target_file: $old_version -> $new_version"
    say "A running proxy goes on with the old version until it is restarted"
  else
    say "Installed ophid $new_version to $target_file"
  fi
  check_path
}

# "ophid 1.2.3 (abc)" -> "1.2.3 (abc)"
read_version() {
  output=$("$1" version </dev/null 2>/dev/null) || return 1
  [ -n "$output" ] || return 1
  printf '%s\n' "$output" | sed -n '1s/^ophid //;1p'
}

up_to_date() {
  say "ophid $(read_version "$target_file" || say unknown) is already up to date ($target_file)"
  check_path
}

check_path() {
  first=$(command -v ophid 2>/dev/null || true)
  if [ "$first" = "$target_file" ]; then return 0; fi
  case :${PATH:-}: in
    *:"$install_dir":*)
      if [ -n "$first" ]; then warn "Note: another ophid comes first on PATH: $first"; fi
      return 0
      ;;
  esac
  say "$install_dir is not on PATH. Add it and open a new shell:"
  case ${SHELL:-} in
    */fish) say "  fish_add_path '$install_dir'" ;;
    */zsh) say "  echo 'export PATH=\"$install_dir:\$PATH\"' >>~/.zshrc" ;;
    */bash) say "  echo 'export PATH=\"$install_dir:\$PATH\"' >>~/.bashrc" ;;
    *) say "  echo 'export PATH=\"$install_dir:\$PATH\"' >>~/.profile" ;;
  esac
}

main "$@"
