// SPDX-License-Identifier: GPL-2.0
/*
 * Range lock: locks parts of an object against each other.
 *
 * The tree holds every range that is held or waited for.  A request counts the
 * ranges in the tree that conflict with it, all of which came earlier, and is
 * granted when that count, @blockers, has come down to zero.  Whoever leaves
 * the tree takes one off the count of every conflicting range that came later,
 * and wakes those that reach zero.  So conflicting ranges are served first
 * come, first served; each waiter is woken once, by its last blocker; and who
 * does not conflict never waits.  (Jan Kara, "lib: Implement range locks",
 * 2013; the shared mode follows Davidlohr Bueso, 2017.)
 *
 * tree->lock protects the tree and @blockers.  It is never taken from
 * interrupts, and held for O(log n + conflicts).
 */
#include <linux/atomic.h>
#include <linux/export.h>
#include <linux/interval_tree_generic.h>
#include <linux/minmax.h>
#include <linux/range_lock.h>
#include <linux/sched.h>
#include <linux/sched/debug.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/sched/wake_q.h>

#include <trace/events/lock.h>

/*
 * One interval tree in two halves: exclusive ranges sort below all shared
 * ones.  Who asks for shared access searches the lower half only, and so need
 * not step over the shared ranges, which may be many and are no conflict.
 *
 * The half is the key's top bit.  Where that takes a bit from the position,
 * positions above LONG_MAX look alike to the tree; next_conflict() tells them
 * apart.
 */
#define SHARED_HALF	BIT_ULL(63)

static inline u64 range_lock_key(bool shared, unsigned long pos)
{
	return (shared ? SHARED_HALF : 0) | min_t(u64, pos, SHARED_HALF - 1);
}

static inline u64 range_lock_key_start(const struct range_lock *lock)
{
	return range_lock_key(lock->shared, lock->start);
}

static inline u64 range_lock_key_last(const struct range_lock *lock)
{
	return range_lock_key(lock->shared, lock->last);
}

INTERVAL_TREE_DEFINE(struct range_lock, node, u64, __subtree_last,
		     range_lock_key_start, range_lock_key_last,
		     static inline __maybe_unused, range_lock_it)

/*
 * Orders the waiters.  Only those draw a number, with tree->lock held, so that
 * the numbers of one tree ascend; whoever draws one is about to sleep, which
 * makes the shared counter the lesser cost.
 */
static atomic64_t range_lock_seq = ATOMIC64_INIT(0);

/* The interval tree wants to cache its leftmost node: 8 bytes for nothing. */
static void __range_lock_insert(struct range_lock_tree *tree,
				struct range_lock *lock)
{
	struct rb_root_cached root = { .rb_root = tree->root };

	range_lock_it_insert(lock, &root);
	tree->root = root.rb_root;
}

static void __range_lock_remove(struct range_lock_tree *tree,
				struct range_lock *lock)
{
	struct rb_root_cached root = { .rb_root = tree->root };

	range_lock_it_remove(lock, &root);
	tree->root = root.rb_root;
}

/* Mostly a range is alone in its tree, which rbtrees are slow to find out. */
static inline void range_lock_insert(struct range_lock_tree *tree,
				     struct range_lock *lock)
{
	if (!RB_EMPTY_ROOT(&tree->root)) {
		__range_lock_insert(tree, lock);
		return;
	}
	lock->__subtree_last = range_lock_key_last(lock);
	rb_link_node(&lock->node, NULL, &tree->root.rb_node);
	rb_set_parent_color(&lock->node, NULL, RB_BLACK);
}

static inline void range_lock_remove(struct range_lock_tree *tree,
				     struct range_lock *lock)
{
	if (tree->root.rb_node == &lock->node && !lock->node.rb_left &&
	    !lock->node.rb_right)
		tree->root = RB_ROOT;
	else
		__range_lock_remove(tree, lock);
}

