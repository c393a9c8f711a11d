#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs what Strata needs to be built, run and tested, on Debian 12 or
# later and on systems made from it; then shows what is there (make doctor).
# Only what is missing is installed: a second run installs nothing.
#
#   sh tools/setup.sh         what building, running and testing need
#   sh tools/setup.sh --all   also the optional: the debugger, the book, Spin,
#                             Relacy
set -eu

# A word on some of them: llvm has objcopy, objdump, nm and the symbolizer;
# libc6-dev and libclang-rt-dev (the sanitizers) are for tests that run on
# the host. We recommend no recommended packages: they bring a desktop along.
packages="make clang lld llvm libc6-dev libclang-rt-dev qemu-system-arm \
python3 python3-pytest python3-pexpect git"
optional="gdb-multiarch python3-sphinx python3-myst-parser furo chromium \
spin relacy-dev clang-format"

say() {
    echo "setup: $*"
}

fail() {
    echo "setup: $*" >&2
    exit 2
}

is_installed() {
    status=$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) &&
        [ "$status" = installed ]
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

case "$*" in
"") ;;
--all) packages="$packages $optional" ;;
*) fail "'$*' is no option; there is only --all" ;;
esac

cd -- "$(dirname -- "$0")/.."

if ! command -v apt-get >/dev/null; then
    cat >&2 <<'LIST'
setup: there is no apt-get here. Install these, or newer ones, yourself:
    GNU Make 4.3
    clang 14 with its sanitizers, lld 14, the LLVM tools 14
    QEMU 7.2 (qemu-system-aarch64)
    Python 3.11 with pytest 7.2 and pexpect 4.8
    git
Then "make doctor" shows what is still missing.
LIST
    exit 2
fi

missing=""
for package in $packages; do
    is_installed "$package" || missing="$missing $package"
done

if [ -z "$missing" ]; then
    say "everything is installed already"
elif [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
    fail "not root, and no sudo here; as root: apt-get install$missing"
else
    say "installing$missing"
    as_root apt-get -q update || fail "apt-get update failed"
    # $missing stays unquoted: each word is a package.
    # shellcheck disable=SC2086
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -q -y install --no-install-recommends $missing ||
        fail "apt-get install failed"
    say "installed"
fi

exec make --no-print-directory doctor
