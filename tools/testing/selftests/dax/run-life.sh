#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# What an operation takes away and what stays, on each file system; -c: what it
# costs.  See dax_life.c.

. "$(dirname "$0")/dirs.sh"
# shellcheck disable=SC2086
exec ./dax_life "$@" $dirs
