#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# With a lock switched off its test must fail: run-races.sh prints "ok" for
# each failure that was seen as expected.

. "$(dirname "$0")/../tap.sh"

export KNOBS=1
need_kernel races
# What breaks may well make the kernel complain.
EXPECT_WARN=1 CMD=/dax/run-races.sh vm_tap races
