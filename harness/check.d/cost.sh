#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Instructions per fault, base and patched: no more than on the base; and per
# write in place, which has to look at a flag, and, if a hole of the file was
# mapped, for another one in its place.
# /dax/cost.sh prints "cost <fs> <kind> <instructions>".

. "$(dirname "$0")/../tap.sh"

fault_limit=1.00 write_limit=1.02 hole_limit=1.02
log=$build/log/cost
BASE=1 need_kernel cost
need_kernel cost
export VM_TRUST_KERNEL=1 ICOUNT=1 CMD=/dax/cost.sh

for k in base patched; do
	b=
	[ $k = patched ] || b=1
	if ! BASE=$b "$top/harness/vm.sh" > "$log.$k"; then
		diag "$log.$k"
		not_ok "cost: the measurement on $k"
		exit 1
	fi
done
failed=0
awk -v fault=$fault_limit -v write=$write_limit -v hole=$hole_limit '
	$1 != "cost" { next }
	FNR == NR { base[$2 " " $3] = $4; order[++n] = $2 " " $3; next }
	{ new[$2 " " $3] = $4 }
	END {
		printf "# %-6s %-20s %10s %10s %7s\n", "fs", "instructions per", "base", "patched", "ratio"
		for (i = 1; i <= n; i++) {
			k = order[i]; split(k, w, " ")
			r = base[k] > 0 ? new[k] / base[k] : 0
			printf "# %-6s %-20s %10d %10d %7.3f\n", w[1], w[2], base[k], new[k], r
		}
		for (i = 1; i <= n; i++) {
			k = order[i]
			r = base[k] > 0 ? new[k] / base[k] : 0
			limit = k ~ / pwrite.*_hole/ ? hole : k ~ / pwrite/ ? write : fault
			bad = !(k in new) || r == 0 || r > limit
			printf "%d|cost %s|%d -> %d, %.3f of at most %s\n", bad, k, base[k], new[k], r, limit
		}
	}' "$log.base" "$log.patched" > "$log"
grep '^#' "$log"
while IFS='|' read -r bad name figures; do
	result "$bad" "$name" "$figures"
	[ "$bad" -eq 0 ] || failed=1
done < <(grep -v '^#' "$log")
plan
exit $failed
