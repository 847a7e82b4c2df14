#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Print the path of a tarball (or of a git tree) of the base kernel, fetching
# it first if need be: LINUX=, the cache, kernel.org, the Debian package.

. "$(dirname "$0")/common.sh"
. "$top/harness/untar.sh"

# Of the tarball inside linux-source-7.3 7.3.4-1~bpo13+1
debian_sha256=76df1affb19f24926949369be1d74b60071c963c598ce8780bddd4bbf0fc3bc4
debian_tar=$cache/linux-source-7.3.tar.xz
kernel_tar=$cache/linux-$base_version.tar.xz
kernel_url=https://cdn.kernel.org/pub/linux/kernel/v${base_version%%.*}.x

note() { say "$*" >&2; }

from_user() {
	local v
	if [ -d "$LINUX" ]; then
		git -C "$LINUX" rev-parse -q --verify HEAD >/dev/null 2>&1 ||
			die "LINUX=$LINUX is a directory but no git tree; give a git tree or a tarball"
		v=$(git -C "$LINUX" show HEAD:Makefile | kernel_version)
	elif [ -f "$LINUX" ]; then
		v=$(tarball_version "$LINUX")
	else
		die "LINUX=$LINUX is neither a file nor a directory"
	fi
	[ "$v" = $base_version ] ||
		die "LINUX=$LINUX is Linux ${v:-(unknown)}, the series is for $base_version: check out v$base_version or unset LINUX"
	realpath "$LINUX"
}

# kernel_org_sum: of the tarball, if kernel.org answers
kernel_org_sum() {
	have curl || return 0
	{ curl -fsS --connect-timeout 5 --max-time 20 "$kernel_url/sha256sums.asc" 2>/dev/null || :; } |
		awk -v f="linux-$base_version.tar.xz" '$2 == f { print $1 }'
}

# The sum beside a cached tarball is the one it was verified by on arrival; one
# that somebody has put there is verified now.  Nothing is deleted.
from_cache() {
	local t sum
	for t in "$kernel_tar" "$debian_tar"; do
		[ -f "$t" ] || continue
		[ -r "$t" ] || die "$t cannot be read: chmod it, move it away, or give LINUX=<git tree or tarball>"
		if [ -f "$t.sha256" ]; then sum=$(cat "$t.sha256")
		elif [ "$t" = "$debian_tar" ]; then sum=$debian_sha256
		else sum=$(kernel_org_sum)
		fi
		if [ -z "$sum" ]; then
			note "$t has no .sha256, and kernel.org does not answer: not used; LINUX=$t uses it unverified"
		elif [ "$(sha256sum < "$t" | cut -d' ' -f1)" = "$sum" ]; then
			echo "$sum" > "$t.sha256"
			echo "$t"
			return 0
		else
			note "$t has the wrong checksum: moved to ${t##*/}.wrong, fetching it again"
			mv "$t" "$t.wrong"
			rm -f "$t.sha256"
		fi
	done
	return 1
}

# keep FILE TARBALL SHA256: the tarball appears in the cache whole or not at all
keep() {
	echo "$3" > "$2.sha256"
	mv "$1" "$2"
	echo "$2"
}

from_kernel_org() {
	local sum part=$kernel_tar.part
	sum=$(kernel_org_sum)
	[ -n "$sum" ] || return 1
	note "fetching linux-$base_version.tar.xz from kernel.org"
	curl -fL --connect-timeout 5 --speed-limit 1024 --speed-time 30 -C - \
		--progress-bar -o "$part" "$kernel_url/linux-$base_version.tar.xz" >&2 || return 1
	if [ "$(sha256sum < "$part" | cut -d' ' -f1)" != "$sum" ]; then
		rm -f "$part"
		die "linux-$base_version.tar.xz from kernel.org has the wrong checksum: deleted, run this again"
	fi
	keep "$part" "$kernel_tar" "$sum"
}

# The package is fetched by apt, with a state of its own: the machine's list
# of sources stays as it is, and nothing is installed.
from_debian() {
	local d mirror keyring opt deb v sum tar
	if ! have apt-get || ! have dpkg-deb; then return 1; fi
	keyring=/usr/share/keyrings/debian-archive-keyring.gpg
	[ -f $keyring ] || return 1
	mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | head -n 1)
	# Without lists (no apt-get update yet) an index has no origin.
	[ -n "$mirror" ] || mirror=$(apt-get indextargets --format '$(SITE)' \
		'Created-By: Packages' 'Component: main' | grep -v security | head -n 1)
	[ -n "$mirror" ] || return 1
	d=$cache/apt
	rm -rf "$d"
	mkdir -p "$d/lists/partial" "$d/cache/archives/partial"
	echo "deb [signed-by=$keyring] $mirror trixie-backports main" > "$d/sources.list"
	opt=(-oDir::Etc::sourcelist="$d/sources.list" -oDir::Etc::sourceparts=/dev/null
	     -oDir::State::Lists="$d/lists" -oDir::Cache="$d/cache" -oAPT::Sandbox::User=
	     -oAcquire::Retries=2 -oAcquire::http::Timeout=30)
	note "fetching the package linux-source-${base_version%.*} (167 MB) through apt"
	apt-get "${opt[@]}" -qq update >&2 || return 1
	(cd "$d" && apt-get "${opt[@]}" -q download "linux-source-${base_version%.*}") >&2 || return 1
	deb=$(find "$d" -maxdepth 1 -name '*.deb')
	v=$(dpkg-deb -f "$deb" Version)
	dpkg-deb -x "$deb" "$d/x"
	tar=$(find "$d/x" -name 'linux-source-*.tar.xz')
	sum=$(sha256sum < "$tar" | cut -d' ' -f1)
	case $v in
	"$base_version"-1~bpo13+1)
		[ "$sum" = $debian_sha256 ] ||
			die "the tarball in linux-source $v has the wrong checksum ($sum): run this again, or give LINUX=" ;;
	*)
		note "the archive has moved on to $v: taking that; the series may need a rebase" ;;
	esac
	keep "$tar" "$debian_tar" "$sum"
	rm -rf "$d"
}

if [ -n "${LINUX:-}" ]; then
	from_user
	exit
fi
# The cache is shared by all checkouts.
lock "$cache/.lock"
from_cache || from_kernel_org || from_debian ||
	die "no way to fetch Linux $base_version (neither kernel.org nor a Debian archive answers): give LINUX=<git tree or tarball>"
