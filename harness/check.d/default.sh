#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The tests in the VM on the kernel that this file is named after.

. "$(dirname "$0")/../tap.sh"

CONFIG=$(basename "$0" .sh)
export CONFIG
need_kernel "$CONFIG"
rc=0
plan 2

# KUnit runs at boot. What a test provokes, it also suppresses.
VM_TRUST_KERNEL=1 KUNIT=1 APPEND='vm.bare kunit.filter_glob=range_lock*' \
	VM_LOG=$build/log/kunit-$CONFIG.log CMD=true "$top/harness/vm.sh" || rc=$?
ktap "$build/log/kunit-$CONFIG.log" "kunit in the $CONFIG VM" $rc || rc=1

CMD="/dax/run-tests.sh ${LONG:+900}" vm_tap "$CONFIG VM" || rc=$?
exit $rc
