// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the range lock.
 *
 * Every wait has a limit, so a lock that loses a wakeup fails a test and hangs
 * none.  A thread that is stuck for good still uses its range, and so the tests
 * after it are skipped.
 */
#include <kunit/test.h>
#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/cleanup.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/limits.h>
#include <linux/lockdep.h>
#include <linux/module.h>
#include <linux/prandom.h>
#include <linux/range_lock.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/spinlock.h>

#define LIMIT		(10 * HZ)
#define NR_REQS		6

enum how { PLAIN, KILLABLE, INTERRUPTIBLE, TWO_KILLABLE };

/* What a thread of its own asks for, and how it goes */
struct req {
	struct range_lock lock, lock2;
	enum how how;
	bool shared;
	bool started;
	int ret;
	struct task_struct *task;
	struct completion in, release, done;
};

/* Static, because a thread that is stuck outlives its test. */
static struct range_lock_tree trees[2];
static struct req reqs[NR_REQS];
static int nr_reqs;
static atomic_t let_in;
static bool stuck, lockdep_works;

#define tree	(&trees[0])
#define tree2	(&trees[1])

static int do_request(struct req *r)
{
	switch (r->how) {
	case KILLABLE:
		return r->shared ? range_lock_shared_killable(tree, &r->lock) :
				   range_lock_killable(tree, &r->lock);
	case INTERRUPTIBLE:
		return r->shared ? range_lock_shared_interruptible(tree, &r->lock) :
				   range_lock_interruptible(tree, &r->lock);
	case TWO_KILLABLE:
		return range_lock_two_killable(tree, &r->lock, tree2, &r->lock2);
	default:
		if (r->shared)
			range_lock_shared(tree, &r->lock);
		else
			range_lock(tree, &r->lock);
		return 0;
	}
}

static int request_thread(void *arg)
{
	struct req *r = arg;

	allow_signal(SIGUSR1);
	allow_signal(SIGKILL);
	WRITE_ONCE(r->started, true);
	r->ret = do_request(r);
	atomic_inc(&let_in);
	complete(&r->in);
	wait_for_completion(&r->release);
	if (!r->ret) {
		if (r->how == TWO_KILLABLE)
			range_unlock_two(tree, &r->lock, tree2, &r->lock2);
		else
			range_unlock(tree, &r->lock);
	}
	complete(&r->done);
	return 0;
}

static struct req *request_how(struct kunit *test, unsigned long start,
			       unsigned long last, bool shared, enum how how)
{
	struct req *r = &reqs[nr_reqs];
	struct task_struct *task;

	KUNIT_ASSERT_LT(test, nr_reqs, NR_REQS);
	memset(r, 0, sizeof(*r));
	range_lock_init(&r->lock, start, last);
	range_lock_init(&r->lock2, start, last);
	r->shared = shared;
	r->how = how;
	init_completion(&r->in);
	init_completion(&r->release);
	init_completion(&r->done);
	task = kthread_create(request_thread, r, "range_lock_test");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	r->task = get_task_struct(task);
	nr_reqs++;
	wake_up_process(task);
	return r;
}

static bool asleep(struct req *r)
{
	unsigned long limit = jiffies + LIMIT;

	do {
		if (READ_ONCE(r->started) &&
		    READ_ONCE(r->task->__state) &
		    (TASK_INTERRUPTIBLE | TASK_UNINTERRUPTIBLE))
			return true;
		usleep_range(50, 200);
	} while (time_before(jiffies, limit));
	return false;
}

/* Long enough for a wakeup that should not be to show. */
static void settle(void)
{
	msleep(30);
}

#define expect_waits(test, r)						\
do {									\
	KUNIT_EXPECT_TRUE(test, asleep(r));				\
	KUNIT_EXPECT_FALSE(test, completion_done(&(r)->in));		\
} while (0)

#define expect_returns(test, r, value)					\
do {									\
	KUNIT_ASSERT_NE(test, 0,					\
			wait_for_completion_timeout(&(r)->in, LIMIT));	\
	KUNIT_EXPECT_EQ(test, (r)->ret, value);				\
} while (0)

#define expect_in(test, r)	expect_returns(test, r, 0)

static struct req *request(struct kunit *test, unsigned long start,
			   unsigned long last, bool shared)
{
	return request_how(test, start, last, shared, PLAIN);
}

/* Requests queue in the order of these calls. */
static struct req *request_waits(struct kunit *test, unsigned long start,
				 unsigned long last, bool shared, enum how how)
{
	struct req *r = request_how(test, start, last, shared, how);

	expect_waits(test, r);
	return r;
}

