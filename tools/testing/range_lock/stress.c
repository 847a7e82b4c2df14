// SPDX-License-Identifier: GPL-2.0
/*
 * The range lock raced: threads lock, are signalled, try, downgrade and unlock,
 * and every holder checks that it is the only one to whom its units belong.
 *
 * What the lock protects here is plain data, written by exclusive holders and
 * read by shared ones, so ThreadSanitizer checks that a grant orders it.
 */
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "range_lock_test.h"

#define NR_THREADS	24
#define NR_TREES	2
#define NR_UNITS	64

struct held {
	struct range_lock lock;
	unsigned long arrival;		/* zero: not known */
};

struct thread {
	struct task_struct task;
	pthread_t pthread;
	struct held held[2];
	unsigned long done, cancelled, failed, waits;
	int nr;
};

static struct range_lock_tree trees[NR_TREES];
static struct thread threads[NR_THREADS];
static unsigned long ops_per_thread;
static bool stop;

/* The owner shadow: who is in, and data that only the lock protects */
static int writers[NR_TREES][NR_UNITS], readers[NR_TREES][NR_UNITS];
static unsigned long data[NR_TREES][NR_UNITS];
static __thread unsigned long sink;

static void __attribute__((noreturn)) die(const char *why)
{
	int i, t;

	printf("not ok %u - %s # %s\n", test_nr, test_name, why);
	for (i = 0; i < NR_THREADS; i++) {
		struct thread *th = &threads[i];

		printf("# thread %d: %lu done, state %x, signal %d\n", i,
		       READ_ONCE(th->done), READ_ONCE(th->task.state),
		       READ_ONCE(th->task.sig));
		for (t = 0; t < 2; t++)
			printf("#   %p [%lu, %lu] blocker %p\n",
			       &th->held[t].lock, th->held[t].lock.start,
			       th->held[t].lock.last,
			       READ_ONCE(th->held[t].lock.blocker));
	}
	/* Threads may be stuck, and exit() is not meant to meet them. */
	fflush(stdout);
	_exit(1);
}

/* ----- tasks ----- */

static void futex(unsigned int *addr, int op, unsigned int val)
{
	syscall(SYS_futex, addr, op | FUTEX_PRIVATE_FLAG, val, NULL, NULL, 0);
}

void schedule(void)
{
	unsigned int state;

	full_fence();
	while ((state = READ_ONCE(current->state)) != TASK_RUNNING)
		futex(&current->state, FUTEX_WAIT, state);
	container_of(current, struct thread, task)->waits++;
}

static void wake_state(struct task_struct *task, unsigned int mask)
{
	unsigned int state;

	full_fence();
	state = READ_ONCE(task->state);
	while (state & mask) {
		/* Failing, this reads the state anew. */
		if (__atomic_compare_exchange_n(&task->state, &state,
						TASK_RUNNING, false,
						__ATOMIC_RELAXED,
						__ATOMIC_RELAXED)) {
			futex(&task->state, FUTEX_WAKE, 1);
			break;
		}
	}
}

void test_wake(struct task_struct *task)
{
	wake_state(task, ~0);
}

void test_signal_check(struct task_struct *task)
{
}

static void send_signal(struct task_struct *task, int sig)
{
	WRITE_ONCE(task->sig, sig);
	wake_state(task, TASK_INTERRUPTIBLE |
			 (sig == SIG_KILL ? TASK_WAKEKILL : 0));
}

/* ----- the checker ----- */

static void enter(int t, struct range_lock *lock, bool shared)
{
	unsigned long i;

	for (i = lock->start; i <= lock->last; i++) {
		if (shared) {
			__atomic_fetch_add(&readers[t][i], 1, __ATOMIC_RELAXED);
			if (READ_ONCE(writers[t][i]))
				die("a reader met a writer");
			sink += data[t][i];
		} else {
			if (__atomic_fetch_add(&writers[t][i], 1, __ATOMIC_RELAXED) ||
			    READ_ONCE(readers[t][i]))
				die("a writer was not alone");
			data[t][i]++;
		}
	}
}

