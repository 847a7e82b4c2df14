#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# What an operation takes away and what stays, on each file system; -c: what it
# costs.  See dax_life.c.

cd "$(dirname "$0")" || exit 1
# shellcheck disable=SC2086
exec ./dax_life "$@" ${DAX_DIRS:-/mnt/ext4 /mnt/xfs}
