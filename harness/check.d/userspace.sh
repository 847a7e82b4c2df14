#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# lib/range_lock.c in user space: against a model, raced, under sanitizers.  And
# the judge of dax_durable, on histories made up.

. "$(dirname "$0")/../tap.sh"

"$top/harness/tree.sh"
rc=0
make -C "$build/linux/tools/testing/range_lock" check || rc=1
"$top/harness/guest.sh"
"$build/guest/dax_durable_judge_test" || rc=1
exit $rc
