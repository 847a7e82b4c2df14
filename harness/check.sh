#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# All tests.  Each stage is a file in harness/check.d/ that prints KTAP.  It becomes
# build/log/STAGE.ktap, which kunit.py counts; what else a stage says goes to
# build/log/STAGE.log.  The whole ends in "N passed, N failed".
# STAGES='a b' runs only those.  "check.sh long" races for longer: LONG=1 is in the
# environment of the tests.

. "$(dirname "$0")/common.sh"

# In this order: what fails fast first, and a kernel right before its use.
short='scripts roundtrip userspace litmus uml size default races life parts share zeroing durable cost debug static'
long='userspace default debug parts'

if [ "${1:-}" = long ]; then
	stages=${STAGES:-$long}
	export LONG=1
else
	stages=${STAGES:-$short}
fi

unknown=
for stage in $stages; do
	[ -x "$top/harness/check.d/$stage.sh" ] || unknown+=" $stage"
done
[ -z "$unknown" ] ||
	die "no such stage:$unknown; there are: $(cd "$top/harness/check.d" && echo *.sh | sed 's/\.sh//g')"
[ "${CONFIG:-default}${BASE:-}${KNOBS:-}${PART:-}" = default ] ||
	die "the tests choose the kernels themselves: leave CONFIG=, BASE=, KNOBS= and PART= away"
need_tools
start=$SECONDS

red='' green='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
	red=$'\033[31m' green=$'\033[32m' plain=$'\033[0m'
fi

