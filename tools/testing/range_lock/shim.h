/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What lib/range_lock.c needs of the kernel and tools/ does not have.
 *
 * Orderings are no stronger than the kernel promises, so that ThreadSanitizer
 * sees the ones the lock relies on and nothing else: the task state and the
 * wake queue are relaxed accesses between full fences (which order, but hand
 * no data over), and sleeping is a bare futex.
 */
#ifndef _RANGE_LOCK_SHIM_H
#define _RANGE_LOCK_SHIM_H

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/rbtree.h>

/* Those of tools/ are volatile accesses, which a sanitizer takes for races. */
#undef READ_ONCE
#undef WRITE_ONCE
#undef smp_load_acquire
#undef smp_store_release
#define READ_ONCE(x)		__atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v)	__atomic_store_n(&(x), (v), __ATOMIC_RELAXED)
#define smp_load_acquire(p)	__atomic_load_n((p), __ATOMIC_ACQUIRE)
#define smp_store_release(p, v)	__atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define full_fence()		__atomic_thread_fence(__ATOMIC_SEQ_CST)

#ifdef COUNT_STEPS
/* Each step of a search asks for the parent, and so do most of the tree's. */
static unsigned long steps;
#undef rb_parent
#define rb_parent(r)							\
	(steps++, (struct rb_node *)((r)->__rb_parent_color & ~3UL))
#endif

#undef swap
#define swap(a, b)		({ typeof(a) __t = (a); (a) = (b); (b) = __t; })
#define __sched
#define __no_sanitize_memory
#define EXPORT_SYMBOL_GPL(sym)
#define WARN_ONCE(cond, ...)	({ bool __c = (cond); warnings += __c; __c; })
#define __assume_ctx_lock(x)	do { } while (0)
#define __assume_shared_ctx_lock(x) do { } while (0)
extern __thread unsigned int warnings;

/* ----- spinlocks: also number the tasks in the order they take one ----- */

struct shim_spinlock {
	pthread_mutex_t mutex;
	unsigned long clock;
};

#undef spinlock_t
#undef spin_lock_init
#undef spin_lock
#undef spin_unlock
#define spinlock_t		struct shim_spinlock
#undef __SPIN_LOCK_UNLOCKED
#define __SPIN_LOCK_UNLOCKED(x)	{ .mutex = PTHREAD_MUTEX_INITIALIZER }

static inline void spin_lock_init(spinlock_t *lock)
{
	pthread_mutex_init(&lock->mutex, NULL);
	lock->clock = 0;
}

/* ----- tasks ----- */

#define TASK_RUNNING		0
#define TASK_INTERRUPTIBLE	1
#define TASK_UNINTERRUPTIBLE	2
#define TASK_WAKEKILL		0x100
#define TASK_KILLABLE		(TASK_WAKEKILL | TASK_UNINTERRUPTIBLE)

enum { SIG_NONE, SIG_USER, SIG_KILL };

struct task_struct {
	unsigned int state;
	int sig;
	int refs;
	int dep_held;			/* what lockdep would say is held */
	unsigned int dep_last;		/* and how the last one was acquired */
	unsigned long *arrival;		/* stamped by the next spin_lock() */
	struct task_struct *wake_next;
	bool may_not_sleep;
	unsigned int might_sleep;	/* how often that was called */
	unsigned int stored_state;	/* not yet seen by others, */
	bool stored;			/* if this is set */
};

extern __thread struct task_struct *current;

/* What a test does at these points */
#undef schedule
void schedule(void);
void test_wake(struct task_struct *task);
void test_signal_check(struct task_struct *task);
#ifndef test_unlock
#define test_unlock(lock)	do { } while (0)
#endif

static inline void spin_lock(spinlock_t *lock)
{
	pthread_mutex_lock(&lock->mutex);
	lock->clock++;
	if (current->arrival)
		*current->arrival = lock->clock;
	current->arrival = NULL;
}

static inline void spin_unlock(spinlock_t *lock)
{
	test_unlock(lock);
	pthread_mutex_unlock(&lock->mutex);
}

