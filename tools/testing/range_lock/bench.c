// SPDX-License-Identifier: GPL-2.0
/*
 * What a lock and unlock pair costs, beside locks that know no ranges.  All of
 * them over the same pthread mutex and futex, so only the ratios mean much.
 *
 * Usage: bench [THREADS]
 */
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "range_lock_test.h"

#define NR_PAIRS	1000000UL

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

static void bench(const char *name, void (*pair)(unsigned long), int threads)
{
	struct bench b[threads];
	pthread_t pthread[threads];
	struct timespec from, to;
	int i;

	clock_gettime(CLOCK_MONOTONIC, &from);
	for (i = 0; i < threads; i++) {
		b[i] = (struct bench){ pair, 2 + i };
		if (pthread_create(&pthread[i], NULL, run_thread, &b[i]))
			abort();
	}
	for (i = 0; i < threads; i++)
		pthread_join(pthread[i], NULL);
	clock_gettime(CLOCK_MONOTONIC, &to);
	printf("%-40s %2d threads %8.1f ns per pair\n", name, threads,
	       ((to.tv_sec - from.tv_sec) * 1e9 + to.tv_nsec - from.tv_nsec) /
	       (NR_PAIRS * threads));
}

int main(int argc, char **argv)
{
	int max = argc > 1 ? atoi(argv[1]) : 4, n;
	static struct task_struct task;
	struct range_lock other;

	current = &task;
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
	return 0;
}
