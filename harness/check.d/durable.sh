#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What fsync has said to be on the medium must be there, see dax_durable.c.  On
# the base it is not, and that must be seen; where nothing moves and nothing is
# removed it must be there on both.  About 40 seconds a kernel.

. "$(dirname "$0")/../tap.sh"

BASE=1 need_kernel durable
need_kernel durable
rc=0
plan 2

# kernel NAME OPTION: both file systems in one VM, one report
kernel() {
	CMD="/dax/run-durable.sh $2 -t ${LONG:+1}2" vm_tap "durable $1" || rc=1
}

BASE=1 EXPECT_WARN=1 kernel base -x
kernel patched ''
exit $rc
