// SPDX-License-Identifier: GPL-2.0
/*
 * What a lock and unlock pair costs, beside locks that know no ranges; what it
 * costs with many waiters; and what it costs to hand a range over.  All of them
 * over the same pthread mutex and futex, so only the ratios mean much.
 *
 * Usage: bench [THREADS [WAITERS]]
 */
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "range_lock_test.h"

#define NR_PAIRS	200000UL

static DEFINE_RANGE_LOCK_TREE(tree);
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;

static void futex(unsigned int *addr, int op, unsigned int val)
{
	syscall(SYS_futex, addr, op | FUTEX_PRIVATE_FLAG, val, NULL, NULL, 0);
}

void schedule(void)
{
	unsigned int state;

	if (escape)
		longjmp(escape->to, 1);
	while ((state = READ_ONCE(current->state)) != TASK_RUNNING)
		futex(&current->state, FUTEX_WAIT, state);
}

void test_wake(struct task_struct *task)
{
	if (__atomic_exchange_n(&task->state, TASK_RUNNING, __ATOMIC_SEQ_CST))
		futex(&task->state, FUTEX_WAKE, 1);
}

void test_signal_check(struct task_struct *task)
{
}

static void range_pair(unsigned long unit, bool shared)
{
	struct range_lock lock;

	range_lock_init(&lock, unit, unit);
	if (shared)
		range_lock_shared(&tree, &lock);
	else
		range_lock(&tree, &lock);
	range_unlock(&tree, &lock);
}

static void exclusive(unsigned long unit)
{
	range_pair(unit, false);
}

static void shared(unsigned long unit)
{
	range_pair(unit, true);
}

static void do_mutex(unsigned long unit)
{
	pthread_mutex_lock(&mutex);
	pthread_mutex_unlock(&mutex);
}

static void do_read(unsigned long unit)
{
	pthread_rwlock_rdlock(&rwlock);
	pthread_rwlock_unlock(&rwlock);
}

static void do_write(unsigned long unit)
{
	pthread_rwlock_wrlock(&rwlock);
	pthread_rwlock_unlock(&rwlock);
}

struct bench {
	void (*pair)(unsigned long unit);
	unsigned long unit;
};

static void *run_thread(void *arg)
{
	static __thread struct task_struct task;
	struct bench *b = arg;
	unsigned long n;

	current = &task;
	for (n = 0; n < NR_PAIRS; n++)
		b->pair(b->unit);
	return NULL;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static void bench(const char *name, void (*pair)(unsigned long), int threads)
{
	struct bench b[threads];
	pthread_t pthread[threads];
	double from = now();
	int i;

	for (i = 0; i < threads; i++) {
		b[i] = (struct bench){ pair, 2 + i };
		if (pthread_create(&pthread[i], NULL, run_thread, &b[i]))
			abort();
	}
	for (i = 0; i < threads; i++)
		pthread_join(pthread[i], NULL);
	printf("%-40s %2d threads %8.1f ns per pair\n", name, threads,
	       (now() - from) / (NR_PAIRS * threads));
}

/* ----- many waiters ----- */

#define REPEAT		5

enum crowd { EQUAL, NESTED, ANYHOW, READERS, MIXED };

/*
 * Each of @nr waits behind those before it, in one thread and without sleeping.
 * The best of some runs counts, for each operation on its own, so that the worst
 * operation is not the one that an interrupt met.
 */
static void bench_crowd(const char *name, enum crowd crowd, unsigned long nr)
{
	struct range_lock *locks = calloc(nr, sizeof(*locks));
	double *took[2] = { calloc(nr, sizeof(double)), calloc(nr, sizeof(double)) };
	double sum[2] = { }, worst[2] = { }, from;
	unsigned long i;
	int n, what;

	for (n = 0; n < REPEAT; n++) {
		rnd_state = seed;
		for (i = 0; i < nr; i++) {
			unsigned long margin = crowd == NESTED ? nr - i :
					       crowd == ANYHOW || crowd == MIXED ? rnd(nr) : 0;
			bool shared = crowd == READERS ? i : crowd == MIXED && rnd(2);

			range_lock_init(&locks[i], margin, 2 * nr - margin);
			from = now();
			queue_up(&tree, &locks[i], shared);
			from = now() - from;
			if (!n || from < took[0][i])
				took[0][i] = from;
		}
		for (i = 0; i < nr; i++) {
			from = now();
			range_unlock(&tree, &locks[i]);
			from = now() - from;
			if (!n || from < took[1][i])
				took[1][i] = from;
		}
	}
	for (what = 0; what < 2; what++) {
		for (i = 0; i < nr; i++) {
			sum[what] += took[what][i];
			if (took[what][i] > worst[what])
				worst[what] = took[what][i];
		}
		free(took[what]);
	}
	free(locks);
	printf("%-32s %6lu waiters: lock %8.0f ns, worst %9.0f; unlock %8.0f ns, worst %9.0f\n",
	       name, nr, sum[0] / nr, worst[0], sum[1] / nr, worst[1]);
}

/* ----- handing over ----- */

static unsigned int work;

static void spin(void)
{
	unsigned int i;

	for (i = 0; i < 1000; i++)
		WRITE_ONCE(work, i);
}

/* [0, 1] [1, 2] [2, 3]: each conflicts with its neighbours. */
static void chain(unsigned long unit)
{
	struct range_lock lock;

	range_lock_init(&lock, unit, unit + 1);
	range_lock(&tree, &lock);
	spin();
	range_unlock(&tree, &lock);
}

static void same(unsigned long unit)
{
	chain(2);
}

static void apart(unsigned long unit)
{
	chain(2 * unit);
}

/* Whoever comes first takes it, and who runs comes first. */
static void mutex_barges(unsigned long unit)
{
	pthread_mutex_lock(&mutex);
	spin();
	pthread_mutex_unlock(&mutex);
}

int main(int argc, char **argv)
{
	int max = argc > 1 ? atoi(argv[1]) : 4, n;
	unsigned long waiters = argc > 2 ? atol(argv[2]) : 100000, nr;
	static struct task_struct task;
	struct range_lock other;

	current = &task;
	test_setup();
	bench("range lock, empty tree, exclusive", exclusive, 1);
	bench("range lock, empty tree, shared", shared, 1);
	range_lock_init(&other, 0, 0);
	range_lock_shared(&tree, &other);
	bench("range lock, one range held, exclusive", exclusive, 1);
	bench("range lock, one range held, shared", shared, 1);
	range_unlock(&tree, &other);
	for (n = 1; n <= max; n *= 2) {
		bench("range lock, disjoint, exclusive", exclusive, n);
		bench("range lock, disjoint, shared", shared, n);
		bench("pthread_mutex", do_mutex, n);
		bench("pthread_rwlock, read", do_read, n);
		bench("pthread_rwlock, write", do_write, n);
	}
	for (n = 1; n <= max; n *= 2) {
		bench("short hold: range lock, one range", same, n);
		bench("short hold: range lock, a chain", chain, n);
		bench("short hold: range lock, disjoint", apart, n);
		bench("short hold: pthread_mutex", mutex_barges, n);
	}
	for (nr = 10; nr <= waiters; nr *= nr == 10 ? 100 : 10) {
		bench_crowd("exclusive, equal", EQUAL, nr);
		bench_crowd("exclusive, nested", NESTED, nr);
		bench_crowd("exclusive, nested anyhow", ANYHOW, nr);
		bench_crowd("shared, behind an exclusive one", READERS, nr);
		bench_crowd("both modes, nested anyhow", MIXED, nr);
	}
	return 0;
}
