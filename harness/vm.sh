#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Boot a kernel with two pmem devices and run CMD in it; exit as CMD does.
#
#   CONFIG BASE KNOBS PART  which kernel
#   SMP=n              CPUs (2)
#   ICOUNT=1           one CPU, its time counts instructions: runs repeat exactly
#   TIMEOUT=seconds    a VM that says nothing for so long is killed (600)
#   APPEND='...'       more kernel parameters
#   KUNIT=1            let the built-in KUnit tests run at boot
#   EXPECT_WARN=1      warnings in the kernel log are meant to be there
#   DISK=image         a virtio disk, /dev/vda
#   VM_LOG=file        the kernel's log (build/log/vm-*.log)
#   VM_TRUST_KERNEL=1  the caller has built the kernel

. "$(dirname "$0")/common.sh"

kernel_name
[ "$config" != uml ] || die "CONFIG=uml is no kernel for a VM: 'make check STAGES=uml' runs it"
kernel=$build/kernel/$name/arch/x86/boot/bzImage
limit=${TIMEOUT:-600}

# What a healthy kernel does not say.
trouble='Kernel panic|Oops|BUG:|WARNING:|KASAN:|UBSAN:|cut here|INFO: task .* blocked'
trouble+='|possible (circular|recursive|irq lock)|suspicious RCU|inconsistent lock state'
trouble+='|soft lockup|rcu.* (self-)?detected|bad unlock balance|held lock freed'
trouble+='|general protection fault|unable to handle|locks held when returning'
healthy='KASAN: KernelAddressSanitizer|kasan: '

if [ -z "${VM_TRUST_KERNEL:-}" ]; then
	"$top/harness/kernel.sh"
fi
[ -f "$kernel" ] || die "$kernel does not exist: run 'make kernel'"
"$top/harness/initramfs.sh"

# /dev/kvm proves nothing: KVM is used where this kernel boots under it.
# Asked once per boot of this machine.
accel=tcg
if [ -z "${ICOUNT:-}" ] && [ -z "${VM_ACCEL:-}" ] && [ -w /dev/kvm ]; then
	asked=$build/kvm-$(tr -d - < /proc/sys/kernel/random/boot_id)
	if [ ! -e "$asked" ]; then
		find "$build" -maxdepth 1 -name 'kvm-*' ! -name "${asked##*/}*" -delete
		if VM_ACCEL=kvm VM_TRUST_KERNEL=1 VM_NO_RETRY=1 TIMEOUT=20 SMP=2 ICOUNT='' KUNIT='' \
		   APPEND=vm.bare DISK='' CMD=true "$0" > "$build/log/kvm-trial.log" 2>&1
		then echo kvm; else echo tcg; fi > "$asked.tmp"
		mv "$asked.tmp" "$asked"
	fi
	accel=$(cat "$asked")
fi
accel=${VM_ACCEL:-$accel}

