#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# On User Mode Linux, with two CPUs and at native speed: KUnit, what lockdep
# says of range locks (locking-selftest), and locktorture.

. "$(dirname "$0")/../tap.sh"

CONFIG=uml need_kernel uml
log=$build/log/uml.log
failed=0

check() { [ "$1" -eq 0 ] || failed=1; result "$@"; }

# boot LOG ARG...: until the kernel halts, or panics for want of a root
boot() {
	local out=$1
	shift
	timeout -k 5 "${TIMEOUT:-300}" "$build/kernel/uml/linux" mem=512M seccomp=on ncpus=2 \
		"$@" con=null con0=fd:0,fd:1 < /dev/null > "$out" 2>&1
}

# Each case that went wrong says FAILED in its row; the last line counts them.
selftest() {
	local good bad rc=0
	good=$(sed -n 's/^Good, all \([0-9]*\) testcases passed.*/\1 cases/p' "$log")
	bad=$({ grep 'FAILED|' "$log" || :; } | sed 's/:.*//; s/^ *//' | paste -sd, -)
	[ -n "$good" ] && grep -q '| range lock tests |' "$log" || rc=1
	check $rc 'locking-selftest' "${bad:-${good:-no result in ${log#"$top/"}}}"
}

# torture TYPE: that no two who exclude each other hold it
torture() {
	local out=$build/log/uml-$1.log rc=0
	# What is not there is waited for: that is the time for the test.
	boot "$out" kunit.enable=0 rootdelay=60 locktorture.torture_type="$1" \
		locktorture.nwriters_stress=8 locktorture.nreaders_stress=16 \
		locktorture.shutdown_secs=10 locktorture.stat_interval=5 || :
	grep -q "^$1-torture:--- End of test: SUCCESS" "$out" && ! grep -q 'WARNING:' "$out" || rc=1
	check $rc "locktorture: $1" "$(sed -nE \
		's/^(Writes|Reads ): +Total: ([0-9]+) .*(Fail: [0-9]).*/\1 \2 \3/p' "$out" |
		tail -n 2 | paste -sd, -)"
}

plan 5
ended=0
# KUnit has run, and the kernel panics for want of a root: that is the end.
# There is no lock of the name "none", so that locktorture does nothing.
boot "$log" kunit.filter_glob='range_lock*' kunit.enable=1 kunit_shutdown=halt \
	locktorture.torture_type=none || ended=$?
cpus=$(sed -n 's/.*Brought up .*, \([0-9]*\) CPUs.*/\1/p' "$log")
rc=0
[ "${cpus:-1}" = 2 ] || rc=1
check $rc 'uml: two CPUs' "${cpus:-1} up"
selftest
torture range_lock
torture range_lock_disjoint
# The panic makes its exit status; that it has an end is what counts.
[ $ended -eq 124 ] || ended=0
ktap "$log" 'kunit on uml' $ended || failed=1
exit $failed
