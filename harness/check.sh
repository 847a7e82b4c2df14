#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# All tests.  Each stage is a file in harness/check.d/ that prints TAP; the
# whole ends in "N passed, N failed".  STAGES='a b' runs only those.
# "check.sh long" races for longer: LONG=1 is in the environment of the tests.

. "$(dirname "$0")/common.sh"

# In this order: what fails fast first, and a kernel right before its use.
short='scripts roundtrip userspace uml size default races life parts share zeroing durable cost debug static'
long='userspace default debug parts'

if [ "${1:-}" = long ]; then
	stages=${STAGES:-$long}
	export LONG=1
else
	stages=${STAGES:-$short}
fi

[ -z "${BASE:-}${KNOBS:-}${PART:-}" ] ||
	die "the tests choose the kernels themselves: leave BASE=, KNOBS= and PART= away"
need_tools
start=$SECONDS
results=$build/log/check.results
: > "$results"
rm -f "$results.part"

# not_ok LINE: a failure that no stage has printed itself
not_ok() { echo "not ok - $*" | tee -a "$results"; }

for stage in $stages; do
	script=$top/harness/check.d/$stage.sh
	[ -x "$script" ] || die "there is no stage '$stage': $(cd "$top/harness/check.d" && echo *.sh | sed 's/\.sh//g')"
	say "check: $stage ($(mmss $((SECONDS - start))) so far)"
	before=$(grep -c . "$results" || :)
	rc=0
	# awk dies first of a Ctrl-C, which is nothing to complain about.
	{ "$script" 2>&1 < /dev/null; echo "stage-exit $?" 2>/dev/null; } | awk -v out="$results" '
		/^stage-exit [0-9]+$/ { rc = $2; next }
		{ print; fflush() }
		# Subtests are indented, and their parents count them.
		/^(not )?ok / { print > out ".part"; n++ }
		END { exit rc }' || rc=$?
	[ ! -f "$results.part" ] || { cat "$results.part" >> "$results"; rm -f "$results.part"; }
	new=$(tail -n +$((before + 1)) "$results")
	if [ -z "$new" ]; then
		not_ok "$stage # ran no test (exit status $rc)"
	elif [ $rc -ne 0 ] && ! grep -q '^not ok' <<< "$new"; then
		not_ok "$stage # exit status $rc"
	fi
done

passed=$(grep -c '^ok' "$results" || :)
failed=$(grep -c '^not ok' "$results" || :)
if [ "$failed" -gt 0 ]; then
	say "failed:"
	grep '^not ok' "$results"
fi
if [ "${1:-}" != long ] && [ -z "${STAGES:-}" ]; then
	say "left to 'make check-long': the same races for longer ($long), as CI has 70 minutes for everything"
fi
say "$(mmss $((SECONDS - start)))"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
