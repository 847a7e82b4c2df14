#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# fsck.sh TYPE DEVICE: is the file system, which is not mounted, as it should be?
# 0: yes; 1: no; 4: nobody here can tell.  Changes nothing.

type=$1
dev=$2

# What knows no exchange of ranges refuses a file system that has it, though it
# looks the same otherwise: hide the bit from it, and put it back.
incompat() {
	xfs_db -r -c 'sb 0' -c 'p features_incompat' "$dev" | sed 's/.*= //'
}

put_incompat() {
	xfs_db -x -c 'sb 0' -c "write -d features_incompat $1" "$dev" > /dev/null 2>&1
}

case $type in
xfs)
	command -v xfs_repair > /dev/null || exit 4
	bits=$(incompat)
	if [ -n "$bits" ] && [ $((bits & 0x40)) -ne 0 ]; then
		put_incompat $((bits & ~0x40))
	else
		bits=
	fi
	xfs_repair -n "$dev" 2>&1
	rc=$?
	[ -z "$bits" ] || put_incompat "$bits"
	[ $rc -eq 0 ] || rc=1
	exit $rc
	;;
ext*)
	command -v e2fsck > /dev/null || exit 4
	e2fsck -fn "$dev" 2>&1 || exit 1
	;;
*)
	exit 4
	;;
esac
