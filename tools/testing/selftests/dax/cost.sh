#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Instructions per fault on each file system; lines "cost FS KIND NUMBER".
# For a VM whose time counts instructions, see dax_cost.c.

cd "$(dirname "$0")" || exit 1
rc=0
for fs in ${DAX_DIRS:-/mnt/ext4 /mnt/xfs}; do
	./dax_cost "$fs" "$@" || rc=1
done
exit $rc
