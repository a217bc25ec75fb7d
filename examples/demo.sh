#!/bin/sh
# Copies the example into a scratch folder and lets greenloop repair it with the embedded brain.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
bin=$(cd "$(dirname "$PYTHON")" && pwd)
scratch="$root/scratch"

rm -rf "$scratch"
mkdir -p "$scratch"
cp -R "$here/ferry" "$scratch/ferry"

# Threads of the demo stay in the scratch folder, apart from the user's own.
export GREENLOOP_DATA_DIR="$scratch/data"
PATH="$bin:$PATH"

echo "A ferry line's fares: two faults in two files, and tests that fail."
echo "\$ greenloop run \"make the failing tests pass\" --repo scratch/ferry --model repair"
echo
greenloop run "make the failing tests pass" --repo "$scratch/ferry" --model repair

echo
echo "For a repository of your own:"
echo "  $bin/greenloop run \"what is to be done\" --repo path/to/it"