static struct range_lock *first_in_half(struct range_lock_tree *tree,
					bool shared, unsigned long start,
					unsigned long last)
{
	struct range_lock *root = rb_entry_safe(tree->root.rb_node,
						struct range_lock, node);
	u64 key = range_lock_key(shared, start);

	/* What range_lock_it_subtree_search() asks for */
	if (!root || root->__subtree_last < key)
		return NULL;
	return range_lock_it_subtree_search(root, key,
					    range_lock_key(shared, last));
}

static struct range_lock *next_in_half(struct range_lock *prev,
				       unsigned long start, unsigned long last)
{
	return range_lock_it_iter_next(prev, range_lock_key(prev->shared, start),
				       range_lock_key(prev->shared, last));
}

/*
 * The range after @prev, or the first one, that @lock must not share its own
 * with.
 */
static struct range_lock *next_conflict(struct range_lock_tree *tree,
					const struct range_lock *lock,
					struct range_lock *prev)
{
	bool shared = prev && prev->shared;

	for (;;) {
		if (prev)
			prev = next_in_half(prev, lock->start, lock->last);
		else
			prev = first_in_half(tree, shared, lock->start,
					     lock->last);
		if (!prev) {
			if (shared || lock->shared)
				return NULL;
			shared = true;
		} else if (lock->start <= prev->last &&
			   prev->start <= lock->last) {
			return prev;
		}
	}
}

static inline struct range_lock *first_conflict(struct range_lock_tree *tree,
						const struct range_lock *lock)
{
	if (RB_EMPTY_ROOT(&tree->root))
		return NULL;
	return next_conflict(tree, lock, NULL);
}

#define for_each_conflict(tree, lock, pos)				\
	for (pos = first_conflict(tree, lock); pos;			\
	     pos = next_conflict(tree, lock, pos))

/*
 * Take one off the blockers of @lock.  The caller holds tree->lock, which the
 * owner of @lock needs to leave the tree; but by the time of the wakeup it may
 * have left, and exited, hence the reference.  The wakeup is queued after the
 * grant: were the task on another waker's queue already, that one might wake
 * it any time.
 */
static void range_lock_unblock(struct range_lock *lock,
			       struct wake_q_head *wake_q)
{
	struct task_struct *task = lock->task;

	if (lock->blockers > 1) {
		WRITE_ONCE(lock->blockers, lock->blockers - 1);
		return;
	}
	get_task_struct(task);
	/*
	 * Orders what the earlier holders did, here or before they took
	 * tree->lock, before the grant.  Pairs with the acquire in
	 * range_lock_wait().
	 */
	smp_store_release(&lock->blockers, 0);
	wake_q_add_safe(wake_q, task);
}

#ifdef CONFIG_DEBUG_RANGE_LOCK
#define RANGE_LOCK_MAGIC	0x52414e47UL

static unsigned long range_lock_magic(const struct range_lock *lock)
{
	return (unsigned long)lock ^ RANGE_LOCK_MAGIC;
}

/*
 * The magic is read before anybody wrote it, but only a lock that is queued at
 * this very address has this value.
 */
static __no_sanitize_memory bool range_lock_queued(const struct range_lock *lock)
{
	return READ_ONCE(lock->magic) == range_lock_magic(lock);
}

void range_lock_init(struct range_lock *lock, unsigned long start,
		     unsigned long last)
{
	/* Overwriting a queued range would cut the tree in two. */
	if (WARN_ONCE(range_lock_queued(lock),
		      "range lock: setting up a range that is held or waiting\n"))
		return;
	if (WARN_ONCE(start > last, "range lock: start %lu > last %lu\n",
		      start, last))
		swap(start, last);
	lock->start = start;
	lock->last = last;
	lock->magic = 0;
}
EXPORT_SYMBOL_GPL(range_lock_init);

static bool debug_lock(struct range_lock_tree *tree, struct range_lock *lock)
{
	if (WARN_ONCE(range_lock_queued(lock),
		      "range lock: locking a range that is held or waiting\n"))
		return false;
	lock->tree = tree;
	lock->magic = range_lock_magic(lock);
	return true;
}

