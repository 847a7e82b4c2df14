#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# KUnit on User Mode Linux: two CPUs, native speed.

. "$(dirname "$0")/../tap.sh"

CONFIG=uml need_kernel uml
log=$build/log/uml.log
rc=0
# KUnit has run, and the kernel panics for want of a root: that is the end.
timeout -k 5 "${TIMEOUT:-300}" "$build/kernel/uml/linux" mem=512M seccomp=on ncpus=2 \
	kunit.filter_glob='range_lock*' kunit.enable=1 kunit_shutdown=halt con=null con0=fd:0,fd:1 \
	< /dev/null > "$log" 2>&1 || rc=$?
plan 2
cpus=$(sed -n 's/.*Brought up .*, \([0-9]*\) CPUs.*/\1/p' "$log")
result $((${cpus:-1} != 2)) 'uml: two CPUs' "${cpus:-1} up"
# The panic makes its exit status; that it has an end is what counts.
[ $rc -eq 124 ] || rc=0
ktap "$log" 'kunit on uml' $rc || rc=1
exit $rc