static void release(struct kunit *test, struct req *r)
{
	complete(&r->release);
	if (!wait_for_completion_timeout(&r->done, LIMIT)) {
		stuck = true;
		KUNIT_FAIL(test, "a thread does not come back");
	}
	/* release() may come again, from range_lock_test_exit() */
	complete_all(&r->release);
	complete_all(&r->done);
}

/* What is forgotten makes room for another request. */
static void forget(struct kunit *test, struct req *r)
{
	release(test, r);
	KUNIT_ASSERT_FALSE(test, stuck);
	put_task_struct(r->task);
	nr_reqs--;
}

/* For the test itself, which may hold other ranges already */
static bool lock_at_once(struct range_lock *lock, bool shared)
{
	return shared ? range_trylock_shared(tree, lock) :
			range_trylock(tree, lock);
}

static void take(struct kunit *test, struct range_lock *lock,
		 unsigned long start, unsigned long last, bool shared)
{
	range_lock_init(lock, start, last);
	KUNIT_ASSERT_TRUE(test, lock_at_once(lock, shared));
}

static bool can_take(unsigned long start, unsigned long last, bool shared)
{
	struct range_lock lock;
	bool got;

	range_lock_init(&lock, start, last);
	got = lock_at_once(&lock, shared);
	if (got)
		range_unlock(tree, &lock);
	return got;
}

static void expect_empty(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, can_take(0, ULONG_MAX, false));
}

/* Ends of ranges: where they begin and end, and where keys have lost a bit */
static const unsigned long edge[] = {
	0, 1, 2, LONG_MAX - 1UL, LONG_MAX, LONG_MAX + 1UL, LONG_MAX + 2UL,
	ULONG_MAX - 1, ULONG_MAX
};

static void try_all(struct kunit *test, int a, int b, bool shared)
{
	struct req *r = request(test, edge[a], edge[b], shared);
	int c, d, other;

	expect_in(test, r);
	for (c = 0; c < ARRAY_SIZE(edge); c++)
		for (d = c; d < ARRAY_SIZE(edge); d++)
			for (other = 0; other < 2; other++)
				KUNIT_EXPECT_EQ_MSG(test,
						    can_take(edge[c], edge[d], other),
						    (shared && other) || d < a || b < c,
						    "[%lu, %lu] %d, [%lu, %lu] %d",
						    edge[a], edge[b], shared,
						    edge[c], edge[d], other);
	forget(test, r);
}

static void modes_test(struct kunit *test)
{
	struct range_lock lock;
	int a, b, shared;

	for (a = 0; a < ARRAY_SIZE(edge); a++)
		for (b = a; b < ARRAY_SIZE(edge); b++)
			for (shared = 0; shared < 2; shared++)
				try_all(test, a, b, shared);
	range_lock_init_full(&lock);
	range_lock(tree, &lock);
	KUNIT_EXPECT_FALSE(test, can_take(0, 0, true));
	KUNIT_EXPECT_FALSE(test, can_take(ULONG_MAX, ULONG_MAX, true));
	range_unlock(tree, &lock);
}

static void fifo_test(struct kunit *test)
{
	struct range_lock lock;
	struct req *r[NR_REQS];
	int i;

	take(test, &lock, 4, 5, false);
	for (i = 0; i < NR_REQS; i++)
		r[i] = request_waits(test, i, 9, false, PLAIN);
	range_unlock(tree, &lock);
	for (i = 0; i < NR_REQS; i++) {
		expect_in(test, r[i]);
		KUNIT_EXPECT_EQ(test, atomic_read(&let_in), i + 1);
		release(test, r[i]);
	}
}

static void readers_test(struct kunit *test)
{
	struct req *reader, *writer, *late, *far;

	reader = request(test, 0, 9, true);
	expect_in(test, reader);
	writer = request_waits(test, 5, 5, false, PLAIN);
	/* A reader does not pass a writer that waits, unless out of its way. */
	late = request_waits(test, 0, 9, true, PLAIN);
	far = request(test, 6, 9, true);
	expect_in(test, far);
	release(test, reader);
	expect_in(test, writer);
	expect_waits(test, late);
	release(test, writer);
	expect_in(test, late);
}

static void wakeup_test(struct kunit *test)
{
	struct req *a, *b, *c, *r;
	unsigned long switches;

	a = request(test, 0, 4, false);
	b = request(test, 5, 9, true);
	c = request(test, 20, 29, false);
	expect_in(test, a);
	expect_in(test, b);
	expect_in(test, c);
	r = request_waits(test, 3, 20, false, PLAIN);
	settle();
	switches = READ_ONCE(r->task->nvcsw);
	release(test, a);
	release(test, c);
	settle();
	KUNIT_EXPECT_EQ(test, READ_ONCE(r->task->nvcsw), switches);
	expect_waits(test, r);
	release(test, b);
	expect_in(test, r);
}

