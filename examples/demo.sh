#!/bin/sh
# Copies the example into a scratch folder and lets greenloop repair it with the embedded brain.
set -eu
cd "$(dirname "$0")/.."

rm -rf scratch
mkdir -p scratch
cp -R examples/ferry scratch/ferry

# The example has no environment of its own: its tests run with this one.
VIRTUAL_ENV="$PWD/.venv"
export VIRTUAL_ENV

echo "The fares of a ferry line: two faults in two files, and two tests that fail."
echo "\$ .venv/bin/greenloop run \"make the failing tests pass\" --repo scratch/ferry --model repair"
echo
.venv/bin/greenloop run "make the failing tests pass" --repo scratch/ferry --model repair

echo
echo "For a repository of your own:"
echo "  .venv/bin/greenloop run \"what is to be done\" --repo path/to/it"