# so_far: "N passed, N failed" of a stage that runs.  Who has subtests is no result.
so_far() {
	awk '/^ *(not )?ok [0-9]/ {
			match($0, /[^ ]/)
			if (RSTART >= last) { if (/^ *not/) bad++; else if (!/ # SKIP/) good++ }
			last = RSTART
		}
		END { printf "%4d passed, %d failed", good, bad }' "$1"
}

# watch STAGE: a line on how far it is, until it or this script ends; on a terminal
# in place, else one a minute
watch() {
	local log=$build/log/$1 began=$SECONDS last=$SECONDS line
	while sleep 1 && kill -0 $$ 2>/dev/null; do
		[ -t 1 ] || [ $((SECONDS - last)) -ge 60 ] || continue
		last=$SECONDS
		line=$(printf '%-10s %s  %s (%s so far)  %s' "$1" "$(so_far "$log.out")" \
			"$(mmss $((SECONDS - began)))" "$(mmss $((SECONDS - start)))" \
			"$(tail -n 1 "$log.log" | sed 's/^== //; s/\r//g')")
		if [ -t 1 ]; then
			printf '\r%s\033[K' "${line:0:$(($(tput cols 2>/dev/null || echo 80) - 1))}"
		else
			echo "$line"
		fi
	done
}

# report STAGE STATUS: what a stage has printed as one KTAP report: its plan goes to
# the head, where KTAP wants it.  A stage has failed that ends without a plan or
# with another number of results, or says that it has failed and not what.
report() {
	awk -v stage="$1" -v rc="$2" '
		function lacks(why) { bad = 1; line[++m] = "not ok " ++n " - " stage " # " why }
		/^K?TAP version / || /^$/ { next }
		/^1\.\.[0-9]+/ { planned = 1; plan += substr($0, 4); next }
		/^(not )?ok [0-9]+/ { sub(/[0-9]+/, ++n); if (/^not/) bad = 1 }
		!/^(ok |not ok |#| )/ { $0 = "# " $0 }
		{ line[++m] = $0 }
		END {
			if (!n) lacks("no result, exit status " rc)
			else if (!planned) lacks("no plan, so it has not come to its end; exit status " rc)
			else if (plan != n) lacks(n " results of " plan ", exit status " rc)
			else if (rc && !bad) lacks("exit status " rc)
			print "KTAP version 1"
			print "1.." n
			for (i = 1; i <= m; i++) print line[i]
		}'
}

# count KTAP: passed, failed, skipped and errors, as kunit.py says
count() {
	local out sum
	out=$(python3 -B "$kunit" parse "$1" 2>&1) || :
	sum=$(sed -n 's/.*Testing complete\. //p' <<< "$out")
	number() { sed -nE "s/.* $1: ([0-9]+).*/\1/p; t; s/.*/0/p" <<< "$sum"; }
	passed=$(number passed) skipped=$(number skipped)
	failed=$(($(number failed) + $(number crashed)))
	errors=$(sed -n 's/^\[[0-9:]*\] \(\[ERROR\]\)/\1/p' <<< "$out")
	[ -n "$sum" ] || errors="kunit.py: $(tail -n 1 <<< "$out")"
}

# failures KTAP: what is not ok, each after its diagnostic lines
failures() {
	awk '/^ *(KTAP version|1\.\.|# Subtest:)/ { next }
	     /^ *(not )?ok [0-9]/ { if (/^ *not/) printf "%s%s\n", said, $0; said = ""; n = 0; next }
	     n++ < 300 { said = said $0 "\n" }' "$1"
}

# tell STAGE: why it has failed
tell() {
	local log=$build/log/$1
	echo "$1 (${log#"$top/"}.ktap):"
	{
		failures "$log.ktap"
		[ -z "$errors" ] || echo "$errors"
		# Without those on progress
		{ grep -v '^== ' "$log.log" || :; } | tail -n 300
	} | sed 's/^/  /'
}

# run STAGE: adds to table, all_passed, all_failed and broken
run() {
	local log=$build/log/$1 began=$SECONDS pid rc=0 passed failed skipped errors color line
	lock "$log.lock"
	rm -f "$log.ktap"
	: > "$log.out"
	: > "$log.log"
	watch "$1" &
	pid=$!
	# In the foreground: in the background it would not see Ctrl-C.
	"$top/harness/check.d/$1.sh" > "$log.out" 2> "$log.log" < /dev/null || rc=$?
	kill $pid
	wait $pid 2>/dev/null || :
	report "$1" $rc < "$log.out" > "$log.ktap"
	rm -f "$log.out"
	count "$log.ktap"
	# One of kunit.py's errors is a failure; so is an exit status, whatever was counted.
	if [ -n "$errors" ] || [ $rc -ne 0 ]; then failed=$((failed ? failed : 1)); fi

	color=$green
	[ "$failed" -eq 0 ] || color=$red
	line=$(printf '%s%-10s %4d passed, %d failed%s, %d skipped  %s' "$color" "$1" "$passed" \
		"$failed" "$plain" "$skipped" "$(mmss $((SECONDS - began)))")
	[ ! -t 1 ] || printf '\r\033[K'
	echo "$line ($(mmss $((SECONDS - start))) so far)"
	# A table to be read, whether it has failed or not
	[ "$1" != parts ] || grep '^# ' "$log.ktap" || :
	table+=$line$'\n'
	all_passed=$((all_passed + passed))
	all_failed=$((all_failed + failed))
	if [ "$failed" -gt 0 ]; then
		line=$(tell "$1")
		echo "$line"
		broken+=$line$'\n'
	fi
}

# kunit.py is in the kernel tree.
kunit=$build/linux/tools/testing/kunit/kunit.py
if [ ! -e "$kunit" ] && ! "$top/harness/tree.sh"; then
	echo "0 passed, 1 failed"
	exit 1
fi
table='' broken='' all_passed=0 all_failed=0
for stage in $stages; do run "$stage"; done

say "where the time went:"
printf '%s' "$table"
if [ "${1:-}" != long ] && [ -z "${STAGES:-}" ]; then
	say "left to 'make check-long': the same races for longer ($long), as CI has 70 minutes for everything"
fi
if [ -n "$broken" ]; then
	say "failed:"
	printf '%s' "$broken"
fi
say "$(mmss $((SECONDS - start)))"
echo "$all_passed passed, $all_failed failed"
[ $all_failed -eq 0 ] && [ $all_passed -gt 0 ]