static void trylock_test(struct kunit *test)
{
	struct range_lock a, b;
	struct req *r;

	take(test, &a, 0, 1, true);
	take(test, &b, 8, 9, true);
	KUNIT_EXPECT_TRUE(test, can_take(2, 7, false));
	KUNIT_EXPECT_TRUE(test, can_take(0, 9, true));
	KUNIT_EXPECT_FALSE(test, can_take(1, 7, false));
	KUNIT_EXPECT_FALSE(test, can_take(2, 8, false));

	/* Who waits counts, too, also where nothing is held. */
	r = request_waits(test, 1, 5, false, PLAIN);
	KUNIT_EXPECT_FALSE(test, can_take(4, 5, true));
	KUNIT_EXPECT_FALSE(test, can_take(4, 5, false));
	KUNIT_EXPECT_TRUE(test, can_take(6, 7, false));
	range_unlock(tree, &a);
	expect_in(test, r);
	range_unlock(tree, &b);
}

static void downgrade_test(struct kunit *test)
{
	struct req *reader, *writer, *late, *far;
	struct range_lock lock;

	take(test, &lock, 0, 9, false);
	reader = request_waits(test, 0, 3, true, PLAIN);
	writer = request_waits(test, 3, 5, false, PLAIN);
	late = request_waits(test, 4, 4, true, PLAIN);
	far = request_waits(test, 6, 9, true, INTERRUPTIBLE);
	range_lock_downgrade(tree, &lock);
	expect_in(test, reader);
	expect_in(test, far);
	settle();
	expect_waits(test, writer);
	expect_waits(test, late);
	KUNIT_EXPECT_TRUE(test, can_take(9, 10, true));
	range_unlock_shared(tree, &lock);
	settle();
	expect_waits(test, writer);
	release(test, reader);
	expect_in(test, writer);
	expect_waits(test, late);
	release(test, writer);
	expect_in(test, late);
}

/* To lockdep a tree is one lock; it must not take one range for another. */
static void downgrade_mixed_test(struct kunit *test)
{
	struct range_lock a, b;

	take(test, &a, 0, 4, false);
	take(test, &b, 5, 9, true);
	kunit_warning_suppress(test) {
		range_lock_downgrade(tree, &a);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 0);
	}
	KUNIT_EXPECT_TRUE(test, can_take(0, 9, true));
	range_unlock_shared(tree, &a);
	KUNIT_EXPECT_TRUE(test, can_take(0, 4, false));
	KUNIT_EXPECT_FALSE(test, can_take(5, 5, false));
	range_unlock_shared(tree, &b);
}

/* Nothing that does not wait sleeps, or takes a lock that does. */
static void spinlock_test(struct kunit *test)
{
	static DEFINE_SPINLOCK(outer);
	struct range_lock a, b, c;
	bool got_a, got_b, got_c, held;
	struct req *reader, *writer;

	range_lock_init(&a, 0, 9);
	range_lock_init(&b, 10, 19);
	range_lock_init(&c, 19, 20);
	spin_lock(&outer);
	got_a = range_trylock(tree, &a);
	got_b = range_trylock_shared(tree, &b);
	got_c = range_trylock(tree, &c);
	held = range_lock_is_held(tree, 0, 19, false);
	spin_unlock(&outer);
	KUNIT_ASSERT_TRUE(test, got_a);
	KUNIT_ASSERT_TRUE(test, got_b);
	KUNIT_EXPECT_FALSE(test, got_c);
	KUNIT_EXPECT_TRUE(test, held);

	reader = request_waits(test, 0, 0, true, PLAIN);
	writer = request_waits(test, 9, 10, false, PLAIN);
	spin_lock(&outer);
	range_lock_downgrade(tree, &a);
	range_unlock(tree, &a);
	range_unlock_shared(tree, &b);
	spin_unlock(&outer);
	expect_in(test, reader);
	expect_in(test, writer);
}

