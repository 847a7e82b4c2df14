#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# lib/range_lock.c in user space: against a model, raced, under sanitizers.

. "$(dirname "$0")/../tap.sh"

"$top/harness/tree.sh"
exec make -C "$build/linux/tools/testing/range_lock" check
