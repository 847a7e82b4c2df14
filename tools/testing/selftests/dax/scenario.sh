#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# DAX at work on both file systems, for people to read.

cd "$(dirname "$0")" || exit 1
uname -sr
# shellcheck disable=SC2086
exec ./dax_scenario "$@" ${DAX_DIRS:-/mnt/ext4 /mnt/xfs}