/* With a subclass a task may hold one range and wait for another. */
static void nested_test(struct kunit *test)
{
	struct range_lock outer, lock;
	int i, ret[4];

	range_lock_init(&outer, 0, 0);
	range_lock_init(&lock, 1, 2);
	range_lock(tree, &outer);
	range_lock_nested(tree, &lock, SINGLE_DEPTH_NESTING);
	KUNIT_EXPECT_TRUE(test, range_lock_is_held(tree, 0, 2, true));
	range_unlock(tree, &lock);
	range_lock_shared_nested(tree, &lock, SINGLE_DEPTH_NESTING);
	KUNIT_EXPECT_TRUE(test, range_lock_is_held(tree, 0, 2, false));
	KUNIT_EXPECT_FALSE(test, range_lock_is_held(tree, 0, 2, true));
	range_unlock_shared(tree, &lock);

	ret[0] = range_lock_killable_nested(tree, &lock, SINGLE_DEPTH_NESTING);
	if (!ret[0])
		range_unlock(tree, &lock);
	ret[1] = range_lock_interruptible_nested(tree, &lock, SINGLE_DEPTH_NESTING);
	if (!ret[1])
		range_unlock(tree, &lock);
	ret[2] = range_lock_shared_killable_nested(tree, &lock,
						   SINGLE_DEPTH_NESTING);
	if (!ret[2])
		range_unlock_shared(tree, &lock);
	ret[3] = range_lock_shared_interruptible_nested(tree, &lock,
							SINGLE_DEPTH_NESTING);
	if (!ret[3])
		range_unlock_shared(tree, &lock);
	for (i = 0; i < ARRAY_SIZE(ret); i++)
		KUNIT_EXPECT_EQ(test, ret[i], 0);
	range_unlock(tree, &outer);
}

static void two_test(struct kunit *test)
{
	struct range_lock a, b;
	struct req *r;

	range_lock_init(&a, 1, 2);
	range_lock_init(&b, 8, 9);
	range_lock_two(tree, &a, tree2, &b);
	KUNIT_EXPECT_TRUE(test, range_lock_is_held(tree, 1, 2, true));
	KUNIT_EXPECT_TRUE(test, range_lock_is_held(tree2, 8, 9, true));
	KUNIT_EXPECT_FALSE(test, range_lock_is_held(tree, 8, 9, false));
	range_unlock_two(tree, &a, tree2, &b);

	KUNIT_ASSERT_EQ(test, 0, range_lock_two_killable(tree2, &a, tree, &b));
	KUNIT_EXPECT_TRUE(test, range_lock_is_held(tree2, 1, 2, true));
	KUNIT_EXPECT_TRUE(test, range_lock_is_held(tree, 8, 9, true));
	range_unlock_two(tree2, &a, tree, &b);

	range_lock_two(tree, &b, tree, &a);
	KUNIT_EXPECT_TRUE(test, range_lock_is_held(tree, 1, 9, true));
	KUNIT_EXPECT_FALSE(test, can_take(0, 1, true));
	KUNIT_EXPECT_FALSE(test, can_take(9, 10, true));
	KUNIT_EXPECT_TRUE(test, can_take(0, 0, false));
	KUNIT_EXPECT_TRUE(test, can_take(10, 10, false));
	range_unlock_two(tree, &b, tree, &a);
	expect_empty(test);

	/* Killed while it waits for the second, it gives back the first. */
	range_lock_init(&a, 0, 0);
	range_lock(tree2, &a);
	r = request_waits(test, 0, 0, false, TWO_KILLABLE);
	KUNIT_EXPECT_FALSE(test, can_take(0, 0, true));
	send_sig(SIGKILL, r->task, 1);
	expect_returns(test, r, -EINTR);
	expect_empty(test);
	range_unlock(tree2, &a);
}

static void signal_test(struct kunit *test)
{
	struct range_lock lock;
	int shared;

	for (shared = 0; shared < 2; shared++) {
		struct req *plain, *killable, *interruptible;

		take(test, &lock, 0, 2, false);
		plain = request_waits(test, 0, 0, shared, PLAIN);
		killable = request_waits(test, 1, 1, shared, KILLABLE);
		interruptible = request_waits(test, 2, 2, shared, INTERRUPTIBLE);

		send_sig(SIGUSR1, interruptible->task, 1);
		send_sig(SIGUSR1, killable->task, 1);
		send_sig(SIGKILL, plain->task, 1);
		expect_returns(test, interruptible, -EINTR);
		settle();
		expect_waits(test, killable);
		expect_waits(test, plain);
		send_sig(SIGKILL, killable->task, 1);
		expect_returns(test, killable, -EINTR);
		expect_waits(test, plain);
		range_unlock(tree, &lock);
		/* Those that left hold nothing, that one does. */
		expect_in(test, plain);
		KUNIT_EXPECT_TRUE(test, can_take(1, 2, false));
		KUNIT_EXPECT_FALSE(test, can_take(0, 0, false));
		release(test, plain);
	}
}

