# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Sourced: tarballs of the kernel.  One that is no good is told so, and left alone.

# unpacked_size FILE: in bytes, where that is known without unpacking it
unpacked_size() {
	case $1 in
	*.xz)	xz --robot -l "$1" 2>/dev/null | awk '$1 == "totals" { print $5 }' ;;
	*.gz)	gzip -l "$1" 2>/dev/null | awk 'NR == 2 { print $2 }' ;;
	*.tar)	stat -c %s "$1" ;;
	esac || :
}

# tar_error FILE ERROR: what is wrong with it, by what tar said
tar_error() {
	local err
	err=$(head -n 1 <<< "$2")
	case $2 in
	*'No space left'*|*'quota'*)
		echo "no room under $build to unpack $1 ($err): make room there, or clone elsewhere" ;;
	*'not look like a tar'*)
		echo "$1 is no tarball ($err): give a git tree or a tarball of the kernel; it was left as it is" ;;
	*)
		echo "$1 is cut short or damaged ($err): get it again and compare its sha256sum; it was left as it is" ;;
	esac
}

# tarball_version FILE: of the kernel in it
tarball_version() {
	local v err
	[ -r "$1" ] || die "$1 cannot be read: chmod it, or give another"
	v=$({ tar -xOf "$1" --wildcards --no-wildcards-match-slash --occurrence=1 \
		'*/Makefile' 2>/dev/null || :; } | kernel_version)
	if [ -z "$v" ]; then
		err=$(LC_ALL=C tar -tf "$1" 2>&1 > /dev/null) || die "$(tar_error "$1" "$err")"
		die "$1 is a tarball, but not of the kernel: it has no */Makefile that names a version"
	fi
	echo "$v"
}

# untar FILE DIR: without its first directory
untar() {
	local line err='' total
	total=$(unpacked_size "$1")
	say "unpacking ${1##*/}" >&2
	# A checkpoint is after 10 KiB.  What else tar says is an error.
	while read -r line; do
		case $line in
		'tar: checkpoint '*)
			line=$((${line##* } * 10240))
			tick "unpacking: $((line >> 20))${total:+ of $((total >> 20))} MB" ;;
		*)	err+=$line$'\n' ;;
		esac
	done < <(LC_ALL=C tar -x -C "$2" --strip-components=1 --checkpoint=1000 \
		--checkpoint-action=echo='checkpoint %u' -f "$1" 2>&1 || echo 'untar: failed')
	tick_end
	case $err in
	*'untar: failed'*) rm -rf "$2"; die "$(tar_error "$1" "$err")" ;;
	esac
}

# add_all DIR ARG...: all of its files into git's index (ARG: where that is)
add_all() {
	local dir=$1 n=0 total
	shift
	total=$(find "$dir" -name .git -prune -o ! -type d -print | wc -l)
	git "$@" add -A -f -v | while read -r _; do
		n=$((n + 1))
		[ $((n % 500)) -ne 0 ] || tick "adding to git: $n of $total files"
	done
	tick_end
}
