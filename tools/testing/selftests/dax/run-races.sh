#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Every race that a lock prevents, with the lock and without, see dax_window.c.

cd "$(dirname "$0")" || exit 1
# shellcheck disable=SC2086
exec ./dax_window "$@" ${DAX_DIRS:-/mnt/ext4 /mnt/xfs}