#define might_sleep()							\
do {									\
	if (current->may_not_sleep)					\
		abort();						\
	current->might_sleep++;						\
} while (0)

/*
 * STORE_BUFFER, for tests in one thread: the state reaches the others only with
 * the next full fence.
 */
static inline void __set_current_state(unsigned int state)
{
#ifdef STORE_BUFFER
	current->stored_state = state;
	current->stored = true;
#else
	WRITE_ONCE(current->state, state);
#endif
}

static inline void drain_stores(void)
{
	if (current->stored)
		current->state = current->stored_state;
	current->stored = false;
}

static inline void set_current_state(unsigned int state)
{
	__set_current_state(state);
	/* Before the condition is read; pairs with the one in wake_up_q(). */
	full_fence();
	drain_stores();
}

static inline bool signal_pending_state(unsigned int state,
					struct task_struct *task)
{
	int sig = READ_ONCE(task->sig);

	test_signal_check(task);
	if (state & TASK_INTERRUPTIBLE)
		return sig != SIG_NONE;
	return (state & TASK_WAKEKILL) && sig == SIG_KILL;
}

static inline void get_task_struct(struct task_struct *task)
{
	__atomic_fetch_add(&task->refs, 1, __ATOMIC_RELAXED);
}

/* ----- wake queues: a task is on one at a time, which keeps a reference ----- */

#define WAKE_Q_TAIL		((struct task_struct *)1)

struct wake_q_head {
	struct task_struct *first;
};

#define DEFINE_WAKE_Q(name)	struct wake_q_head name = { WAKE_Q_TAIL }

static inline bool wake_q_empty(struct wake_q_head *head)
{
	return head->first == WAKE_Q_TAIL;
}

static inline void wake_q_add_safe(struct wake_q_head *head,
				   struct task_struct *task)
{
	struct task_struct *old = NULL;

	/* Whoever has the task on a queue wakes it after what came before. */
	full_fence();
	if (__atomic_compare_exchange_n(&task->wake_next, &old, head->first,
					false, __ATOMIC_RELAXED,
					__ATOMIC_RELAXED))
		head->first = task;
	else
		__atomic_fetch_sub(&task->refs, 1, __ATOMIC_RELAXED);
}

static inline void wake_up_q(struct wake_q_head *head)
{
	while (!wake_q_empty(head)) {
		struct task_struct *task = head->first;

		head->first = READ_ONCE(task->wake_next);
		WRITE_ONCE(task->wake_next, NULL);
		/* Pairs with wake_q_add_safe() and set_current_state(). */
		full_fence();
		test_wake(task);
		__atomic_fetch_sub(&task->refs, 1, __ATOMIC_RELAXED);
	}
}

/* ----- lockdep: counts, so that a test sees an annotation that is missing ----- */

struct lock_class_key { };
#define DEP_SHARED		0x10
#define DEP_TRYLOCK		0x20
#define __dep_acquire(flags)						\
do {									\
	current->dep_held++;						\
	current->dep_last = (flags);					\
} while (0)
#define rwsem_acquire(map, sub, try, ip)				\
	__dep_acquire((sub) | ((try) ? DEP_TRYLOCK : 0))
#define rwsem_acquire_read(map, sub, try, ip)				\
	__dep_acquire((sub) | ((try) ? DEP_TRYLOCK : 0) | DEP_SHARED)
#define lock_release(map, ip)	(current->dep_held--)
#define lock_contended(map, ip)	do { } while (0)
#define lock_acquired(map, ip)	do { } while (0)
#define lockdep_assert(cond)	do { warnings += !(cond); } while (0)
#define SINGLE_DEPTH_NESTING	1
#define LCB_F_READ		1
#define LCB_F_WRITE		2
#define LCB_F_RANGE		4
#define trace_contention_begin(lock, flags)	do { } while (0)
#define trace_contention_end(lock, ret)		do { } while (0)

#endif /* _RANGE_LOCK_SHIM_H */
