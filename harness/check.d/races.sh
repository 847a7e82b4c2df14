#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# With a lock switched off its test must fail: run-races.sh prints "ok" for
# each failure that was seen as expected.  And with layouts not broken, which
# must be reported, and no more than that.

. "$(dirname "$0")/../tap.sh"

export KNOBS=1
need_kernel races
# What breaks may well make the kernel complain.
export EXPECT_WARN=1
rc=0
plan 2
CMD=/dax/run-races.sh vm_tap races || rc=$?
CMD='/dax/run-life.sh -b' vm_tap 'layouts not broken' || rc=$?
exit $rc
