#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Every race that a lock prevents, with the lock and without, see dax_window.c.

. "$(dirname "$0")/dirs.sh"
# shellcheck disable=SC2086
exec ./dax_window "$@" $dirs