static void cancel_test(struct kunit *test)
{
	struct req *first, *victim, *late, *behind;
	struct range_lock lock;

	take(test, &lock, 0, 4, true);
	first = request_waits(test, 4, 5, false, PLAIN);
	victim = request_waits(test, 0, 9, false, KILLABLE);
	late = request_waits(test, 0, 3, true, PLAIN);
	behind = request_waits(test, 5, 9, true, PLAIN);
	send_sig(SIGKILL, victim->task, 1);
	expect_returns(test, victim, -EINTR);
	/* In its way was nothing else... */
	expect_in(test, late);
	settle();
	/* ... but in the way of these is who came first. */
	expect_waits(test, first);
	expect_waits(test, behind);
	range_unlock(tree, &lock);
	expect_in(test, first);
	expect_waits(test, behind);
	release(test, first);
	expect_in(test, behind);
}

/* A shared waiter that leaves was counted by writers, never by readers. */
static void cancel_shared_test(struct kunit *test)
{
	struct req *victim, *reader, *writer;
	struct range_lock lock;

	take(test, &lock, 0, 9, false);
	victim = request_waits(test, 0, 9, true, KILLABLE);
	reader = request_waits(test, 0, 9, true, PLAIN);
	writer = request_waits(test, 0, 9, false, PLAIN);
	send_sig(SIGKILL, victim->task, 1);
	expect_returns(test, victim, -EINTR);
	settle();
	expect_waits(test, reader);
	expect_waits(test, writer);
	range_unlock(tree, &lock);
	expect_in(test, reader);
	settle();
	expect_waits(test, writer);
	release(test, reader);
	expect_in(test, writer);
}

#define expect_guard_of(test, class, excl)				\
do {									\
	range_lock_init(&lock, 1, 2);					\
	scoped_guard(class, tree, &lock) {				\
		KUNIT_EXPECT_TRUE(test, range_lock_is_held(tree, 1, 2, false)); \
		KUNIT_EXPECT_EQ(test, range_lock_is_held(tree, 1, 2, true), excl); \
	}								\
	expect_empty(test);						\
} while (0)

#define expect_acquire_of(test, class, excl)				\
do {									\
	range_lock_init(&lock, 1, 2);					\
	{								\
		ACQUIRE(class, guard)(tree, &lock);			\
									\
		KUNIT_EXPECT_EQ(test, ACQUIRE_ERR(class, &guard), 0);	\
		KUNIT_EXPECT_TRUE(test, range_lock_is_held(tree, 1, 2, false)); \
		KUNIT_EXPECT_EQ(test, range_lock_is_held(tree, 1, 2, true), excl); \
	}								\
	expect_empty(test);						\
} while (0)

static void guard_test(struct kunit *test)
{
	struct range_lock lock, other;

	expect_guard_of(test, range_lock, true);
	expect_guard_of(test, range_lock_shared, false);
	expect_acquire_of(test, range_lock_intr, true);
	expect_acquire_of(test, range_lock_kill, true);
	expect_acquire_of(test, range_lock_try, true);
	expect_acquire_of(test, range_lock_shared_intr, false);
	expect_acquire_of(test, range_lock_shared_kill, false);
	expect_acquire_of(test, range_lock_shared_try, false);

	/* One that fails holds nothing, and gives nothing back. */
	take(test, &other, 0, 9, false);
	range_lock_init(&lock, 1, 2);
	{
		ACQUIRE(range_lock_try, guard)(tree, &lock);
		KUNIT_EXPECT_NE(test, ACQUIRE_ERR(range_lock_try, &guard), 0);
	}
	{
		ACQUIRE(range_lock_shared_try, guard)(tree, &lock);
		KUNIT_EXPECT_NE(test, ACQUIRE_ERR(range_lock_shared_try, &guard), 0);
	}
	KUNIT_EXPECT_TRUE(test, range_lock_is_held(tree, 0, 9, true));
	range_unlock(tree, &other);
}

static struct completion guards_done;

static int guard_intr_thread(void *arg)
{
	struct range_lock *lock = arg;
	int ret[4];

	allow_signal(SIGKILL);
	send_sig(SIGKILL, current, 1);
	{
		ACQUIRE(range_lock_intr, guard)(tree, lock);
		ret[0] = ACQUIRE_ERR(range_lock_intr, &guard);
	}
	{
		ACQUIRE(range_lock_kill, guard)(tree, lock);
		ret[1] = ACQUIRE_ERR(range_lock_kill, &guard);
	}
	{
		ACQUIRE(range_lock_shared_intr, guard)(tree, lock);
		ret[2] = ACQUIRE_ERR(range_lock_shared_intr, &guard);
	}
	{
		ACQUIRE(range_lock_shared_kill, guard)(tree, lock);
		ret[3] = ACQUIRE_ERR(range_lock_shared_kill, &guard);
	}
	complete(&guards_done);
	/* kthread_stop() collects the result */
	while (!kthread_should_stop())
		usleep_range(1000, 2000);
	return ret[0] == -EINTR && ret[1] == -EINTR && ret[2] == -EINTR &&
	       ret[3] == -EINTR;
}

