#!/bin/sh
# Writes the three lock files anew: the newest versions that pyproject.toml allows, with hashes, for every platform.
set -eu
cd "$(dirname "$0")/.."

lock() { # lock OUTPUT ARGUMENT...
    output=$1
    shift
    .venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-header --no-annotate -o "$output" "$@"
    echo "lock: wrote $output"
}

lock requirements.lock pyproject.toml --all-extras
echo 'uv' | lock scripts/installer.lock -
# What builds the package itself (build-system.requires in pyproject.toml).
echo 'hatchling' | lock scripts/build.lock -