static bool debug_held(struct range_lock_tree *tree, struct range_lock *lock)
{
	return !WARN_ONCE(!range_lock_queued(lock) || lock->tree != tree ||
			  lock->blockers,
			  "range lock: the range is not held in this tree\n");
}

static void debug_unlock(struct range_lock *lock)
{
	lock->magic = 0;
}
#else
static bool debug_lock(struct range_lock_tree *tree, struct range_lock *lock)
{
	return true;
}

static bool debug_held(struct range_lock_tree *tree, struct range_lock *lock)
{
	return true;
}

static void debug_unlock(struct range_lock *lock)
{
}
#endif

/*
 * Leave the queue.  Who came later counted this range; who came earlier did
 * not, be it held (no blockers) or waiting (a lower number).
 */
static bool range_lock_cancel(struct range_lock_tree *tree,
			      struct range_lock *lock)
{
	struct range_lock *pos;
	DEFINE_WAKE_Q(wake_q);

	spin_lock(&tree->lock);
	if (!lock->blockers) {
		/* Granted meanwhile */
		spin_unlock(&tree->lock);
		return false;
	}
	range_lock_remove(tree, lock);
	for_each_conflict(tree, lock, pos)
		if (pos->blockers && pos->seq > lock->seq)
			range_lock_unblock(pos, &wake_q);
	spin_unlock(&tree->lock);
	wake_up_q(&wake_q);
	return true;
}

static int __sched range_lock_wait(struct range_lock_tree *tree,
				   struct range_lock *lock, unsigned int state,
				   unsigned long ip)
{
	int ret = 0;

	lock_contended(&tree->dep_map, ip);
	trace_contention_begin(tree, lock->shared ? LCB_F_READ : LCB_F_WRITE);
	for (;;) {
		set_current_state(state);
		/* Pairs with the release in range_lock_unblock() */
		if (!smp_load_acquire(&lock->blockers))
			break;
		if (!signal_pending_state(state, current)) {
			schedule();
		} else if (range_lock_cancel(tree, lock)) {
			ret = -EINTR;
			break;
		}
	}
	__set_current_state(TASK_RUNNING);
	trace_contention_end(tree, ret);
	return ret;
}

static __always_inline int __sched
__range_lock(struct range_lock_tree *tree, struct range_lock *lock, bool shared,
	     unsigned int state, unsigned int subclass)
{
	unsigned int blockers = 0;
	struct range_lock *pos;
	int ret = 0;

	might_sleep();
	if (!debug_lock(tree, lock))
		return 0;
	if (shared)
		rwsem_acquire_read(&tree->dep_map, subclass, 0, _RET_IP_);
	else
		rwsem_acquire(&tree->dep_map, subclass, 0, _RET_IP_);

	lock->shared = shared;
	lock->task = current;

	spin_lock(&tree->lock);
	for_each_conflict(tree, lock, pos)
		blockers++;
	lock->blockers = blockers;
	if (blockers)
		lock->seq = atomic64_inc_return(&range_lock_seq);
	range_lock_insert(tree, lock);
	spin_unlock(&tree->lock);

	if (blockers)
		ret = range_lock_wait(tree, lock, state, _RET_IP_);
	if (ret) {
		debug_unlock(lock);
		lock_release(&tree->dep_map, _RET_IP_);
	} else {
		lock_acquired(&tree->dep_map, _RET_IP_);
	}
	return ret;
}

/**
 * range_lock_nested() - lock a range exclusively, with a lockdep subclass
 * @tree: the tree
 * @lock: the acquisition, set up by range_lock_init()
 * @subclass: lockdep subclass
 *
 * For a second range of one tree, or of one class of trees, where the caller
 * has an order that rules out deadlock and documents it.  Being disjoint is
 * not enough: both tasks may wait behind a third that waits for both.
 *
 * Context: process context; may sleep.
 */