static void guard_signal_test(struct kunit *test)
{
	struct range_lock lock, other;
	struct task_struct *task;

	take(test, &other, 0, 9, false);
	range_lock_init(&lock, 1, 2);
	init_completion(&guards_done);
	task = kthread_run(guard_intr_thread, &lock, "range_lock_test");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	/* If it sleeps on, it gets the range instead of the signal. */
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&guards_done, LIMIT), 0);
	range_unlock(tree, &other);
	KUNIT_EXPECT_EQ(test, kthread_stop(task), 1);
}

static void held_test(struct kunit *test)
{
	struct range_lock a, b, c;
	struct req *r;

	KUNIT_EXPECT_FALSE(test, range_lock_is_held(tree, 5, 5, false));
	take(test, &a, 0, 4, false);
	take(test, &b, 5, 9, true);
	take(test, &c, 11, ULONG_MAX, false);
	r = request(test, 10, 10, false);
	expect_in(test, r);

	KUNIT_EXPECT_TRUE(test, range_lock_is_held(tree, 0, 4, true));
	KUNIT_EXPECT_TRUE(test, range_lock_is_held(tree, 2, 3, true));
	KUNIT_EXPECT_TRUE(test, range_lock_is_held(tree, 0, 9, false));
	KUNIT_EXPECT_TRUE(test, range_lock_is_held(tree, 11, ULONG_MAX, true));
	KUNIT_EXPECT_FALSE(test, range_lock_is_held(tree, 0, 9, true));
	KUNIT_EXPECT_FALSE(test, range_lock_is_held(tree, 5, 5, true));
	/* somebody else's */
	KUNIT_EXPECT_FALSE(test, range_lock_is_held(tree, 10, 10, false));
	KUNIT_EXPECT_FALSE(test, range_lock_is_held(tree, 9, 10, false));
	KUNIT_EXPECT_FALSE(test, range_lock_is_held(tree, 0, ULONG_MAX, false));
	KUNIT_EXPECT_FALSE(test, range_lock_is_held(tree2, 0, 0, false));

	range_unlock(tree, &c);
	range_unlock(tree, &b);
	range_unlock(tree, &a);
	KUNIT_EXPECT_FALSE(test, range_lock_is_held(tree, 0, 0, false));
}

#define expect_assert(test, expr, nr)					\
do {									\
	kunit_warning_suppress(test) {					\
		expr;							\
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, nr);	\
	}								\
} while (0)

static void assert_test(struct kunit *test)
{
	struct range_lock a, b;

	if (!IS_ENABLED(CONFIG_LOCKDEP))
		kunit_skip(test, "needs lockdep");
	KUNIT_ASSERT_TRUE_MSG(test, debug_locks, "lockdep has given up");

	take(test, &a, 0, 4, true);
	take(test, &b, 5, 9, false);
	expect_assert(test, lockdep_assert_range_held(tree, 0, 9), 0);
	expect_assert(test, lockdep_assert_range_held_exclusive(tree, 5, 9), 0);
	expect_assert(test, lockdep_assert_range_held(tree, 0, 10), 1);
	expect_assert(test, lockdep_assert_range_held(tree2, 0, 0), 1);
	expect_assert(test, lockdep_assert_range_held_exclusive(tree, 4, 9), 1);
	range_unlock(tree, &b);
	range_unlock(tree, &a);
	expect_assert(test, lockdep_assert_range_held(tree, 0, 0), 1);
}

/*
 * The warnings are of the kind that comes once.  Where WARN_ONCE() is not a
 * trap, only the first at each place gets as far as to be counted.
 */
static bool seen_before(int place)
{
#ifdef __WARN_FLAGS
	return false;
#else
	static unsigned long seen;

	return test_and_set_bit(place, &seen);
#endif
}

enum { INIT_HELD, INIT_ORDER, LOCK_HELD, NOT_HELD };

#define expect_misuse(test, expr, place)				\
	expect_assert(test, expr, seen_before(place) ? 0 : 1)

