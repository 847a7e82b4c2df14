#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What each part of the series is worth: the rows of the tests on the base, on the
# parts up to some, and on the whole.  What passes on the base has to pass on all,
# and everything on the whole; what a part mends, and a later one seems to break, is
# told, since races decide some rows.  `make check` does so for run-life.sh alone, and
# takes what the stage life has seen a moment ago; LONG=1 for all.
#
#	PARTS='xfs-fixes dax-layouts'   the kernels between base and series

. "$(dirname "$0")/../tap.sh"

read -ra parts <<< "${PARTS-${LONG:+dax-fixes ext4-fixes }xfs-fixes dax-layouts${LONG:+ range-lock}}"
table=$build/log/parts.table
failed=0

# What runs on each; a boot each, as a WARNING is only seen once and a test may
# leave the kernel dead.
cmds=('/dax/run-life.sh')
[ -z "${LONG:-}" ] || cmds+=(
	"umount /mnt/ext4 /mnt/xfs &&
	 mount -o dax=inode /dev/pmem0 /mnt/ext4 && mount -o dax=inode /dev/pmem1 /mnt/xfs &&
	 DAX_DIRS='/mnt/xfs /mnt/ext4' /dax/run-life.sh -i"
	'/dax/run-durable.sh -t 2'
	'/dax/dax_zeroing -t 20 /mnt/ext4'
	'/dax/dax_poison /mnt/ext4'
	'/dax/dax_poison /mnt/xfs'
)
for c in ${LONG:+freed held lost short again unwritten cancel}; do
	cmds+=("/dax/dax_share -L 60 -d $c /mnt/xfs")
done

# complete FILE: it has as many results as its plans say, or one less: the last
# row may kill a base
complete() {
	awk '/^1\.\.[0-9]/ { plan += substr($0, 4) } /^(not )?ok / { n++ }
	     END { exit !plan || n < plan - 1 || n > plan }' "$1"
}

# report NAME I: the report of command I on a kernel
report() {
	local out=$build/log/parts.$1.$2 known=$build/log/life.$1 kernel=$build/kernel/default-base
	[ "$1" = base ] || kernel=$build/kernel/default
	if [ "$2" = 0 ] && [ "$known" -nt "$kernel/arch/x86/boot/bzImage" ] &&
	   [ "$known" -nt "$build/initramfs.cpio.gz" ] && complete "$known"; then
		cp "$known" "$out"
	else
		EXPECT_WARN=1 VM_TRUST_KERNEL=1 CMD=${cmds[$2]} "$top/harness/vm.sh" > "$out" 2>&1 || :
	fi
	complete "$out" || { failed=1; not_ok "$1: ${cmds[$2]##*/}" "no whole report, see ${out#"$top/"}"; }
}

# rows FILE: a report as "name of the row|result".  Of a subtest it is the rows that
# count.  Sampled runs say how many of how many; that is no part of the name.  The
# report of the base may have been judged by what must fail there.
rows() {
	awk '$1 == "#" && $2 == "Subtest:" { sub(/^ *# Subtest: /, ""); of = $0; next }
	     /^ *(not )?ok [0-9]+ / {
		nested = /^ /
		fails = / # XFAIL/ || ($1 == "not" && !/passes, which the base cannot/)
		result = fails ? "FAIL" : / # SKIP/ ? "skip" : "ok"
		sub(/^ *(not )?ok [0-9]+ (- )?/, ""); sub(/ # .*/, "")
		if (nested || $0 != of)
			print (nested ? of ": " : "") $0 "|" result
	     }' "$1"
}

"$top/harness/initramfs.sh"
: > "$table.new"
for k in base "${parts[@]}" series; do
	BASE='' PART=''
	case $k in
	base) BASE=1 ;;
	series) ;;
	*) PART=$k ;;
	esac
	export BASE PART
	need_kernel "$k"
	for i in "${!cmds[@]}"; do
		report "$k" "$i"
		rows "$build/log/parts.$k.$i" | sed "s/^/$k|$i|/" >> "$table.new"
	done
done
mv "$table.new" "$table"

awk -F'|' -v kernels="base ${parts[*]} series" -v first=$tests '
	{ r[$1, $2, $3] = $4; if (!(($2, $3) in seen)) { seen[$2, $3] = 1; cmd[++n] = $2; row[n] = $3 } }
	END {
		nk = split(kernels, k, " ")
		printf "# %-52s", "row"
		for (i = 1; i <= nk; i++) printf " %-11s", k[i]
		print ""
		for (j = 1; j <= n; j++) {
			good = ""; worse = ""; fails = skips = 0
			for (i = 1; i <= nk; i++) {
				# A row that is not there has died with its kernel.
				v = ((k[i], cmd[j], row[j]) in r) ? r[k[i], cmd[j], row[j]] : "FAIL"
				res[i] = v
				fails += v == "FAIL"
				skips += v == "skip"
				if (v == "ok" && good == "") good = k[i]
				else if (v != "ok" && good != "" && worse == "") worse = k[i]
			}
			if (skips == nk) skipped++
			else if (!fails && !worse) even++
			else {
				mended++
				printf "# %-52s", row[j]
				for (i = 1; i <= nk; i++) printf " %-11s", res[i] == "FAIL" ? "-" : res[i]
				print ""
			}
			if (res[nk] == "FAIL") bad[++nb] = row[j] " # fails on the whole"
			else if (worse && good == "base") bad[++nb] = row[j] " # the base passes, " worse " does not"
			else if (worse) note[++nn] = row[j] ": " good " passes, " worse " does not"
		}
		printf "# and %d rows that pass on all, %d that are skipped on all\n", even, skipped
		for (i = 1; i <= nn; i++) print "# " note[i]
		for (i = 1; i <= nb; i++) printf "not ok %d - parts: %s\n", first + i, bad[i]
		printf "%sok %d - parts: what passes on the base passes on all # %d rows are mended\n",
			nb ? "not " : "", first + nb + 1, mended
		printf "1..%d\n", first + nb + 1
		exit nb > 0
	}' "$table" || failed=1
exit $failed
