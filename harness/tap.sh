# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Sourced by the stages in check.d/: KTAP on stdout, all other words on stderr; and
# kernels for the tests.  check.sh makes one report of it, and kunit.py counts that.

# shellcheck source=harness/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

tests=0
echo 'KTAP version 1'

# ok NAME [REASON].  kunit.py takes what is behind a '#' in a name for no result.
ok() { tests=$((tests + 1)); echo "ok $tests - ${1//#/}${2:+ # $2}"; }
not_ok() { tests=$((tests + 1)); echo "not ok $tests - ${1//#/}${2:+ # $2}"; }
# plan [N]: how many results there will be; without N, and last, how many there were
plan() { echo "1..${1:-$tests}"; }

# result STATUS NAME [REASON]
result() { if [ "$1" -eq 0 ]; then shift; ok "$@"; else shift; not_ok "$@"; fi; }

# diag [FILE]: what it says, as diagnostic lines, which go before the result.  To
# kunit.py the last words of a kernel that has no root are the end of a report.
diag() {
	sed -Ee 's/\r$//; s/^/# /; s/(all partitions|not syncing: VFS):/\1/; s/(reboot): (System)/\1 \2/' "$@"
}

# need_kernel NAME: build it (CONFIG, BASE, KNOBS from the caller) or fail the stage
need_kernel() {
	"$top/harness/kernel.sh" >&2 && return
	not_ok "$1" "the kernel does not build"
	exit 1
}

# nested NAME: the KTAP report on stdin as the subtest NAME
nested() {
	printf '    KTAP version 1\n    # Subtest: %s\n' "${1//#/}"
	awk '{ sub(/\r$/, "") }
	     /^K?TAP version / || /^$/ { next }
	     !/^(ok |not ok |1\.\.[0-9]| |#)/ { $0 = "# " $0 }
	     { print "    " $0; fflush() }'
}

# verdict NAME STATUS REPORT [WORDS]: the result of a subtest: its exit status, its
# results and its plan; and what was said on stderr, if it has failed
verdict() {
	local plan ran bad why
	plan=$(sed -n 's/^1\.\.\([0-9]*\).*/\1/p' "$3" | head -n 1)
	ran=$(grep -cE '^(not )?ok [0-9]' "$3" || :)
	bad=$(grep -cE '^not ok [0-9]' "$3" || :)
	if [ "$ran" -eq 0 ] || [ "$ran" != "$plan" ]; then
		why="$ran results of ${plan:-an unknown number}, exit status $2"
	elif [ "$2" -ne 0 ] || [ "$bad" -gt 0 ]; then
		why="$bad of $ran failed, exit status $2"
	else
		ok "$1" "$ran results"
		return
	fi
	[ -z "${4:-}" ] || diag "$4"
	not_ok "$1" "$why"
	return 1
}

# vm_tap NAME: run CMD in the VM; what it reports is the subtest NAME
vm_tap() {
	local rc=0 tmp
	say "$1" >&2
	tmp=$(mktemp -d "$build/tap.XXXXXX")
	VM_TRUST_KERNEL=1 "$top/harness/vm.sh" 2> "$tmp/err" | tee "$tmp/out" | nested "$1" || rc=$?
	verdict "$1" $rc "$tmp/out" "$tmp/err" || rc=1
	rm -rf "$tmp"
	return $rc
}

# ktap LOG NAME STATUS: KUnit's report in a console log as the subtest NAME
ktap() {
	local rc=0 tmp
	tmp=$(mktemp "$build/tap.XXXXXX")
	sed -e 's/\r$//' -e 's/^\[ *[0-9.]*\] //' "$1" | awk '
		/^KTAP version / { on = 1 }
		!on || !/^(KTAP version|1\.\.|ok |not ok |#|    )/ { next }
		{ print }
		/^1\.\./ { plan = substr($0, 4) + 0 }
		/^(not )?ok [0-9]/ && ++n == plan { exit }' > "$tmp"
	nested "$2" < "$tmp"
	verdict "$2" "$3" "$tmp" <(tail -n 40 "$1") || rc=1
	rm -f "$tmp"
	return $rc
}