static void leave(int t, struct range_lock *lock, bool shared)
{
	unsigned long i;

	for (i = lock->start; i <= lock->last; i++) {
		if (!shared && READ_ONCE(readers[t][i]))
			die("a reader came in under a writer");
		__atomic_fetch_sub(shared ? &readers[t][i] : &writers[t][i], 1,
				   __ATOMIC_RELAXED);
	}
}

/*
 * While one is in, whoever conflicts with it waits and arrived later.  Takes
 * tree->lock, and with it an ordering that may be missing: look last.
 */
static void check_fifo(struct range_lock_tree *tree, struct held *held)
{
	struct range_lock *pos, *lock = &held->lock;
	struct rb_node *node;

	pthread_mutex_lock(&tree->lock.mutex);
	for (node = rb_first(&tree->root); node; node = rb_next(node)) {
		unsigned long arrival;

		pos = rb_entry(node, struct range_lock, node);
		if (pos == lock || (pos->shared && lock->shared) ||
		    pos->start > lock->last || lock->start > pos->last)
			continue;
		arrival = container_of(pos, struct held, lock)->arrival;
		if (!pos->blocker)
			die("two conflicting ranges are granted");
		if (arrival && held->arrival && arrival < held->arrival)
			die("overtaken by a later request");
	}
	pthread_mutex_unlock(&tree->lock.mutex);
}

static void dwell(void)
{
	unsigned int n = rnd(16);

	/* Now and then give up the CPU inside: two of them are not many. */
	if (n < 2)
		sched_yield();
	else if (n == 2 && !rnd(16))
		usleep(rnd(100));
}

static int do_lock(struct range_lock_tree *tree, struct range_lock *lock,
		   bool shared, unsigned int how)
{
	switch (how) {
	case 0:
		if (shared)
			range_lock_shared_nested(tree, lock, SINGLE_DEPTH_NESTING);
		else
			range_lock_nested(tree, lock, SINGLE_DEPTH_NESTING);
		return 0;
	case 1:
		return shared ? range_lock_shared_killable(tree, lock) :
				range_lock_killable(tree, lock);
	case 2:
		return shared ? range_lock_shared_interruptible(tree, lock) :
				range_lock_interruptible(tree, lock);
	default:
		return (shared ? range_trylock_shared(tree, lock) :
				 range_trylock(tree, lock)) ? 0 : -EBUSY;
	}
}

static void pick_range(struct range_lock *lock)
{
	unsigned long start = rnd(NR_UNITS), len = rnd(8);

	if (!rnd(64)) {
		start = 0;
		len = NR_UNITS;
	}
	range_lock_init(lock, start, min_t(unsigned long, start + len, NR_UNITS - 1));
}

static void one(struct thread *th)
{
	struct held *held = &th->held[0];
	bool shared = rnd(2);
	int t = rnd(NR_TREES), ret;

	pick_range(&held->lock);
	held->arrival = 0;
	th->task.arrival = &held->arrival;
	ret = do_lock(&trees[t], &held->lock, shared, rnd(8) & 3);
	if (ret) {
		th->cancelled += ret == -EINTR;
		th->failed += ret == -EBUSY;
		return;
	}
	enter(t, &held->lock, shared);
	check_fifo(&trees[t], held);
	if (!range_lock_is_held(&trees[t], held->lock.start, held->lock.last,
				!shared))
		die("is_held does not know the holder");
	dwell();
	if (!shared && !rnd(4)) {
		leave(t, &held->lock, false);
		range_lock_downgrade(&trees[t], &held->lock);
		shared = true;
		enter(t, &held->lock, true);
		check_fifo(&trees[t], held);
		dwell();
	}
	leave(t, &held->lock, shared);
	range_unlock(&trees[t], &held->lock);
}