/* What is not held, or not here, stays as it is. */
static void misuse_test(struct kunit *test)
{
	struct range_lock lock, other;
	struct req *r;

	if (!IS_ENABLED(CONFIG_DEBUG_RANGE_LOCK))
		kunit_skip(test, "needs DEBUG_RANGE_LOCK");

	expect_misuse(test, range_lock_init(&other, 9, 5), INIT_ORDER);
	KUNIT_EXPECT_EQ(test, other.start, 9);
	KUNIT_EXPECT_EQ(test, other.last, 5);
	range_lock_init(&other, 0, 0);
	expect_misuse(test, range_unlock(tree, &other), NOT_HELD);

	take(test, &lock, 5, 9, false);
	expect_misuse(test, range_unlock(tree2, &lock), NOT_HELD);
	expect_misuse(test, range_lock_downgrade(tree2, &lock), NOT_HELD);
	r = request_waits(test, 9, 12, false, PLAIN);
	expect_misuse(test, range_unlock(tree, &r->lock), NOT_HELD);

	/* None of this has changed who holds what. */
	KUNIT_EXPECT_TRUE(test, range_lock_is_held(tree, 5, 9, true));
	KUNIT_EXPECT_FALSE(test, can_take(5, 5, true));
	KUNIT_EXPECT_TRUE(test, can_take(0, 4, false));
	expect_waits(test, r);
	range_unlock(tree, &lock);
	expect_in(test, r);
	expect_misuse(test, range_unlock(tree, &lock), NOT_HELD);
	release(test, r);
	expect_empty(test);
}

/* A check that is wrong warns, and keeps nobody from locking and unlocking. */
static void false_alarm_test(struct kunit *test)
{
#ifdef CONFIG_DEBUG_RANGE_LOCK
	struct range_lock lock;
	unsigned long magic;
	bool got = false;

	take(test, &lock, 0, 0, false);
	magic = lock.magic;
	range_unlock(tree, &lock);

	lock.magic = magic;
	expect_misuse(test, range_lock_init(&lock, 5, 9), INIT_HELD);
	KUNIT_EXPECT_EQ(test, lock.start, 5);
	KUNIT_EXPECT_EQ(test, lock.last, 9);

	lock.magic = magic;
	expect_misuse(test, range_lock(tree, &lock), LOCK_HELD);
	KUNIT_EXPECT_TRUE(test, range_lock_is_held(tree, 5, 9, true));
	KUNIT_EXPECT_FALSE(test, can_take(9, 9, true));
	lock.magic = 0;
	expect_misuse(test, range_lock_downgrade(tree, &lock), NOT_HELD);
	KUNIT_EXPECT_TRUE(test, can_take(9, 9, true));
	KUNIT_EXPECT_FALSE(test, can_take(9, 9, false));
	expect_misuse(test, range_unlock(tree, &lock), NOT_HELD);
	expect_empty(test);

	range_lock_init(&lock, 5, 9);
	lock.magic = magic;
	expect_misuse(test, got = range_trylock(tree, &lock), LOCK_HELD);
	KUNIT_ASSERT_TRUE(test, got);
	KUNIT_EXPECT_FALSE(test, can_take(9, 9, true));
	range_unlock(tree, &lock);
	expect_empty(test);
#else
	kunit_skip(test, "needs DEBUG_RANGE_LOCK");
#endif
}

/* ----- stress ----- */

#define NR_STRESS	16
#define NR_UNITS	32
#define NR_ROUNDS	1500

static atomic_t readers[NR_UNITS], writers[NR_UNITS];
static atomic_t clashes, cancelled;

struct stress {
	struct task_struct *task;
	struct completion done;
	struct rnd_state rnd;
};

static struct stress stress[NR_STRESS];

static void shadow(struct range_lock *lock, bool shared, int step)
{
	unsigned long i;

	for (i = lock->start; i <= lock->last; i++) {
		atomic_add(step, shared ? &readers[i] : &writers[i]);
		if (step > 0 && (atomic_read(&writers[i]) > !shared ||
				 (!shared && atomic_read(&readers[i]))))
			atomic_inc(&clashes);
	}
}

static int stress_lock(struct range_lock *lock, bool shared, unsigned int how)
{
	switch (how) {
	case 0:
		return (shared ? range_trylock_shared(tree, lock) :
				 range_trylock(tree, lock)) ? 0 : -EBUSY;
	case 1:
		return shared ? range_lock_shared_killable(tree, lock) :
				range_lock_killable(tree, lock);
	case 2:
		return shared ? range_lock_shared_interruptible(tree, lock) :
				range_lock_interruptible(tree, lock);
	default:
		if (shared)
			range_lock_shared(tree, lock);
		else
			range_lock(tree, lock);
		return 0;
	}
}

