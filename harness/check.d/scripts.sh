#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The house itself: its scripts parse; what it cannot do it says before anything is
# built, and it deletes nothing; what a stage fails to say is a failure.
# The tests run in a copy, $box.  HOUSE=dir copies the scripts of another checkout.

. "$(dirname "$0")/../tap.sh"

cd "$top"
failed=0
rc=0
for f in harness/*.sh harness/check.d/*.sh .ci/run tools/testing/selftests/dax/*.sh; do
	[ -e "$f" ] || continue
	bash -n "$f" >&2 || rc=1
done
sh -n harness/guest-init || rc=1
python3 -m py_compile harness/*.py || rc=1
rm -rf harness/__pycache__
result $rc 'scripts parse'
[ $rc -eq 0 ] || failed=1

if have shellcheck; then
	rc=0
	out=$(shellcheck -x -S warning harness/*.sh harness/check.d/*.sh .ci/run harness/guest-init) ||
		{ rc=1; failed=1; diag <<< "$out"; }
	result $rc 'shellcheck'
fi

tmp=$(mktemp -d "$build/house.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
box=$tmp/box
unset LINUX STAGES PART BASE KNOBS CONFIG FORCE TRY LOCKS MAKELEVEL MAKEFLAGS MFLAGS
export XDG_CACHE_HOME=$tmp/cache
cached=$tmp/cache/dax-range-lock

# What installs or downloads leaves a trace, and fails.
mkdir "$tmp/bin"
for f in apt-get dnf pacman sudo curl; do
	printf '#!/bin/sh\necho "$0 $*" >> "%s/called"\nexit 1\n' "$tmp" > "$tmp/bin/$f"
	chmod 755 "$tmp/bin/$f"
done
# This disk need not have the room that a kernel needs.
printf '#!/bin/sh\nprintf "x\\nx 0 0 ${GB_FREE:-100}000000\\n"\n' > "$tmp/bin/df"
chmod 755 "$tmp/bin/df"
export PATH=$tmp/bin:$PATH

# fresh: an empty house, all tools found
fresh() {
	rm -rf "$box" "$tmp/called" "$tmp/cache"
	mkdir -p "$box/build/log" "$cached"
	cp -r "${HOUSE:-$top}/harness" "${HOUSE:-$top}/Makefile" "$box/"
	echo '# no patch' > "$box/series"
	: > "$box/build/tools-found"
}

# judge NAME WHY OUTPUT: WHY is empty if it is as it should be
judge() {
	if [ -z "$2" ]; then ok "$1"; return; fi
	failed=1
	diag <<< "$3"
	not_ok "$1" "$2"
}

# refused NAME WORDS COMMAND...: it fails with these words, and until then nothing
# was unpacked or installed; the files whose names begin with $kept are as before
kept=
kept_sum() { [ -z "$kept" ] || cat "$kept"* 2>&1 | sha256sum || :; }
refused() {
	local name=$1 words=$2 out rc=0 why='' sum
	shift 2
	sum=$(kept_sum)
	out=$(cd "$box" && timeout 60 "$@" 2>&1 < /dev/null) || rc=$?
	if [ $rc -eq 0 ]; then why='it succeeds'
	elif [ $rc -eq 124 ]; then why='it does not end'
	elif [ "$(kept_sum)" != "$sum" ]; then why="$kept has changed"
	elif [ -e "$box/build/linux" ]; then why='it has unpacked'
	elif grep -qE 'apt-get .*install|dnf|pacman' "$tmp/called" 2>/dev/null; then why='it has installed'
	elif ! grep -qF -e "$words" <<< "$out"; then why="it does not say '$words'"
	fi
	judge "$name" "$why" "$out"
}

names() {
	fresh
	refused 'unknown stages' 'no such stage: foo bar' make check STAGES='scripts foo bar'
	refused 'a kernel for make check' 'leave CONFIG=' make check STAGES=scripts CONFIG=debug
	refused 'unknown CONFIG' 'CONFIG=foo: there are' make kernel CONFIG=foo
	refused 'unknown CONFIG, make run' 'CONFIG=foo: there are' make run CONFIG=foo
	refused 'CONFIG=uml in the VM' 'CONFIG=uml' make vm CONFIG=uml
	refused 'BASE and KNOBS' 'give one of them' make kernel BASE=1 KNOBS=1
	refused 'BASE=no' 'each is 1' make kernel BASE=no
	refused 'unknown PART' 'PART=foo' make kernel PART=foo
}

# kernel_tar FILES: a kernel of so many files, $tmp/linux.tar.gz
kernel_tar() {
	local d=$tmp/linux-$base_version i
	rm -rf "$d"
	mkdir "$d"
	printf 'VERSION = %s\nPATCHLEVEL = %s\nSUBLEVEL = %s\n' ${base_version//./ } > "$d/Makefile"
	echo '*.o' > "$d/.gitignore"
	head -c 30M /dev/zero > "$d/zero"
	for ((i = 0; i < $1; i++)); do head -c 4000 /dev/urandom > "$d/x$i"; done
	tar -C "$tmp" -czf "$tmp/linux.tar.gz" "${d##*/}"
}

