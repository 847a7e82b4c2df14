#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Print the directory of a herd7 that knows the kernel's memory model, if any.
# Where the release has none, but is a Debian, that of unstable goes into the
# cache, with the C library that it was linked against.  Nothing is installed.

. "$(dirname "$0")/common.sh"

want=7.58
dir=$cache/herd7

# good HERD7: tools/memory-model/README says which version is wanted
good() {
	local v
	v=$("$1" -version 2>/dev/null | sed -n 's/^\([0-9.]*\).*/\1/p')
	[ -n "$v" ] && [ "$(printf '%s\n' "$want" "$v" | sort -V | head -n 1)" = "$want" ]
}

# apt HOW...: with lists and a cache of its own, which know unstable alone
apt() {
	local how=$1
	shift
	"apt-$how" -q -o Dir::Etc="$dir/apt" -o Dir::State::Lists="$dir/lists" -o Dir::Cache="$dir" \
		-o Dir::State::status=/dev/null -o APT::Sandbox::User=root "$@"
}

get() {
	local repo keys=/usr/share/keyrings/debian-archive-keyring.gpg deb
	have dpkg-deb && [ -e $keys ] || return 1
	# shellcheck disable=SC2016
	repo=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' | head -n 1)
	[ -n "$repo" ] || return 1
	rm -rf "$dir"
	mkdir -p "$dir"/{apt/preferences.d,lists/partial,archives/partial,root,bin}
	echo "deb [signed-by=$keys] $repo unstable main" > "$dir/apt/sources.list"
	apt get update && (cd "$dir" && apt get download herdtools7 libc6) || return 1
	for deb in "$dir"/*.deb; do
		dpkg-deb --fsys-tarfile "$deb" | tar -C "$dir/root" -x --wildcards --no-anchored \
			'usr/bin/herd7' 'usr/share/herdtools7/herd' 'usr/lib/*-linux-gnu*/*.so.*' 2>/dev/null || :
	done
	rm -rf "$dir"/*.deb "$dir"/*.bin "$dir/lists" "$dir/archives"
	write_wrapper > "$dir/bin/herd7"
	chmod +x "$dir/bin/herd7"
}

write_wrapper() {
	local libs ld
	libs=$(dirname "$(find "$dir/root" -name libc.so.6 -print -quit)")
	ld=$(find "$libs" -name 'ld-linux*' -print -quit)
	echo '#!/bin/sh'
	echo "exec '$ld' --library-path '$libs:${libs#"$dir/root/usr"}' '$dir/root/usr/bin/herd7' \\"
	echo "	-set-libdir '$dir/root/usr/share/herdtools7/herd' \"\$@\""
}

if good herd7; then
	dirname "$(command -v herd7)"
	exit
fi
good "$dir/bin/herd7" || get > "$build/log/herd7.log" 2>&1 || exit 0
! good "$dir/bin/herd7" || echo "$dir/bin"
