/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Range lock: locks parts of an object against each other.
 *
 * Documentation/core-api/range-lock.rst is the manual.
 */
#ifndef _LINUX_RANGE_LOCK_H
#define _LINUX_RANGE_LOCK_H

#include <linux/cleanup.h>
#include <linux/err.h>
#include <linux/limits.h>
#include <linux/lockdep.h>
#include <linux/range_lock_types.h>
#include <linux/rbtree.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct task_struct;

/* What is known of all ranges in a subtree */
struct range_lock_subtree {
	unsigned long last;
	u64 min_seq, max_seq;
};

/**
 * struct range_lock - one acquisition of one range
 *
 * Lives on the caller's stack, or anywhere else that outlives the acquisition.
 * Opaque: set up by range_lock_init(), good for one acquisition at a time.
 */
struct range_lock {
	/* private: */
	struct rb_node node;
	unsigned long start;
	unsigned long last;
	u64 seq;			/* who came first has the lower one */
	struct range_lock_subtree subtree;
	struct range_lock *blocker;	/* NULL: granted */
	struct hlist_head waiters;	/* those whose blocker this one is */
	struct hlist_node link;		/* on the blocker's list */
	struct task_struct *task;
	bool shared;
#ifdef CONFIG_DEBUG_RANGE_LOCK
	struct range_lock_tree *tree;
	unsigned long magic;
#endif
};

#ifdef CONFIG_DEBUG_LOCK_ALLOC
#define __RANGE_LOCK_DEP_MAP_INIT(lockname)				\
	.dep_map = {							\
		.name = #lockname,					\
		.wait_type_inner = LD_WAIT_SLEEP,			\
	},
#else
#define __RANGE_LOCK_DEP_MAP_INIT(lockname)
#endif

/**
 * DEFINE_RANGE_LOCK_TREE() - define and initialise a static range lock tree
 * @name: name of the variable
 */
#define DEFINE_RANGE_LOCK_TREE(name)					\
	struct range_lock_tree name = {					\
		.root = RB_ROOT,					\
		.lock = __SPIN_LOCK_UNLOCKED(name.lock),		\
		__RANGE_LOCK_DEP_MAP_INIT(name)				\
	}

/**
 * __range_lock_tree_init() - initialise a tree with a lockdep class of its own
 * @tree: the tree
 * @name: name of the class
 * @key: lockdep key of the class; as long-lived as any lock of the class
 *
 * Context: any.
 */
static inline void __range_lock_tree_init(struct range_lock_tree *tree,
					  const char *name,
					  struct lock_class_key *key)
{
	tree->root = RB_ROOT;
	spin_lock_init(&tree->lock);
#ifdef CONFIG_DEBUG_LOCK_ALLOC
	/* No range of it may be held. */
	debug_check_no_locks_freed(tree, sizeof(*tree));
	lockdep_init_map_wait(&tree->dep_map, name, key, 0, LD_WAIT_SLEEP);
#endif
}

/**
 * range_lock_tree_init() - initialise a tree
 * @tree: the tree
 *
 * All trees that one call site initialises form one lockdep class.  There is
 * nothing to destroy: a tree in which no range is held may simply go away.
 *
 * Context: any.
 */
