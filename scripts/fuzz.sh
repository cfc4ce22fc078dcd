#!/bin/sh
# Guided fuzzing of translation, by atheris, which is installed for it alone: not every Python and machine has it.
set -eu
cd "$(dirname "$0")/.."
if ! .venv/bin/python -m pip install --quiet --disable-pip-version-check atheris==3.0.0; then
    echo "NOT FUZZED BY ATHERIS: it can't be installed here; pip says why above" >&2
    exit 0
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export PYTHONPATH=core:tests:tests/unit/wire:scripts
for target in stream request; do
    printf '\n=== guided fuzzing: %s\n' "$target"
    if ! .venv/bin/python scripts/fuzz_translation.py "$target" "${FUZZ_SECONDS:-120}" >"$log" 2>&1; then
        tail -n 60 "$log"
        exit 1
    fi
    tail -n 3 "$log"
done