static void two(struct thread *th)
{
	struct range_lock *lock[2] = { &th->held[0].lock, &th->held[1].lock };
	int a = rnd(2), b = rnd(4) ? !a : a;

	pick_range(lock[0]);
	pick_range(lock[1]);
	th->held[0].arrival = 0;
	th->held[1].arrival = 0;
	th->task.arrival = NULL;
	if (rnd(2)) {
		range_lock_two(&trees[a], lock[0], &trees[b], lock[1]);
	} else if (range_lock_two_killable(&trees[a], lock[0],
					   &trees[b], lock[1])) {
		th->cancelled++;
		return;
	}
	enter(a, lock[0], false);
	if (a != b)
		enter(b, lock[1], false);
	dwell();
	leave(a, lock[0], false);
	if (a != b)
		leave(b, lock[1], false);
	range_unlock_two(&trees[a], lock[0], &trees[b], lock[1]);
}

static void *run_thread(void *arg)
{
	struct thread *th = arg;
	unsigned long n;

	current = &th->task;
	rnd_state = (seed + th->nr + 1) * 0x9e3779b97f4a7c15ULL | 1;
	for (n = 0; n < ops_per_thread; n++) {
		WRITE_ONCE(th->task.sig, SIG_NONE);
		if (rnd(8))
			one(th);
		else
			two(th);
		if (th->task.dep_held)
			die("lockdep: an annotation is missing");
		if (READ_ONCE(th->task.state) != TASK_RUNNING)
			die("returned while not running");
		WRITE_ONCE(th->done, n + 1);
	}
	return NULL;
}

static void *run_signals(void *arg)
{
	static struct task_struct task;

	current = &task;
	rnd_state = seed * 0x9e3779b97f4a7c15ULL | 1;
	while (!READ_ONCE(stop)) {
		send_signal(&threads[rnd(NR_THREADS)].task,
			    rnd(2) ? SIG_USER : SIG_KILL);
		if (!rnd(4))
			usleep(rnd(20));
	}
	return NULL;
}

/* Nobody starves: each thread comes on within the time, not just some. */
static void watch(void)
{
	const char *env = getenv("WATCHDOG");
	unsigned int limit = (env ? atoi(env) : 20) * 100, i, left;
	unsigned long seen[NR_THREADS] = { }, still[NR_THREADS] = { };

	do {
		usleep(10000);
		for (i = left = 0; i < NR_THREADS; i++) {
			unsigned long done = READ_ONCE(threads[i].done);

			if (done == ops_per_thread)
				continue;
			left++;
			still[i] = done == seen[i] ? still[i] + 1 : 0;
			seen[i] = done;
			if (still[i] > limit)
				die("a thread makes no progress");
		}
	} while (left);
}

int main(void)
{
	unsigned long cancelled = 0, failed = 0, waits = 0;
	static struct task_struct main_task;
	pthread_t signals;
	int i, t;

	current = &main_task;
	test_setup();
	ops_per_thread = 800UL * scale;
	plan(1);
	begin("threads against the owner shadow");
	for (t = 0; t < NR_TREES; t++)
		range_lock_tree_init(&trees[t]);
	for (i = 0; i < NR_THREADS; i++) {
		threads[i].nr = i;
		if (pthread_create(&threads[i].pthread, NULL, run_thread, &threads[i]))
			abort();
	}
	if (pthread_create(&signals, NULL, run_signals, NULL))
		abort();
	watch();
	WRITE_ONCE(stop, true);
	pthread_join(signals, NULL);
	/* A thread may let go of its reference to another one that has ended. */
	for (i = 0; i < NR_THREADS; i++)
		pthread_join(threads[i].pthread, NULL);
	for (i = 0; i < NR_THREADS; i++) {
		cancelled += threads[i].cancelled;
		failed += threads[i].failed;
		waits += threads[i].waits;
		if (threads[i].task.refs)
			die("a reference to a task is left");
	}
	for (t = 0; t < NR_TREES; t++)
		if (trees[t].root.rb_node)
			die("a range is left in a tree");
	ok("%lu acquisitions, %lu slept, %lu cancelled, %lu trylocks refused",
	   ops_per_thread * NR_THREADS, waits, cancelled, failed);
	return 0;
}