static int stress_thread(void *arg)
{
	struct stress *s = arg;
	int i;

	allow_signal(SIGUSR1);
	for (i = 0; i < NR_ROUNDS; i++) {
		u32 r = prandom_u32_state(&s->rnd);
		unsigned long start = r % NR_UNITS;
		bool shared = r & BIT(8);
		struct range_lock lock;
		int ret;

		range_lock_init(&lock, start,
				min(start + (r >> 9) % 6, NR_UNITS - 1UL));
		ret = stress_lock(&lock, shared, (r >> 12) & 3);
		if (ret) {
			if (ret == -EINTR)
				atomic_inc(&cancelled);
			flush_signals(current);
			continue;
		}
		shadow(&lock, shared, 1);
		if (!(r >> 14 & 3))
			cond_resched();
		if (!(r >> 16 & 31))
			usleep_range(10, 50);
		shadow(&lock, shared, -1);
		if (!shared && r & BIT(22)) {
			range_lock_downgrade(tree, &lock);
			shadow(&lock, true, 1);
			shadow(&lock, true, -1);
		}
		range_unlock(tree, &lock);
	}
	complete(&s->done);
	return 0;
}

static void stress_test(struct kunit *test)
{
	unsigned long limit = jiffies + 6 * LIMIT;
	int i, j;

	atomic_set(&clashes, 0);
	atomic_set(&cancelled, 0);
	for (i = 0; i < NR_STRESS; i++) {
		struct task_struct *task;

		init_completion(&stress[i].done);
		prandom_seed_state(&stress[i].rnd, i + 1);
		task = kthread_create(stress_thread, &stress[i], "range_lock_test");
		KUNIT_ASSERT_FALSE(test, IS_ERR(task));
		stress[i].task = get_task_struct(task);
		wake_up_process(task);
	}
	for (i = 0; i < NR_STRESS; i++) {
		while (!completion_done(&stress[i].done) &&
		       time_before(jiffies, limit)) {
			for (j = i; j < NR_STRESS; j++)
				send_sig(SIGUSR1, stress[j].task, 1);
			usleep_range(20, 60);
		}
		if (!completion_done(&stress[i].done)) {
			stuck = true;
			KUNIT_FAIL(test, "thread %d does not finish", i);
		}
		put_task_struct(stress[i].task);
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&clashes), 0);
	kunit_info(test, "seeds 1 to %d, %d acquisitions, %d left for a signal\n",
		   NR_STRESS, NR_STRESS * NR_ROUNDS, atomic_read(&cancelled));
}

static int range_lock_test_init(struct kunit *test)
{
	int i;

	if (stuck)
		kunit_skip(test, "an earlier test left a thread behind");
	/* One class, as the trees of one kind of object have */
	for (i = 0; i < ARRAY_SIZE(trees); i++)
		range_lock_tree_init(&trees[i]);
	nr_reqs = 0;
	atomic_set(&let_in, 0);
	lockdep_works = IS_ENABLED(CONFIG_LOCKDEP) && debug_locks;
	return 0;
}

static void range_lock_test_exit(struct kunit *test)
{
	int i;

	for (i = 0; i < nr_reqs; i++) {
		release(test, &reqs[i]);
		put_task_struct(reqs[i].task);
	}
	nr_reqs = 0;
	if (!stuck)
		expect_empty(test);
	/* All that the tests do is allowed. */
	if (lockdep_works)
		KUNIT_EXPECT_TRUE_MSG(test, debug_locks, "lockdep complains");
}

static struct kunit_case range_lock_test_cases[] = {
	KUNIT_CASE(signal_test),
	KUNIT_CASE(modes_test),
	KUNIT_CASE(fifo_test),
	KUNIT_CASE(readers_test),
	KUNIT_CASE(wakeup_test),
	KUNIT_CASE(trylock_test),
	KUNIT_CASE(downgrade_test),
	KUNIT_CASE(downgrade_mixed_test),
	KUNIT_CASE(spinlock_test),
	KUNIT_CASE(nested_test),
	KUNIT_CASE(two_test),
	KUNIT_CASE(cancel_test),
	KUNIT_CASE(cancel_shared_test),
	KUNIT_CASE(guard_test),
	KUNIT_CASE(guard_signal_test),
	KUNIT_CASE(held_test),
	KUNIT_CASE(assert_test),
	KUNIT_CASE(misuse_test),
	KUNIT_CASE(false_alarm_test),
	KUNIT_CASE_SLOW(stress_test),
	{}
};

static struct kunit_suite range_lock_test_suite = {
	.name = "range_lock",
	.init = range_lock_test_init,
	.exit = range_lock_test_exit,
	.test_cases = range_lock_test_cases,
};

kunit_test_suite(range_lock_test_suite);

MODULE_DESCRIPTION("KUnit tests of the range lock");
MODULE_LICENSE("GPL");
