#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# What fsync has said to be on the medium must be there, on each file system.
# See dax_durable.c.

. "$(dirname "$0")/dirs.sh"
rc=0
for d in $dirs; do
	timeout -s KILL 300 ./dax_durable "$@" "$d" || rc=1
done
exit $rc