tarballs() {
	kernel_tar 300
	kept=$tmp/text
	echo 'no tarball' > $kept
	refused 'too little disk' '10 GB needed' env GB_FREE=9 make tree LINUX="$tmp/linux.tar.gz"
	refused 'LINUX= is a text' 'is no tarball' make tree LINUX="$kept"
	kept=$tmp/cut.tar.gz
	head -c 900000 "$tmp/linux.tar.gz" > $kept
	refused 'LINUX= is cut short' 'cut short or damaged' make tree LINUX="$kept"
	kept=$tmp/other.tar.gz
	tar -C "$tmp" -czf $kept text
	refused 'LINUX= is another tarball' 'not of the kernel' make tree LINUX="$kept"
	kept=$cached/linux-$base_version.tar.xz
	echo 'no sum beside it' > $kept
	refused 'a tarball without a sum' 'not used' make tree
	rm -f $kept
	kept=$cached/linux-source-${base_version%.*}.tar.xz
	echo 'wrong' > $kept
	refused 'a tarball with a wrong sum' 'no way to fetch' make tree
	kept=
}

# mounted OPTIONS DIR COMMAND...: with a tmpfs on DIR
mounted() {
	unshare -rm sh -c 'mount -t tmpfs -o "$1" none "$2" && shift 2 && exec "$@"' sh "$@"
}

disks() {
	local name d
	fresh
	refused 'a cache that cannot be made' 'XDG_CACHE_HOME=' \
		env XDG_CACHE_HOME=/proc/none make kernel
	refused 'a TMPDIR that cannot be made' 'TMPDIR=' env TMPDIR=/proc/none make kernel
	if ! mounted size=64k "$box/build" true 2> /dev/null; then
		for name in 'a read-only build' 'a full disk' 'a read-only cache'; do
			ok "$name" 'SKIP nothing can be mounted here'
		done
		return
	fi
	export -f mounted
	refused 'a read-only build' "cannot write to $box/build/log (Read-only" \
		bash -c 'mounted ro build make check STAGES=scripts'
	refused 'a full disk' "cannot write to $box/build/log (No space" \
		bash -c 'mounted size=64k build make check STAGES=scripts'
	refused 'a read-only cache' "cannot write to $cached (Read-only" \
		bash -c 'mounted ro "$1" make kernel' bash "$cached"
}

# Both make the same tree, one after the other.
at_once() {
	local why='' pid rc=0
	fresh
	kernel_tar 1500
	(cd "$box" && LINUX=$tmp/linux.tar.gz timeout 60 harness/tree.sh > "$tmp/one" 2>&1) &
	pid=$!
	sleep 0.3
	(cd "$box" && LINUX=$tmp/linux.tar.gz timeout 60 harness/tree.sh > "$tmp/two" 2>&1) || rc=$?
	wait $pid || rc=$?
	if [ $rc -ne 0 ]; then why="exit status $rc"
	elif ! grep -q ' waits for tree.sh (process' "$tmp/one" "$tmp/two"; then why='none waits'
	elif [ -n "$(git -C "$box/build/linux" status --porcelain 2>&1)" ]; then why='the tree is not clean'
	fi
	judge 'make tree, twice at once' "$why" "$(cat "$tmp/one" "$tmp/two")"
}

# shown NAME WORDS COMMAND...: it says so on a terminal
shown() {
	local name=$1 words=$2 out why=''
	shift 2
	out=$(cd "$box" && timeout 60 python3 -c 'import pty, sys; pty.spawn(sys.argv[1:])' \
		"$@" 2>&1 < /dev/null) || :
	grep -qE -e "$words" <<< "$out" || why="it does not say '$words'"
	judge "$name" "$why" "$(tr '\r' '\n' <<< "$out")"
}