work=$(mktemp -d "$build/vm.XXXXXX")
pid=
cleanup() {
	trap '' HUP INT TERM
	[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null || :
	rm -rf "$work"
}
trap cleanup EXIT
log=${VM_LOG:-$build/log/vm-$name-$(date +%H%M%S)-${work##*.}.log}

# The command travels in a second archive behind the first, at a multiple of
# four bytes, as the kernel wants it.
cp "$build/initramfs.cpio.gz" "$work/initrd"
truncate -s %4 "$work/initrd"
if [ -n "${CMD:-}" ]; then
	printf '%s\n' "$CMD" > "$work/cmd"
	(cd "$work" && echo cmd | cpio -o -H newc --quiet) >> "$work/initrd"
fi

# q35 has 2 GiB below 4 GiB and 2 GiB above, most of which become the two
# devices; without the gap between them they would be one.
# shellcheck disable=SC2054	# QEMU's commas
qemu=(qemu-system-x86_64 -machine q35 -m 4G -nodefaults -no-user-config
      -display none -no-reboot -kernel "$kernel" -initrd "$work/initrd")
append="console=ttyS0 loglevel=7 panic=-1 printk.devkmsg=on nokaslr"
append+=" memmap=960M!4G memmap=960M!5G"
if [ -n "${KUNIT:-}" ]; then append+=" kunit.enable=1 kunit.autorun=1"; else append+=" kunit.enable=0"; fi
# shellcheck disable=SC2054
if [ -n "${ICOUNT:-}" ]; then
	qemu+=(-accel tcg -icount shift=0,sleep=off -smp 1 -seed 1
	       -rtc base=2026-01-01,clock=vm -cpu max,la57=off)
	append+=" norandmaps randomize_kstack_offset=off random.trust_cpu=on"
elif [ "$accel" = kvm ]; then
	qemu+=(-accel kvm -cpu host -smp "${SMP:-2}")
else
	qemu+=(-accel tcg,thread=multi -cpu max,la57=off -smp "${SMP:-2}")
fi
[ -z "${DISK:-}" ] || qemu+=(-drive "file=$DISK,if=virtio,format=raw")
qemu+=(-append "$append ${APPEND:-}" -chardev "file,id=log,path=$log" -serial chardev:log)

fail() {
	printf '%s: %s; the end of %s:\n' "${0##*/}" "$1" "${log#"$top/"}" >&2
	tail -n "${2:-25}" "$log" | sed 's/^/    /' >&2
	exit "${3:-1}"
}

size() { stat -c %s "$log" "$work/out" 2>/dev/null | tr '\n' ' '; }

# boot: run QEMU to its end, or to the end of our patience
boot() {
	local before='' since=$SECONDS now
	why=
	: > "$log"
	: > "$work/out"
	if [ -z "${CMD:-}" ]; then
		"${qemu[@]}" -chardev stdio,id=tty,signal=off -serial chardev:tty || why="QEMU failed"
		return
	fi
	"${qemu[@]}" -chardev "pipe,id=tty,path=$work/tty" -serial chardev:tty \
		< /dev/null 2> "$work/err" &
	pid=$!
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.5
		now=$(size)
		if [ "$now" != "$before" ]; then
			before=$now
			since=$SECONDS
		elif [ $((SECONDS - since)) -ge "$limit" ]; then
			why="no word from the VM for $limit seconds, killed"
			kill -9 "$pid"
			break
		fi
	done
	wait "$pid" 2>/dev/null || why=${why:-"QEMU failed: $(tail -n 1 "$work/err")"}
	pid=
}

say "vm: $name, $accel${ICOUNT:+ (instruction-counted)}, log in ${log#"$top/"}" >&2
for try in 1 2; do
	if [ -n "${CMD:-}" ]; then
		rm -f "$work"/tty.*
		mkfifo "$work/tty.in" "$work/tty.out"
		tee "$work/out" < "$work/tty.out" &
		teepid=$!
		# Held open, or QEMU waits for somebody to read its output.
		exec 9<> "$work/tty.in"
		boot
		exec 9>&-
		wait $teepid || :
	else
		boot
	fi
	if grep -q 'vm: init' "$log" || [ $try = 2 ] || [ -n "${VM_NO_RETRY:-}" ]; then break; fi
	say "vm: the boot died before init (${why:-see the log}), trying once more" >&2
	cp "$log" "${log%.log}-died.log"
done

[ -z "$why" ] || fail "$why"
at=$({ grep -nE "$trouble" "$log" || :; } | { grep -vE "$healthy" || :; } | sed -n '1s/:.*//p')
if [ -n "$at" ] && [ -z "${EXPECT_WARN:-}" ]; then
	printf '%s: the kernel complained, at line %s of %s:\n' "${0##*/}" "$at" "${log#"$top/"}" >&2
	sed -n "$at,$((at + 99))p" "$log" | sed 's/^/    /' >&2
	exit 1
fi
grep -q 'vm: init' "$log" || fail "the VM did not reach init"
rc=$(sed -n 's/.*vm: exit \([0-9]*\).*/\1/p' "$log" | tail -n 1)
[ -n "$rc" ] || fail "the VM ended before the command did"
exit "$rc"
