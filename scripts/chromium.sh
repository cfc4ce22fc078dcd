#!/bin/sh
# Prints where Chromium is: in PATH, else where Debian's package manager puts it. Ends with 3 where there is none.
# It is installed only by root and where CI=true or CHROMIUM=install says so: nobody's machine is changed unasked.
set -eu

find() { command -v chromium || command -v chromium-browser || command -v google-chrome; }

find && exit 0
if [ "${CI:-}" = true ] || [ "${CHROMIUM:-}" = install ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "chromium.sh: installing Debian's chromium, once" >&2
        export DEBIAN_FRONTEND=noninteractive
        # Another apt-get may be at work; it is waited for.
        { apt-get -qq -o DPkg::Lock::Timeout=300 update &&
            apt-get -qq -o DPkg::Lock::Timeout=300 install --no-install-recommends -y chromium fonts-dejavu-core; } >&2 || true
        find && exit 0
    fi
    echo "chromium.sh: Chromium is in PATH nowhere, and apt-get could not install it here" >&2
    exit 3
fi
echo "chromium.sh: Chromium is in PATH nowhere: install it (Debian: apt-get install chromium), or let CHROMIUM=install do so as root" >&2
exit 3
