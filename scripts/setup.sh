#!/bin/sh
# Makes .venv with everything that running and testing needs, at exactly the versions of the lock files.
# Done before and nothing changed: returns at once. Debian, Ubuntu and macOS; sh only, so that it runs anywhere.
set -eu
cd "$(dirname "$0")/.."

say() { echo "setup: $*" >&2; }
fail() {
    say "$@"
    exit 1
}

# The stamp holds what the environment was made from, and where: an environment that was moved or copied is no good.
stamp=.venv/.tierrouter-stamp
wanted=$(pwd && cksum requirements.lock pyproject.toml scripts/*.lock scripts/setup.sh)
if [ -x .venv/bin/python ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
    exit 0
fi

is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
        if is_new_enough "$name"; then
            command -v "$name"
            return 0
        fi
    done
    return 1
}

# apt_install PACKAGE...: false where this is not Debian, or installing needs a password.
apt_install() {
    command -v apt-get >/dev/null 2>&1 || return 1
    as_root=""
    if [ "$(id -u)" != 0 ]; then
        sudo -n true >/dev/null 2>&1 || return 1
        as_root="sudo -n"
    fi
    say "installing $* with apt-get"
    $as_root apt-get update -qq >&2 || return 1
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

python=$(find_python) || {
    if apt_install python3 python3-venv; then python=$(find_python) || python=""; else python=""; fi
}
[ -n "$python" ] || fail "needs Python 3.11 or newer and found none in PATH (python3, python3.11 to python3.14)." \
    "Install it and run this again: 'sudo apt-get install python3 python3-venv' on Debian 12 or newer," \
    "'brew install python@3.13' on macOS."

if [ -f "$stamp" ] && read -r made_in <"$stamp" && [ "$made_in" != "$(pwd)" ]; then
    say "the environment in .venv was made in $made_in and can't be moved; making it anew"
    rm -rf .venv
fi
if [ -e .venv ] && ! { is_new_enough .venv/bin/python && .venv/bin/python -m pip --version >/dev/null 2>&1; }; then
    say "the environment in .venv is incomplete or of an older Python; making it anew"
    rm -rf .venv
fi
if [ ! -e .venv ]; then
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    # Debian ships Python without the module that puts pip into a new environment.
    if ! "$python" -c 'import ensurepip' >/dev/null 2>&1; then
        apt_install python3-venv "python$version-venv" || apt_install python3-venv || fail \
            "$python can't make virtual environments. Install what is missing and run this again:" \
            "'sudo apt-get install python3-venv' (or python$version-venv)."
    fi
    say "making .venv with Python $version ($python)"
    "$python" -m venv .venv || {
        rm -rf .venv
        fail "'$python -m venv .venv' failed; what it said stands above."
    }
fi

say "installing uv"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r scripts/installer.lock
uv() { VIRTUAL_ENV="$(pwd)/.venv" .venv/bin/uv "$@"; }

say "installing the packages of requirements.lock (about 300 MB the first time, then from a cache)"
uv pip sync --require-hashes requirements.lock
say "installing TierRouter itself, from this folder"
uv pip install --quiet --no-deps --build-constraints scripts/build.lock --editable .

echo "$wanted" >"$stamp"
say "done"
