#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What each part of the series is worth: the rows of the tests on the base, on the
# parts up to some, and on the whole.  Every row that passes on one has to pass on
# all that follow, and all on the last.  `make check` does so for dax_life alone,
# and takes what the stage life has seen a moment ago; LONG=1 for all.
#
#	PARTS='xfs-fixes dax-layouts'   the kernels between base and series

. "$(dirname "$0")/../tap.sh"

read -ra parts <<< "${PARTS-xfs-fixes dax-layouts${LONG:+ range-lock}}"
table=$build/log/parts.table
failed=0

# What runs on each; a boot each, as a WARNING is only seen once and a test may
# leave the kernel dead.
cmds=('/dax/run-life.sh')
[ -z "${LONG:-}" ] || cmds+=(
	'umount /mnt/ext4 && mount -o dax=inode /dev/pmem0 /mnt/ext4 &&
	 umount /mnt/xfs && mount -o dax=inode /dev/pmem1 /mnt/xfs &&
	 /dax/dax_life -i /mnt/xfs /mnt/ext4'
	'/dax/run-durable.sh -t 2'
	'/dax/dax_zeroing -t 20 /mnt/ext4'
	'/dax/dax_poison /mnt/ext4'
	'/dax/dax_poison /mnt/xfs'
)
for c in ${LONG:+freed held lost short again unwritten cancel}; do
	cmds+=("/dax/dax_share -L 60 -d $c /mnt/xfs")
done

# report NAME I: print the report of command I on a kernel
report() {
	local out=$build/log/parts.$1.$2 known=$build/log/life.$1 kernel=$build/kernel/default-base
	[ "$1" = base ] || kernel=$build/kernel/default
	if [ "$2" = 0 ] && [ "$known" -nt "$kernel/arch/x86/boot/bzImage" ] &&
	   [ "$known" -nt "$build/initramfs.cpio.gz" ]; then
		cp "$known" "$out"
	else
		EXPECT_WARN=1 VM_TRUST_KERNEL=1 CMD=${cmds[$2]} "$top/harness/vm.sh" > "$out" 2>&1 || :
	fi
}

# rows NAME: what runs on a kernel, as "name of the row|result"
rows() {
	local i out
	for i in "${!cmds[@]}"; do
		out=$build/log/parts.$1.$i
		report "$1" "$i"
		# Sampled runs say how many of how many; that is no part of the name.
		sed -nE 's/ # SKIP.*/|skip/; t skip; b result
			:skip
			s/^ok [0-9]+ (- )?//p; b
			:result
			s/ # .*//
			s/^ok [0-9]+ (- )?(.*)/\2|ok/p
			s/^not ok [0-9]+ (- )?(.*)/\2|FAIL/p' "$out"
	done
}

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
	rows "$k" | sed "s/^/$k|/" >> "$table.new"
done
mv "$table.new" "$table"
for i in "${!cmds[@]}"; do
	grep -qE '^1\.\.[0-9]' "$build/log/parts.series.$i" ||
		{ failed=1; not_ok "series: ${cmds[$i]##*/}" 'no report'; }
done

awk -F'|' -v kernels="base ${parts[*]} series" '
	{ r[$1, $2] = $3; if (!($2 in seen)) { seen[$2] = 1; order[++n] = $2 } }
	END {
		nk = split(kernels, k, " ")
		printf "# %-52s", "row"
		for (i = 1; i <= nk; i++) printf " %-11s", k[i]
		print ""
		for (j = 1; j <= n; j++) {
			name = order[j]; good = ""; worse = ""; all = 1
			for (i = 1; i <= nk; i++) {
				# A row that is not there has died with its kernel.
				v = ((k[i], name) in r) ? r[k[i], name] : "FAIL"
				res[i] = v
				if (v == "FAIL") { all = 0; if (good != "") worse = k[i] " (" good " passes)" }
				else if (v == "ok" && good == "") good = k[i]
			}
			if (!all) {
				printf "# %-52s", name
				for (i = 1; i <= nk; i++) printf " %-11s", res[i] == "FAIL" ? "-" : res[i]
				print ""
				mended++
			} else even++
			last = res[nk]
			if (last == "FAIL" || worse != "")
				bad[++nb] = name " # fails on " (worse != "" ? worse : k[nk])
		}
		printf "# and %d rows that pass on all\n", even
		for (i = 1; i <= nb; i++) printf "not ok %d - parts: %s\n", i, bad[i]
		printf "%sok %d - parts: nothing that has passed fails later # %d rows that the base fails\n", nb ? "not " : "", nb + 1, mended
		printf "1..%d\n", nb + 1
		exit nb > 0
	}' "$table" || failed=1
exit $failed
