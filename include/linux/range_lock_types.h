/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _LINUX_RANGE_LOCK_TYPES_H
#define _LINUX_RANGE_LOCK_TYPES_H

#include <linux/compiler-context-analysis.h>
#include <linux/lockdep_types.h>
#include <linux/rbtree_types.h>
#include <linux/spinlock_types.h>

/*
 * An object whose ranges can be locked: holds every range of it that is locked
 * or waited for.  Opaque: use the functions of linux/range_lock.h.
 */
context_lock_struct(range_lock_tree) {
	/* private: */
	struct rb_root root;
	spinlock_t lock;	/* protects root and what hangs on it */
#ifdef CONFIG_DEBUG_LOCK_ALLOC
	struct lockdep_map dep_map;
#endif
};

#endif /* _LINUX_RANGE_LOCK_TYPES_H */
