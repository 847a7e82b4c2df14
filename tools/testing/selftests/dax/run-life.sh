#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# What an operation takes away from a DAX file and what stays, on each file system,
# as one KTAP report.
#
#	run-life.sh		what fails on a kernel without the fixes
#	run-life.sh -i		where only some files are on DAX: with mount -o dax=inode
#	run-life.sh -c		what a punch costs, where time counts instructions
#	run-life.sh -b		what goes wrong only with break-locks.patch

dax=always
[ "${1:-}" != -i ] || dax=inode
. "$(dirname "$0")/dirs.sh"
. ./ktap.sh

programs='dax_flush dax_pins dax_write dax_remap' filter='-F inode'
case ${1:-} in
-i) programs=dax_remap filter='-f inode' ;;
-c) programs=dax_punch_cost filter= ;;
-b) programs=dax_knobs filter= ;;
esac

# shellcheck disable=SC2086
set -- $dirs
count=$#
# shellcheck disable=SC2086
set -- $programs
echo "KTAP version 1"
echo "1..$((count * $#))"
for d in $dirs; do
	for p; do
		f=
		[ "$p" != dax_remap ] || f=$filter
		# shellcheck disable=SC2086
		subtest "${d##*/} ${p#dax_}" "./$p" $f "$d"
	done
done
totals
