#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs the litmus tests of range locks, and prints TAP.  herd7 must be in PATH;
# tools/memory-model/README says which.  The scripts there compare what herd7
# observes with the "Result:" that a test names.
#
# Usage: litmus.sh OUTPUT_DIR

out=$1/litmus
top=$(cd "$(dirname "$0")/../../.." && pwd)
nr=0 failed=0

echo "TAP version 13"
if ! command -v herd7 >/dev/null; then
	echo "1..0 # SKIP there is no herd7"
	exit 0
fi
rm -rf "$out"
mkdir -p "$out"
cp "$top"/Documentation/litmus-tests/range_lock/*.litmus "$out"
# The scripts write beside the test, and want to be called there.
out=$(cd "$out" && pwd)
cd "$top/tools/memory-model" || exit 1
set -- "$out"/*.litmus
echo "1..$#"
for test; do
	nr=$((nr + 1)) ok=ok
	scripts/checklitmus.sh "$test" >"$test.log" 2>&1 || ok="not ok" failed=1
	[ "$ok" = ok ] || sed 's/^/# /' "$test.log" "$test.out"
	echo "$ok $nr - litmus: $(basename "$test" .litmus) # $(sed -n \
		's/^Observation [^ ]* //p' "$test.out")"
done
exit $failed
