#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Instructions per fault on each file system; lines "cost FS KIND NUMBER".
# For a VM whose time counts instructions, see dax_cost.c.

. "$(dirname "$0")/dirs.sh"
rc=0
for d in $dirs; do
	./dax_cost "$d" "$@" || rc=1
done
exit $rc