progress() {
	fresh
	shown 'progress of unpacking' 'unpacking: [0-9]+ of 3[0-9] MB.*adding to git: 500 of 1503 files' \
		make tree LINUX="$tmp/linux.tar.gz"
	mkdir -p "$box/build/kernel/default"
	shown 'progress of a build' ' 2 of about 15[0-9]{2} objects' bash -c '
		. harness/common.sh
		. harness/kbuild.sh
		kmake() { printf "  CC      a.o\n  AS      b.o\n"; sleep 3; }
		kbuild "kernel default" build/kernel/default bzImage'
}

# What runs in the guest is of the tree that the kernel is built from.
guest() {
	local out t=tools/testing/selftests/dax
	fresh
	mkdir -p "$box/$t" "$box/build/linux/$t"
	echo 'echo exported' > "$box/$t/a.sh"
	echo 'echo tested' > "$box/build/linux/$t/a.sh"
	echo 'int main(void) { return 42; }' > "$box/build/linux/$t/b.c"
	printf '$(OUTPUT)/b: b.c\n\t$(CC) -o $@ $<\n' > "$box/build/linux/$t/Makefile"
	out=$(cd "$box" && harness/guest.sh 2>&1 && sh build/guest/a.sh; build/guest/b || echo $?) || :
	judge 'the guest runs what is in build/linux' "$([ "$out" = $'tested\n42' ] || echo another)" "$out"
}

# stage NAME: on stdin, after what all stages begin with
stage() {
	{ printf '#!/bin/bash\n. "$(dirname "$0")/../tap.sh"\n'; cat; } > "$box/harness/check.d/$1.sh"
	chmod 755 "$box/harness/check.d/$1.sh"
}

# counted NAME STAGE PASSED FAILED WORDS: how make check ends, and what it says
# under "failed:"
counted() {
	local out why='' rc=0
	out=$(cd "$box" && make check STAGES="$2" 2>&1 < /dev/null) || rc=$?
	if [ "$(grep -vx 'make: .*' <<< "$out" | tail -n 1)" != "$3 passed, $4 failed" ]; then
		why="it does not end in '$3 passed, $4 failed'"
	elif [ $((rc != 0)) -ne $(($4 > 0)) ]; then why="exit status $rc"
	elif [ "$5" ] && ! sed '1,/^== failed:/d' <<< "$out" | grep -qF -e "$5"; then why="it does not say '$5'"
	elif grep -q $'\033' <<< "$out"; then why='it is coloured'
	fi
	judge "$1" "$why" "$out"
}

stream() {
	fresh
	mkdir -p "$box/build/linux/tools/testing"
	cp -r "$build/linux/tools/testing/kunit" "$box/build/linux/tools/testing/"
	stage all <<< 'plan 3; ok one; ok two "x # y"; ok "#3"'
	stage skip <<< 'plan 2; ok one; ok two "SKIP not here"'
	stage bad <<< 'echo why | diag; not_ok one; ok two; plan; exit 1'
	stage dies <<< 'plan 3; ok one; false; ok two; ok three'
	stage noplan <<< 'ok one'
	stage nothing <<< 'echo the last words >&2; exit 3'
	stage status <<< 'plan 1; ok one; exit 7'
	stage skipped <<< 'plan 1; printf "TAP version 13\n1..1\nok 1 a # SKIP no\n" | nested vm; not_ok vm; exit 1'
	stage nested <<-'END'
		plan 2
		printf 'TAP version 13\n1..2\nok 1 a\n# why\nnot ok 2 b\n' > "$build/a"
		nested one < "$build/a"
		verdict one 1 "$build/a" || :
		printf 'TAP version 13\n1..3\nok 1 a\n' > "$build/b"
		nested two < "$build/b"
		echo 'BUG: in the kernel' > "$build/err"
		verdict two 0 "$build/b" "$build/err"
	END
	counted 'all pass' all 3 0 ''
	counted 'one is skipped' skip 1 0 ''
	counted 'one fails' bad 1 1 '# why'
	counted 'a stage dies' dies 1 1 '1 results of 3'
	counted 'a stage without a plan' noplan 1 1 'no plan'
	counted 'a stage without a result' nothing 0 1 'the last words'
	counted 'a stage with an exit status' status 1 1 'exit status 7'
	counted 'a VM that fails with its tests skipped' skipped 0 1 'vm'
	counted 'a row of a VM fails' nested 2 3 '    not ok 2 b'
	counted 'results of a VM are missing' nested 2 3 '1 results of 3'
	counted 'a kernel complains' nested 2 3 'BUG: in the kernel'
	shown 'colours on a terminal' $'\033\\[32mall  ' make check STAGES=all
	counted 'one stage after the other' 'all bad' 4 1 'bad (build/log/bad.ktap)'
}

names
tarballs
disks
at_once
progress
guest
stream
plan
exit $failed
