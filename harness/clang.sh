#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Print the newest clang that is here and new enough for the kernel, if any.

want=17
for v in '' -22 -21 -20 -19 -18 -17; do
	c=${CLANG:-clang$v}
	n=$("$c" -dumpversion 2>/dev/null | cut -d. -f1) || continue
	if [ "${n:-0}" -ge $want ]; then
		echo "$c"
		break
	fi
done