void __sched range_lock_nested(struct range_lock_tree *tree,
			       struct range_lock *lock, unsigned int subclass)
{
	__range_lock(tree, lock, false, TASK_UNINTERRUPTIBLE, subclass);
}
EXPORT_SYMBOL_GPL(range_lock_nested);

/**
 * range_lock_interruptible_nested() - lock unless a signal comes, with subclass
 * @tree: the tree
 * @lock: the acquisition, set up by range_lock_init()
 * @subclass: lockdep subclass; see range_lock_nested()
 *
 * Context: process context; may sleep.
 * Return: 0, or -EINTR if a signal came first; then nothing is held.
 */
int __sched range_lock_interruptible_nested(struct range_lock_tree *tree,
					    struct range_lock *lock,
					    unsigned int subclass)
{
	return __range_lock(tree, lock, false, TASK_INTERRUPTIBLE, subclass);
}
EXPORT_SYMBOL_GPL(range_lock_interruptible_nested);

/**
 * range_lock_killable_nested() - lock unless killed, with subclass
 * @tree: the tree
 * @lock: the acquisition, set up by range_lock_init()
 * @subclass: lockdep subclass; see range_lock_nested()
 *
 * Context: process context; may sleep.
 * Return: 0, or -EINTR if a fatal signal came first; then nothing is held.
 */
int __sched range_lock_killable_nested(struct range_lock_tree *tree,
				       struct range_lock *lock,
				       unsigned int subclass)
{
	return __range_lock(tree, lock, false, TASK_KILLABLE, subclass);
}
EXPORT_SYMBOL_GPL(range_lock_killable_nested);

/**
 * range_lock_shared_nested() - lock for shared use, with a lockdep subclass
 * @tree: the tree
 * @lock: the acquisition, set up by range_lock_init()
 * @subclass: lockdep subclass; see range_lock_nested()
 *
 * Context: process context; may sleep.
 */
void __sched range_lock_shared_nested(struct range_lock_tree *tree,
				      struct range_lock *lock,
				      unsigned int subclass)
{
	__range_lock(tree, lock, true, TASK_UNINTERRUPTIBLE, subclass);
}
EXPORT_SYMBOL_GPL(range_lock_shared_nested);

/**
 * range_lock_shared_interruptible_nested() - shared unless a signal comes
 * @tree: the tree
 * @lock: the acquisition, set up by range_lock_init()
 * @subclass: lockdep subclass; see range_lock_nested()
 *
 * Context: process context; may sleep.
 * Return: 0, or -EINTR if a signal came first; then nothing is held.
 */
int __sched range_lock_shared_interruptible_nested(struct range_lock_tree *tree,
						   struct range_lock *lock,
						   unsigned int subclass)
{
	return __range_lock(tree, lock, true, TASK_INTERRUPTIBLE, subclass);
}
EXPORT_SYMBOL_GPL(range_lock_shared_interruptible_nested);

/**
 * range_lock_shared_killable_nested() - shared unless killed, with subclass
 * @tree: the tree
 * @lock: the acquisition, set up by range_lock_init()
 * @subclass: lockdep subclass; see range_lock_nested()
 *
 * Context: process context; may sleep.
 * Return: 0, or -EINTR if a fatal signal came first; then nothing is held.
 */
int __sched range_lock_shared_killable_nested(struct range_lock_tree *tree,
					      struct range_lock *lock,
					      unsigned int subclass)
{
	return __range_lock(tree, lock, true, TASK_KILLABLE, subclass);
}
EXPORT_SYMBOL_GPL(range_lock_shared_killable_nested);

static __always_inline bool __range_trylock(struct range_lock_tree *tree,
					    struct range_lock *lock,
					    bool shared)
{
	bool free;

	if (!debug_lock(tree, lock))
		return false;
	lock->shared = shared;
	lock->task = current;
	lock->blockers = 0;

	spin_lock(&tree->lock);
	free = !first_conflict(tree, lock);
	if (free)
		range_lock_insert(tree, lock);
	spin_unlock(&tree->lock);

	if (!free)
		debug_unlock(lock);
	else if (shared)
		rwsem_acquire_read(&tree->dep_map, 0, 1, _RET_IP_);
	else
		rwsem_acquire(&tree->dep_map, 0, 1, _RET_IP_);
	return free;
}

