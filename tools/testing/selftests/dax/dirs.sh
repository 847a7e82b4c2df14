# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# To be sourced: goes to where the tests are, and sets $dirs to the file systems
# on which they run.  Without DAX there is nothing to test, and kselftest's exit
# status for that is 4.  With dax=inode in $dax, it is for files to say.

cd "$(dirname "$0")" || exit 1
dirs=${DAX_DIRS:-/mnt/ext4 /mnt/xfs}
for d in $dirs; do
	[ "${dax:-always}" = always ] || break
	m=$(df -P "$d" 2>/dev/null | awk 'END { print $6 }')
	if ! grep -q " ${m:-none} .*[ ,]dax=always" /proc/mounts; then
		echo "1..0 # SKIP $d is not on a file system that is mounted with dax=always"
		exit 4
	fi
done
