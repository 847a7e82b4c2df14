#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Is the grant of a range ordered?  herd7 looks at all executions that the
# kernel's memory model allows.

. "$(dirname "$0")/../tap.sh"

"$top/harness/tree.sh"
herd=$("$top/harness/herd.sh")
if [ -z "$herd" ]; then
	ok litmus 'SKIP no herd7, or too old: see build/log/herd7.log'
	plan
	exit
fi
export PATH=$herd:$PATH
exec make -s -C "$build/linux/tools/testing/range_lock" litmus