/**
 * range_trylock() - lock a range exclusively if that needs no waiting
 * @tree: the tree
 * @lock: the acquisition, set up by range_lock_init()
 *
 * Exact: fails only if an overlapping range is held or waited for.
 *
 * Context: process context, also with spinlocks held; does not sleep.
 * Return: true if the range was locked.
 */
bool range_trylock(struct range_lock_tree *tree, struct range_lock *lock)
{
	return __range_trylock(tree, lock, false);
}
EXPORT_SYMBOL_GPL(range_trylock);

/**
 * range_trylock_shared() - lock a range for shared use if nobody minds
 * @tree: the tree
 * @lock: the acquisition, set up by range_lock_init()
 *
 * Exact: fails only if an overlapping range is held, or waited for,
 * exclusively.
 *
 * Context: process context, also with spinlocks held; does not sleep.
 * Return: true if the range was locked.
 */
bool range_trylock_shared(struct range_lock_tree *tree, struct range_lock *lock)
{
	return __range_trylock(tree, lock, true);
}
EXPORT_SYMBOL_GPL(range_trylock_shared);

/**
 * range_unlock() - unlock a range, held shared or exclusively
 * @tree: the tree
 * @lock: the acquisition; the task that locked it unlocks it
 *
 * Wakes those that waited for nothing else.
 *
 * Context: process context, also with spinlocks held; does not sleep.
 */
void range_unlock(struct range_lock_tree *tree, struct range_lock *lock)
{
	struct range_lock *pos;
	DEFINE_WAKE_Q(wake_q);

	if (!debug_held(tree, lock))
		return;
	lock_release(&tree->dep_map, _RET_IP_);

	spin_lock(&tree->lock);
	range_lock_remove(tree, lock);
	/* Whatever conflicts with a held range came later, and waits. */
	for_each_conflict(tree, lock, pos)
		range_lock_unblock(pos, &wake_q);
	spin_unlock(&tree->lock);

	debug_unlock(lock);
	if (!wake_q_empty(&wake_q))
		wake_up_q(&wake_q);
}
EXPORT_SYMBOL_GPL(range_unlock);

/**
 * range_lock_downgrade() - turn an exclusive range into a shared one
 * @tree: the tree
 * @lock: the acquisition, held exclusively
 *
 * Lets in the shared requests that waited for nothing else.
 *
 * Context: process context, also with spinlocks held; does not sleep.
 */
void range_lock_downgrade(struct range_lock_tree *tree, struct range_lock *lock)
{
	struct range_lock *pos;
	DEFINE_WAKE_Q(wake_q);

	if (!debug_held(tree, lock))
		return;
	lock_downgrade(&tree->dep_map, _RET_IP_);

	spin_lock(&tree->lock);
	range_lock_remove(tree, lock);
	/* Exclusive waiters go on counting this range, shared ones do not. */
	for_each_conflict(tree, lock, pos)
		if (pos->shared)
			range_lock_unblock(pos, &wake_q);
	lock->shared = true;
	range_lock_insert(tree, lock);
	spin_unlock(&tree->lock);
	wake_up_q(&wake_q);
}
EXPORT_SYMBOL_GPL(range_lock_downgrade);

static __always_inline int __sched
__range_lock_two(struct range_lock_tree *tree1, struct range_lock *lock1,
		 struct range_lock_tree *tree2, struct range_lock *lock2,
		 unsigned int state)
{
	int ret;

	if (tree1 == tree2) {
		range_lock_init(lock1, min(lock1->start, lock2->start),
				max(lock1->last, lock2->last));
		return __range_lock(tree1, lock1, false, state, 0);
	}
	if (tree1 > tree2) {
		swap(tree1, tree2);
		swap(lock1, lock2);
	}
	ret = __range_lock(tree1, lock1, false, state, 0);
	if (ret)
		return ret;
	ret = __range_lock(tree2, lock2, false, state, SINGLE_DEPTH_NESTING);
	if (ret)
		range_unlock(tree1, lock1);
	return ret;
}

