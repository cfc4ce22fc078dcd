#!/bin/sh
# Prints the folder with promtool, prometheus and alertmanager: links to those in PATH, else to Debian's packages, which
# are unpacked once into the cache of this user. Nothing is installed and no service is started.
# Ends with 3 where neither can be had.
set -eu
folder=${XDG_CACHE_HOME:-$HOME/.cache}/tierrouter/prometheus
programs="promtool prometheus alertmanager"

say() { echo "prometheus.sh: $*" >&2; }

# Debian's name for alertmanager is another.
in_path() {
    if [ "$1" = alertmanager ]; then command -v alertmanager || command -v prometheus-alertmanager; else command -v "$1"; fi
}

is_whole() { for name in $programs; do "$1/$name" --version >/dev/null 2>&1 || return 1; done; }

# By package and not by what they need: the packages' dependencies are for the web page and for the service.
unpack() {
    command -v apt-get >/dev/null && command -v dpkg >/dev/null || return 1
    cd "$made"
    apt-get download prometheus prometheus-alertmanager >log 2>&1 ||
        { apt-get update && apt-get download prometheus prometheus-alertmanager; } >log 2>&1 ||
        { cat log >&2; return 1; }
    for package in *.deb; do dpkg -x "$package" debian; done
    rm -f -- *.deb log
    ln -s debian/usr/bin/promtool debian/usr/bin/prometheus .
    # Debian's alertmanager reads templates from where its package is installed. Here that folder's name becomes relative,
    # of the same length, and is looked for where it was unpacked.
    LC_ALL=C sed -i 's|/usr/share/prometheus/alertmanager|usr/share/prometheus/alertmanager/|g' debian/usr/bin/prometheus-alertmanager
    printf '#!/bin/sh\ncd "%s/debian" && exec usr/bin/prometheus-alertmanager "$@"\n' "$folder" >alertmanager
    chmod +x alertmanager
}

if ! is_whole "$folder"; then
    mkdir -p "$(dirname "$folder")"
    # Made beside it and renamed, so that what was interrupted is never taken for a whole one.
    made=$(mktemp -d "$folder-XXXXXX")
    trap 'rm -rf "$made"' EXIT
    for name in $programs; do
        found=$(in_path "$name") || break
        ln -s "$found" "$made/$name"
    done
    if ! is_whole "$made"; then
        rm -f "$made"/*
        say "unpacking Debian's packages prometheus and prometheus-alertmanager into $folder, once"
        (unpack) || {
            say "promtool, prometheus and alertmanager are not all in PATH, and Debian's packages of them can't be had here:"
            say "install Prometheus 2.42 or later and Alertmanager (on Debian and Ubuntu: apt-get install prometheus prometheus-alertmanager)"
            exit 3
        }
    fi
    rm -rf "$folder"
    mv "$made" "$folder"
    is_whole "$folder" || {
        say "the programs in $folder don't start"
        exit 3
    }
fi
echo "$folder"
