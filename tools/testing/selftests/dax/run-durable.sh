#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# What fsync has said to be on the medium must be there, on each file system, as
# one KTAP report.  See dax_durable.c, which gets the options.

. "$(dirname "$0")/dirs.sh"
. ./ktap.sh

options=$*
# shellcheck disable=SC2086
set -- $dirs
echo "KTAP version 1"
echo "1..$#"
for d; do
	# shellcheck disable=SC2086
	subtest "${d##*/} durable" timeout -s KILL 300 ./dax_durable $options "$d"
done
totals