#define range_lock_tree_init(tree)					\
do {									\
	static struct lock_class_key __key;				\
									\
	__range_lock_tree_init((tree), #tree, &__key);			\
} while (0)

#ifdef CONFIG_DEBUG_RANGE_LOCK
void range_lock_init(struct range_lock *lock, unsigned long start,
		     unsigned long last);
#else
/**
 * range_lock_init() - set up one acquisition of a range
 * @lock: the acquisition; not held and not waiting
 * @start: first unit of the range, in the units of the tree's user
 * @last: last unit of the range, inclusive; not below @start
 *
 * A range whose @start is above its @last is a bug of the caller, of which
 * CONFIG_DEBUG_RANGE_LOCK warns.  It excludes only ranges that reach over both
 * ends.
 *
 * Context: any.
 */
static inline void range_lock_init(struct range_lock *lock,
				   unsigned long start, unsigned long last)
{
	lock->start = start;
	lock->last = last;
}
#endif

/**
 * range_lock_init_full() - set up one acquisition of everything
 * @lock: the acquisition; not held and not waiting
 *
 * Context: any.
 */
static inline void range_lock_init_full(struct range_lock *lock)
{
	range_lock_init(lock, 0, ULONG_MAX);
}

void range_lock_nested(struct range_lock_tree *tree, struct range_lock *lock,
		       unsigned int subclass) __acquires(tree);
int __must_check
range_lock_interruptible_nested(struct range_lock_tree *tree,
				struct range_lock *lock, unsigned int subclass)
	__cond_acquires(0, tree);
int __must_check
range_lock_killable_nested(struct range_lock_tree *tree,
			   struct range_lock *lock, unsigned int subclass)
	__cond_acquires(0, tree);
bool __must_check
range_trylock(struct range_lock_tree *tree, struct range_lock *lock)
	__cond_acquires(true, tree);

void range_lock_shared_nested(struct range_lock_tree *tree,
			      struct range_lock *lock, unsigned int subclass)
	__acquires_shared(tree);
int __must_check
range_lock_shared_interruptible_nested(struct range_lock_tree *tree,
				       struct range_lock *lock,
				       unsigned int subclass)
	__cond_acquires_shared(0, tree);
int __must_check
range_lock_shared_killable_nested(struct range_lock_tree *tree,
				  struct range_lock *lock,
				  unsigned int subclass)
	__cond_acquires_shared(0, tree);
bool __must_check
range_trylock_shared(struct range_lock_tree *tree, struct range_lock *lock)
	__cond_acquires_shared(true, tree);

void range_unlock(struct range_lock_tree *tree, struct range_lock *lock)
	__releases(tree);
void range_lock_downgrade(struct range_lock_tree *tree, struct range_lock *lock)
	__releases(tree)
	__acquires_shared(tree);

void range_lock_two(struct range_lock_tree *tree1, struct range_lock *lock1,
		    struct range_lock_tree *tree2, struct range_lock *lock2)
	__acquires(tree1) __acquires(tree2);
int __must_check
range_lock_two_killable(struct range_lock_tree *tree1, struct range_lock *lock1,
			struct range_lock_tree *tree2, struct range_lock *lock2)
	__cond_acquires(0, tree1) __cond_acquires(0, tree2);
void range_unlock_two(struct range_lock_tree *tree1, struct range_lock *lock1,
		      struct range_lock_tree *tree2, struct range_lock *lock2)
	__releases(tree1) __releases(tree2);

/**
 * range_lock() - lock a range exclusively
 * @tree: the tree
 * @lock: the acquisition, set up by range_lock_init()
 *
 * Waits, uninterruptibly, until no range that overlaps that of @lock and was
 * asked for earlier is held or waited for.
 *
 * Context: process context; may sleep.
 */
static inline void range_lock(struct range_lock_tree *tree,
			      struct range_lock *lock) __acquires(tree)
{
	range_lock_nested(tree, lock, 0);
}

/**
 * range_lock_interruptible() - lock a range exclusively unless a signal comes
 * @tree: the tree
 * @lock: the acquisition, set up by range_lock_init()
 *
 * Context: process context; may sleep.
 * Return: 0, or -EINTR if a signal came first; then nothing is held.
 */
static inline int __must_check
range_lock_interruptible(struct range_lock_tree *tree, struct range_lock *lock)
	__cond_acquires(0, tree)
{
	return range_lock_interruptible_nested(tree, lock, 0);
}

/**
 * range_lock_killable() - lock a range exclusively unless killed
 * @tree: the tree
 * @lock: the acquisition, set up by range_lock_init()
 *
 * Context: process context; may sleep.
 * Return: 0, or -EINTR if a fatal signal came first; then nothing is held.
 */
static inline int __must_check
range_lock_killable(struct range_lock_tree *tree, struct range_lock *lock)
	__cond_acquires(0, tree)
{
	return range_lock_killable_nested(tree, lock, 0);
}

/**
 * range_lock_shared() - lock a range for shared use
 * @tree: the tree
 * @lock: the acquisition, set up by range_lock_init()
 *
 * Like range_lock(), but shared ranges may overlap each other.  A shared
 * request queues behind an overlapping exclusive one that came earlier, held
 * or not, so recursion deadlocks.
 *
 * Context: process context; may sleep.
 */
static inline void range_lock_shared(struct range_lock_tree *tree,
				     struct range_lock *lock)
	__acquires_shared(tree)
{
	range_lock_shared_nested(tree, lock, 0);
}

/**
 * range_lock_shared_interruptible() - lock shared unless a signal comes
 * @tree: the tree
 * @lock: the acquisition, set up by range_lock_init()
 *
 * Context: process context; may sleep.
 * Return: 0, or -EINTR if a signal came first; then nothing is held.
 */
static inline int __must_check
range_lock_shared_interruptible(struct range_lock_tree *tree,
				struct range_lock *lock)
	__cond_acquires_shared(0, tree)
{
	return range_lock_shared_interruptible_nested(tree, lock, 0);
}

/**
 * range_lock_shared_killable() - lock shared unless killed
 * @tree: the tree
 * @lock: the acquisition, set up by range_lock_init()
 *
 * Context: process context; may sleep.
 * Return: 0, or -EINTR if a fatal signal came first; then nothing is held.
 */
static inline int __must_check
range_lock_shared_killable(struct range_lock_tree *tree,
			   struct range_lock *lock)
	__cond_acquires_shared(0, tree)
{
	return range_lock_shared_killable_nested(tree, lock, 0);
}

/**
 * range_unlock_shared() - range_unlock() of a range that is held shared
 * @tree: the tree
 * @lock: the acquisition; the task that locked it unlocks it
 *
 * Tells context analysis which mode ends; otherwise the same.
 *
 * Context: process context, also under irq-unsafe spinlocks; does not sleep.
 */
static inline void range_unlock_shared(struct range_lock_tree *tree,
				       struct range_lock *lock)
	__releases_shared(tree)
	__no_context_analysis
{
	range_unlock(tree, lock);
}

bool range_lock_is_held(struct range_lock_tree *tree, unsigned long start,
			unsigned long last, bool exclusive);

/**
 * lockdep_assert_range_held() - assert that the caller holds a whole range
 * @tree: the tree
 * @start: first unit that must be covered
 * @last: last unit that must be covered, inclusive
 *
 * With lockdep, warns each time unless the ranges that the current task holds
 * in @tree, shared or exclusive, cover [@start, @last] together.
 *
 * Context: process context, also under irq-unsafe spinlocks; does not sleep.
 */
#define lockdep_assert_range_held(tree, start, last)			\
do {									\
	lockdep_assert(range_lock_is_held(tree, start, last, false));	\
	__assume_shared_ctx_lock(tree);					\
} while (0)

/**
 * lockdep_assert_range_held_exclusive() - assert exclusive coverage of a range
 * @tree: the tree
 * @start: first unit that must be covered
 * @last: last unit that must be covered, inclusive
 *
 * Like lockdep_assert_range_held(), but only exclusive ranges count.
 *
 * Context: process context, also under irq-unsafe spinlocks; does not sleep.
 */
#define lockdep_assert_range_held_exclusive(tree, start, last)		\
do {									\
	lockdep_assert(range_lock_is_held(tree, start, last, true));	\
	__assume_ctx_lock(tree);					\
} while (0)

/*
 * Guards: guard(range_lock)(tree, lock), scoped_guard(), and ACQUIRE() for the
 * ones that can fail.  The acquisition stays the caller's variable, since a
 * guard is returned by value and a queued range cannot move.
 */
struct range_lock_guard {
	struct range_lock_tree *tree;
	struct range_lock *lock;
};

static inline void __range_lock_guard_exit(struct range_lock_guard *guard)
	__no_context_analysis
{
	if (!IS_ERR_OR_NULL(guard->lock))
		range_unlock(guard->tree, guard->lock);
}

DEFINE_CLASS(range_lock, struct range_lock_guard,
	     __range_lock_guard_exit(&_T),
	     ({ range_lock(tree, lock);
		(struct range_lock_guard){ tree, lock }; }),
	     struct range_lock_tree *tree, struct range_lock *lock)
__DEFINE_CLASS_IS_CONDITIONAL(range_lock, false);
__DEFINE_GUARD_LOCK_PTR(range_lock, &_T->lock)

EXTEND_CLASS(range_lock, _shared,
	     ({ range_lock_shared(tree, lock);
		(struct range_lock_guard){ tree, lock }; }),
	     struct range_lock_tree *tree, struct range_lock *lock)
__DEFINE_CLASS_IS_CONDITIONAL(range_lock_shared, false);
__DEFINE_GUARD_LOCK_PTR(range_lock_shared, &_T->lock)

#define DEFINE_RANGE_LOCK_GUARD_COND(_ext, _lock, _cond)			\
EXTEND_CLASS(range_lock, _ext,						\
	     ({ int _RET = _lock(tree, lock);				\
		(struct range_lock_guard){ tree, (_cond) ? lock :	\
					   ERR_PTR(_RET) }; }),		\
	     struct range_lock_tree *tree, struct range_lock *lock)	\
__DEFINE_CLASS_IS_CONDITIONAL(range_lock##_ext, true);			\
__DEFINE_GUARD_LOCK_PTR(range_lock##_ext, &_T->lock)

DEFINE_RANGE_LOCK_GUARD_COND(_intr, range_lock_interruptible, !_RET)
DEFINE_RANGE_LOCK_GUARD_COND(_kill, range_lock_killable, !_RET)
DEFINE_RANGE_LOCK_GUARD_COND(_try, range_trylock, _RET)
DEFINE_RANGE_LOCK_GUARD_COND(_shared_intr, range_lock_shared_interruptible,
			     !_RET)
DEFINE_RANGE_LOCK_GUARD_COND(_shared_kill, range_lock_shared_killable, !_RET)
DEFINE_RANGE_LOCK_GUARD_COND(_shared_try, range_trylock_shared, _RET)

#undef DEFINE_RANGE_LOCK_GUARD_COND

#endif /* _LINUX_RANGE_LOCK_H */