/**
 * range_lock_two() - lock a range in each of two trees exclusively
 * @tree1: one tree
 * @lock1: the acquisition in @tree1, set up by range_lock_init()
 * @tree2: the other tree, of the same lockdep class, or @tree1 again
 * @lock2: the acquisition in @tree2, set up by range_lock_init()
 *
 * Locks in the order of the trees' addresses, so that the callers may name
 * them in any order.  If both are one tree, @lock1 is widened to span both
 * ranges, and stays so, and @lock2 is not used.
 *
 * Context: process context; may sleep.
 */
void __sched range_lock_two(struct range_lock_tree *tree1,
			    struct range_lock *lock1,
			    struct range_lock_tree *tree2,
			    struct range_lock *lock2)
{
	__range_lock_two(tree1, lock1, tree2, lock2, TASK_UNINTERRUPTIBLE);
}
EXPORT_SYMBOL_GPL(range_lock_two);

/**
 * range_lock_two_killable() - range_lock_two() unless killed
 * @tree1: one tree
 * @lock1: the acquisition in @tree1, set up by range_lock_init()
 * @tree2: the other tree, of the same lockdep class, or @tree1 again
 * @lock2: the acquisition in @tree2, set up by range_lock_init()
 *
 * Context: process context; may sleep.
 * Return: 0, or -EINTR if a fatal signal came first; then nothing is held.
 */
int __sched range_lock_two_killable(struct range_lock_tree *tree1,
				    struct range_lock *lock1,
				    struct range_lock_tree *tree2,
				    struct range_lock *lock2)
{
	return __range_lock_two(tree1, lock1, tree2, lock2, TASK_KILLABLE);
}
EXPORT_SYMBOL_GPL(range_lock_two_killable);

/**
 * range_unlock_two() - undo range_lock_two()
 * @tree1: as passed to range_lock_two()
 * @lock1: as passed to range_lock_two()
 * @tree2: as passed to range_lock_two()
 * @lock2: as passed to range_lock_two()
 *
 * Context: process context, also with spinlocks held; does not sleep.
 */
void range_unlock_two(struct range_lock_tree *tree1, struct range_lock *lock1,
		      struct range_lock_tree *tree2, struct range_lock *lock2)
{
	range_unlock(tree1, lock1);
	if (tree1 != tree2)
		range_unlock(tree2, lock2);
}
EXPORT_SYMBOL_GPL(range_unlock_two);

/**
 * range_lock_is_held() - does the current task hold a whole range?
 * @tree: the tree
 * @start: first unit that must be covered
 * @last: last unit that must be covered, inclusive
 * @exclusive: whether only exclusive ranges count
 *
 * For assertions: see range_lock_assert_held().
 *
 * Context: process context, also with spinlocks held; does not sleep.
 * Return: whether the ranges that the current task holds cover [@start, @last].
 */
bool range_lock_is_held(struct range_lock_tree *tree, unsigned long start,
			unsigned long last, bool exclusive)
{
	/* An exclusive range conflicts with all that the task may hold. */
	struct range_lock want = { .last = last }, *pos;
	bool held = false;

	spin_lock(&tree->lock);
again:
	want.start = start;
	for_each_conflict(tree, &want, pos) {
		if (pos->task != current || pos->blockers ||
		    (exclusive && pos->shared) || pos->start > start)
			continue;
		held = pos->last >= last;
		if (held)
			break;
		start = pos->last + 1;
		goto again;
	}
	spin_unlock(&tree->lock);
	return held;
}
EXPORT_SYMBOL_GPL(range_lock_is_held);
