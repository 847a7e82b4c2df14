// SPDX-License-Identifier: GPL-2.0
/*
 * Is on the medium what fsync and msync have said to be there?
 *
 *	dax_durable [-s seed] [-t seconds] [-o scenario] [-n] [-q] [-x] DIR
 *
 * Threads of several processes store to one file through mappings with small
 * and huge pages and MAP_SYNC, fault, punch, truncate and sync.  Three things
 * are written down, all on the monotonic clock: each store, each call that
 * syncs or removes a range, and, by kprobes (dax_durable_trace.c), each flush of
 * the CPU's caches, begin and end.  When all is over, dax_durable_judge.c says
 * whether what was synced was flushed in time.
 *
 * How physical addresses and those of the flushes differ is shown by a page that
 * is stored to and synced first of all.
 *
 * Mainline, 7.3.4, does well only while nothing moves during a sync and nothing
 * is removed, which is the first scenario:
 *
 *	removal of a page makes all others of the file clean, unflushed;
 *	a sync passes over an entry that a fault, or another sync, has locked:
 *	xas_find_conflict() finds nothing in a walk that has begun elsewhere;
 *	a sync does not see what another one is flushing, whose mark is gone.
 *
 * Where files can share blocks, it is looked at besides whether what is copied of a
 * shared block to the new one is flushed before the call returns that replaces
 * it: nobody else knows of the copy, and the filesystem logs the new block.  Not
 * by mainline.
 *
 *	-s  repeats the decisions of each thread, not what came of them
 *	-t  how long each scenario runs
 *	-o  only this one, as they are numbered without -n and -q
 *	-n  nothing is removed
 *	-q  nothing moves during a sync
 *	-x  the kernel is such a one: all scenarios but the first must show it
 */
#include "dax_util.h"
#include <linux/fs.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <stdatomic.h>
#include "kselftest.h"
#include "dax_durable_trace.h"

#define PMDS		6
#define SIZE		(PMDS * PMD)
#define SMALL		(SIZE / 2)	/* below, no huge pages */
#define PMAX		3		/* processes */
#define TMAX		3		/* threads of each */
#define ACTORS		(PMAX * TMAX)
#define LOG_MAX		65536
#define QUICK		10000		/* ns */

static struct shared {
	pthread_rwlock_t still;
	pthread_mutex_t trunc;
	pthread_barrier_t meet;
	atomic_int stop, more, synced;
	atomic_uint failed, ops;
	struct log log[ACTORS + 1];	/* the last is of the parent */
	struct rec rec[ACTORS + 1][LOG_MAX];
} *sh;

enum role { MIXED, WRITER, SYNCER, MEET };

#define CUTS	1	/* removals */
#define STILL	2	/* nothing moves during a sync */
#define FAULTS	4	/* faults meet a sync, and not another sync */
#define GOOD	8	/* in mainline, too */

static const struct scenario {
	const char *name;
	int processes, threads, flags;
	enum role role[PMAX];
} scenarios[] = {
	{ "nothing moves during a sync, nothing is removed", 2, 3, STILL | GOOD, {} },
	{ "nothing moves during a sync, pages are removed", 2, 3, STILL | CUTS, {} },
	{ "everything moves, nothing is removed", 2, 3, 0, {} },
	{ "everything moves, pages are removed", 2, 3, CUTS, {} },
	{ "two processes sync, one writes", 3, 1, 0, { WRITER, SYNCER, SYNCER } },
	{ "a sync meets faults in a huge page", 3, 1, FAULTS, { MEET, MEET, MEET } },
	{ "a sync meets a sync in a huge page", 3, 1, 0, { MEET, MEET, MEET } },
};

struct actor {
	const struct scenario *s;
	enum role role;
	int id, pagemap;
	u64 rng;
	struct log *log;
	char *map[3];			/* small, huge, MAP_SYNC */
};

static int fd;
static u64 seed;
static struct history history;

/* ---- what the threads do ---- */

static struct rec *log_next(struct log *log, enum kind kind, u64 from, u64 to)
{
	struct rec *r = &log->rec[log->n];

	memset(r, 0, sizeof(*r));
	r->kind = kind;
	r->from = from;
	r->to = to;
	r->tid = gettid();
	return r;
}

/*
 * Where a page is, 0 if that cannot be said.  It may be unmapped at any time:
 * fault it in again.
 */
static u64 place(int pagemap, char *p)
{
	u64 entry, val;
	int try;

	for (try = 0; try < 16; try++) {
		if (pread(pagemap, &entry, 8, (uintptr_t)p / PAGE * 8) != 8)
			ksft_exit_fail_perror("/proc/self/pagemap");
		if (entry >> 63)
			return (entry & 0x7fffffffffffffULL) * PAGE +
			       (uintptr_t)p % PAGE;
		if (!t_load(p, &val))
			return 0;
	}
	return 0;
}

/*
 * The begin of a store that had to fault is long before the store.  So store
 * again and again, until it was quick: what was flushed before cannot have been
 * what was stored then.
 */
static void op_store(struct actor *a, char *map, u64 off)
{
	struct rec *r;
	int try;

	off &= ~7UL;
	r = log_next(a->log, STORE, off, off + 8);
	for (try = 0; try < 4; try++) {
		r->begin = now_ns();
		if (!t_store(map + off, r->begin))
			return;
		r->end = now_ns();
		if (r->end - r->begin < QUICK)
			break;
	}
	r->phys = place(a->pagemap, map + off);
	r->placed = now_ns();
	a->log->n++;
}

enum call { FSYNC, FDATASYNC, MSYNC };

static void op_sync(struct actor *a, enum call how, char *map, u64 off, u64 len)
{
	struct rec *r;
	int err;

	if (how != MSYNC) {
		off = 0;
		len = SIZE;
	}
	r = log_next(a->log, SYNC, off, off + len);
	r->begin = now_ns();
	err = how == FSYNC ? fsync(fd) :
	      how == FDATASYNC ? fdatasync(fd) : msync(map + off, len, MS_SYNC);
	r->end = now_ns();
	if (err)
		atomic_fetch_add(&sh->failed, 1);
	else
		a->log->n++;
}

static void cut(struct actor *a, int mode, u64 off, u64 len)
{
	struct rec *r = log_next(a->log, CUT, off, off + len);

	r->begin = now_ns();
	if (fallocate(fd, mode | FALLOC_FL_KEEP_SIZE, off, len))
		atomic_fetch_add(&sh->failed, 1);
	r->end = now_ns();
	a->log->n++;
}

/* Down, and up again; what is past EOF meanwhile is nobody's. */
static void op_truncate(struct actor *a, u64 off)
{
	struct rec *r;

	pthread_mutex_lock(&sh->trunc);
	r = log_next(a->log, CUT, off, SIZE);
	r->begin = now_ns();
	if (ftruncate(fd, off))
		atomic_fetch_add(&sh->failed, 1);
	usleep(rnd(&a->rng) % 2000);
	if (ftruncate(fd, SIZE))
		atomic_fetch_add(&sh->failed, 1);
	r->end = now_ns();
	a->log->n++;
	pthread_mutex_unlock(&sh->trunc);
}

/* Not only whole pages: what remains of one has to be durable, too. */
static void op_cut(struct actor *a, u64 off)
{
	u64 r = rnd(&a->rng), unit = r & 1 ? PAGE : 512, len;

	off &= ~(unit - 1);
	len = (1 + (r >> 8) % (r & 2 ? 4 : 600)) * unit;
	if (len > SIZE - off)
		len = SIZE - off;
	switch (r >> 32 & 7) {
	case 0:
		/* Now and then a lot, most often the last few pages. */
		off = SIZE - (r >> 40 & 7 ? off % (64 * PAGE) : off % SMALL);
		op_truncate(a, off);
		break;
	case 1:
		cut(a, FALLOC_FL_ZERO_RANGE, off, len);
		break;
	case 2:
		/* New blocks, where a huge page fits again */
		off &= ~(PMD - 1);
		cut(a, FALLOC_FL_PUNCH_HOLE, off, PMD);
		if (fallocate(fd, FALLOC_FL_KEEP_SIZE, off, PMD))
			atomic_fetch_add(&sh->failed, 1);
		break;
	case 3:
		/* Removes nothing, so it is no excuse either. */
		if (fallocate(fd, FALLOC_FL_KEEP_SIZE, off, len))
			atomic_fetch_add(&sh->failed, 1);
		break;
	default:
		cut(a, FALLOC_FL_PUNCH_HOLE, off, len);
	}
}

static void op_refault(struct actor *a, char *map, u64 off)
{
	u64 val;

	off &= ~(PAGE - 1);
	madvise(map + off, SIZE - off < 8 * PAGE ? PAGE : 8 * PAGE, MADV_DONTNEED);
	t_load(map + off, &val);
}

static void one_op(struct actor *a)
{
	u64 r = rnd(&a->rng), off = rnd(&a->rng) % SIZE, len = 64 * PAGE;
	bool still = a->s->flags & STILL;
	char *map = a->map[(r >> 8) % 3];
	u32 what = r % 256;

	if (a->role == SYNCER || (a->role == MIXED && what < 3)) {
		off &= ~(PAGE - 1);
		if (r >> 16 & 1)
			len = PMD;
		if (len > SIZE - off || a->role == SYNCER) {
			off = 0;
			len = SIZE;
		}
		if (still)
			pthread_rwlock_wrlock(&sh->still);
		op_sync(a, (r >> 32) % 3, map, off, len);
	} else {
		if (still)
			pthread_rwlock_rdlock(&sh->still);
		if (what < 30)
			op_refault(a, map, off);
		else if (what < 32 && (a->s->flags & CUTS))
			op_cut(a, off);
		else
			op_store(a, map, off);
	}
	if (still)
		pthread_rwlock_unlock(&sh->still);
}

/*
 * The first stores to many small pages and to a huge one behind them.  Then the
 * second syncs the file.  When it comes to the huge page, this is being faulted
 * in or synced by the third; it must neither pass over it nor leave before the
 * flush is over.  All three draw the same numbers.  False: that was the last.
 */
static bool meet(struct actor *a)
{
	u64 off = (PMDS / 2 + rnd(&a->rng) % (PMDS / 2)) * PMD, val;
	u64 in = rnd(&a->rng) % PMD, delay = rnd(&a->rng) % 500, i;

	if (a->id == 0) {
		for (i = 0; i < 32; i++)
			op_store(a, a->map[0], i * PAGE);
		op_store(a, a->map[1], off + in);
		atomic_store(&sh->synced, 0);
	}
	pthread_barrier_wait(&sh->meet);
	if (a->id == 0) {
		atomic_store(&sh->more, !atomic_load(&sh->stop) &&
			     a->log->n < LOG_MAX - 64);
	} else if (a->id == TMAX) {
		op_sync(a, FDATASYNC, NULL, 0, SIZE);
		atomic_store(&sh->synced, 1);
	} else if (a->s->flags & FAULTS) {
		while (!atomic_load(&sh->synced)) {
			madvise(a->map[1] + off, PMD, MADV_DONTNEED);
			t_load(a->map[1] + off, &val);
		}
	} else {
		for (i = now_us() + delay; now_us() < i;)
			;
		op_sync(a, MSYNC, a->map[1], off, PMD);
	}
	pthread_barrier_wait(&sh->meet);
	return atomic_load(&sh->more);
}

static void *act(void *arg)
{
	struct actor *a = arg;

	a->log = &sh->log[a->id];
	a->rng = seed * 1000003 + (a->role == MEET ? 0 : a->id);
	if (a->role == MEET) {
		while (meet(a))
			atomic_fetch_add(&sh->ops, 1);
		return NULL;
	}
	while (!atomic_load(&sh->stop) && a->log->n < LOG_MAX - 64) {
		one_op(a);
		atomic_fetch_add(&sh->ops, 1);
	}
	return NULL;
}

static void map_all(struct actor *a)
{
	int prot = PROT_READ | PROT_WRITE, i;

	a->map[0] = t_map(fd, SIZE, prot, MAP_SHARED, 0);
	a->map[1] = t_map(fd, SIZE, prot, MAP_SHARED, 0);
	a->map[2] = t_map(fd, SIZE, prot, MAP_SHARED_VALIDATE | MAP_SYNC, 0);
	for (i = 0; i < 3; i++) {
		if (!a->map[i])
			ksft_exit_fail_perror("mmap");
		madvise(a->map[i], i ? SMALL : SIZE, MADV_NOHUGEPAGE);
	}
	a->pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (a->pagemap < 0)
		ksft_exit_fail_perror("/proc/self/pagemap");
}

static void unmap_all(struct actor *a)
{
	int i;

	for (i = 0; i < 3; i++)
		munmap(a->map[i], SIZE);
	close(a->pagemap);
}

static void process(const struct scenario *s, int p)
{
	struct actor a[TMAX] = { { .s = s } };
	pthread_t t[TMAX];
	int i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	map_all(&a[0]);
	for (i = 0; i < s->threads; i++) {
		a[i] = a[0];
		a[i].id = p * TMAX + i;
		a[i].role = s->role[p];
		if (pthread_create(&t[i], NULL, act, &a[i]))
			ksft_exit_fail_perror("pthread_create");
	}
	for (i = 0; i < s->threads; i++)
		pthread_join(t[i], NULL);
	_exit(0);
}

/* ---- the scenarios ---- */

static void new_file(const char *dir)
{
	char *zero = calloc(1, PMD);
	u64 off;

	fd = t_open(dir, "dax_durable", 0);
	if (!t_is_dax(fd))
		ksft_exit_fail_msg("%s is not on DAX\n", dir);
	for (off = 0; off < SIZE; off += PMD)
		if (!zero || pwrite(fd, zero, PMD, off) != (ssize_t)PMD)
			ksft_exit_fail_perror("pwrite");
	free(zero);
	if (fsync(fd))
		ksft_exit_fail_perror("fsync");
}

static void start_trace(void)
{
	if (!trace_start())
		ksft_exit_fail_msg("the trace does not start\n");
}

/* Which addresses the direct map has is shown by the flush of a known page. */
static void calibrate(const char *dir)
{
	struct actor a = { .log = &sh->log[ACTORS] };
	char why[512];
	u64 phys;

	new_file(dir);
	map_all(&a);
	history.direct_map = 0;
	start_trace();
	if (!t_store(a.map[0] + PAGE, 1))
		ksft_exit_fail_msg("SIGBUS in %s\n", dir);
	phys = place(a.pagemap, a.map[0] + PAGE);
	if (fsync(fd))
		ksft_exit_fail_perror("fsync");
	if (!trace_read(&history, why, sizeof(why)) ||
	    !pair_events(&history, why, sizeof(why)))
		ksft_exit_fail_msg("%s\n", why);
	if (history.nflush != 1 || history.flush[0].len != PAGE || !phys)
		ksft_exit_fail_msg("%u flushes of one page; has the device a dax/write_cache?\n",
				   history.nflush);
	history.direct_map = history.flush[0].phys - phys;
	unmap_all(&a);
	close(fd);
}

/* False: somebody died, or hangs. */
static bool run_processes(const struct scenario *s, int seconds, const char *name)
{
	u32 i, ops = 0, quiet = 0, left = s->processes;
	bool died = false;
	pid_t pid[PMAX];
	int status;
	u64 end;

	fflush(stdout);
	for (i = 0; i < left; i++) {
		pid[i] = fork();
		if (pid[i] < 0)
			ksft_exit_fail_perror("fork");
		if (!pid[i])
			process(s, i);
	}
	end = now_us() + seconds * 1000000ULL;
	/* A minute without one operation is a deadlock. */
	while (left && quiet < 3000) {
		if (waitpid(-1, &status, WNOHANG) > 0) {
			left--;
			died |= status;
			/* The others may wait for it. */
			for (i = 0; died && i < (u32)s->processes; i++)
				kill(pid[i], SIGKILL);
			continue;
		}
		usleep(20000);
		quiet = sh->ops == ops ? quiet + 1 : 0;
		ops = sh->ops;
		if (now_us() > end)
			atomic_store(&sh->stop, 1);
	}
	if (!left && !died)
		return true;
	ksft_test_result_fail("%s # %s\n", name,
			      left ? "nothing has moved for a minute" : "a process died");
	for (i = 0; i < (u32)s->processes; i++)
		kill(pid[i], SIGKILL);
	if (left)
		_exit(KSFT_FAIL);		/* not through what hangs */
	return false;
}

/* False if that has failed, or proves nothing; the result is reported then. */
static bool attempt(const char *dir, const struct scenario *s, int seconds,
		    const char *name, struct verdict *v)
{
	struct actor a = { .log = &sh->log[ACTORS] };
	char why[512];
	bool ok;
	u32 i;

	for (i = 0; i <= ACTORS; i++)
		sh->log[i].n = 0;
	sh->stop = 0;
	sh->failed = 0;
	new_file(dir);
	start_trace();
	history.epoch = now_ns();
	ok = run_processes(s, seconds, name);
	if (ok) {
		op_sync(&a, FSYNC, NULL, 0, SIZE);
		ok = trace_read(&history, why, sizeof(why)) &&
		     judge(&history, v, why, sizeof(why));
		if (!ok)
			ksft_test_result_fail("%s # void: %s\n", name, why);
	}
	close(fd);
	t_unlink(dir, "dax_durable");
	return ok;
}

static void run(const char *dir, const struct scenario *s, int seconds, bool expect)
{
	u64 start = now_us();
	struct verdict v;
	char name[256];
	bool bad = false;
	int try;

	expect &= !(s->flags & GOOD);
	snprintf(name, sizeof(name), "%s: %s", t_base(dir), s->name);
	/* What is expected takes its time on a slow machine. */
	for (try = 0; try < 4; try++) {
		if (!attempt(dir, s, seconds << try, name, &v))
			return;
		bad = v.lost || v.late;
		if (bad || !expect)
			break;
	}
	if (v.first[0])
		ksft_print_msg("first %s\n", v.first);
	ksft_print_msg("%u syncs, %u removals, %u flushes (%llu huge), %u failures in %.1f s\n",
		       v.syncs, v.cuts, history.nflush, (unsigned long long)v.huge,
		       sh->failed, (now_us() - start) / 1e6);
	ksft_test_result(bad == expect && v.judged && !sh->failed,
			 "%s # %llu lost, %llu late (%llu marked) of %llu stores; %llu removed, %llu not found%s\n",
			 name, (unsigned long long)v.lost, (unsigned long long)v.late,
			 (unsigned long long)v.marked, (unsigned long long)v.judged,
			 (unsigned long long)v.removed, (unsigned long long)v.unplaced,
			 !expect ? "" : bad ? "; expected" : "; losses were expected");
}

/* ---- copies of shared blocks ---- */

static int copy_write(off_t off)
{
	return pwrite(fd, "x", 1, off + 100) == 1 ? 0 : -1;
}

static int copy_store(off_t off)
{
	char *map = t_map(fd, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, off);
	bool ok = t_store(map + 128, 1);

	munmap(map, PAGE);
	return ok ? 0 : -1;
}

static int copy_zero(off_t off)
{
	return fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
			 off + 100, 200);
}

static int copy_unshare(off_t off)
{
	return fallocate(fd, FALLOC_FL_UNSHARE_RANGE, off, PAGE);
}

static const struct copy_case {
	const char *name;
	int (*op)(off_t off);
} copies[] = {
	{ "a copy of a shared block is flushed, write(2)", copy_write },
	{ "a copy of a shared block is flushed, store", copy_store },
	{ "a copy of a shared block is flushed, zero range", copy_zero },
	{ "a copy of a shared block is flushed, unshare", copy_unshare },
};

static bool can_clone(const char *dir)
{
	int from = t_open(dir, "dax_durable", PAGE), to = t_open(dir, "dax_clone", 0);
	bool ok = !ioctl(to, FICLONE, from);

	close(to);
	close(from);
	t_unlink(dir, "dax_clone");
	t_unlink(dir, "dax_durable");
	return ok;
}

static void run_copy(const char *dir, const struct copy_case *c, bool expect)
{
	char name[256], why[512];
	u64 bytes;
	bool bad;
	int to;

	snprintf(name, sizeof(name), "%s: %s", t_base(dir), c->name);
	new_file(dir);
	to = t_open(dir, "dax_clone", 0);
	if (ioctl(to, FICLONE, fd) || fsync(to) || fsync(fd))
		ksft_exit_fail_perror("FICLONE");
	start_trace();
	if (c->op(8 * PAGE))
		ksft_exit_fail_perror(c->name);
	if (!trace_read(&history, why, sizeof(why)) ||
	    !pair_events(&history, why, sizeof(why))) {
		ksft_test_result_fail("%s # %s\n", name, why);
	} else {
		bad = !copy_flushed(&history, gettid(), PAGE, &bytes);
		ksft_test_result(bad == expect, "%s # %llu bytes of %u%s\n", name,
				 (unsigned long long)bytes, (u32)PAGE,
				 !expect ? "" : bad ? "; expected" : "; a loss was expected");
	}
	close(to);
	close(fd);
	t_unlink(dir, "dax_clone");
	t_unlink(dir, "dax_durable");
}

static void init_shared(void)
{
	pthread_barrierattr_t battr;
	pthread_rwlockattr_t rattr;
	pthread_mutexattr_t attr;
	int i;

	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (sh == MAP_FAILED)
		ksft_exit_fail_perror("mmap");
	for (i = 0; i <= ACTORS; i++)
		sh->log[i].rec = sh->rec[i];
	history.log = sh->log;
	history.nlogs = ACTORS + 1;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&sh->trunc, &attr);
	pthread_rwlockattr_init(&rattr);
	pthread_rwlockattr_setpshared(&rattr, PTHREAD_PROCESS_SHARED);
	/* Or a sync would have to wait for a moment without any store. */
	pthread_rwlockattr_setkind_np(&rattr,
				      PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&sh->still, &rattr);
	pthread_barrierattr_init(&battr);
	pthread_barrierattr_setpshared(&battr, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(&sh->meet, &battr, PMAX);
}

static pid_t parent;

static void clean_up(void)
{
	if (getpid() == parent)
		trace_end();
}

int main(int argc, char **argv)
{
	int opt, seconds = 3, skip = 0, need = 0, only = 0;
	bool chosen[ARRAY_SIZE(scenarios)];
	bool expect = false, copy;
	const char *dir;
	u32 i, n = 0;

	seed = now_us() ^ getpid();
	while ((opt = getopt(argc, argv, "s:t:o:nqx")) != -1) {
		if (opt == 's')
			seed = strtoull(optarg, NULL, 0);
		else if (opt == 't')
			seconds = atoi(optarg);
		else if (opt == 'o')
			only = atoi(optarg);
		else if (opt == 'n')
			skip = CUTS;
		else if (opt == 'q')
			need = STILL;
		else if (opt == 'x')
			expect = true;
		else
			return KSFT_FAIL;
	}
	if (optind != argc - 1) {
		fprintf(stderr, "usage: dax_durable [-s seed] [-t seconds] [-o scenario] ");
		fprintf(stderr, "[-n] [-q] [-x] DIR\n");
		return KSFT_FAIL;
	}
	dir = argv[optind];
	ksft_print_header();
	parent = getpid();
	atexit(clean_up);
	if (!trace_setup())
		ksft_exit_skip("no kprobe on " PROBE " in " TRACING "\n");
	for (i = 0; i < ARRAY_SIZE(scenarios); i++) {
		chosen[i] = !(scenarios[i].flags & skip) &&
			    (scenarios[i].flags & need) == need &&
			    (!only || only == (int)i + 1);
		n += chosen[i];
	}
	copy = !only && can_clone(dir);
	ksft_set_plan(n + (copy ? ARRAY_SIZE(copies) : 0));
	ksft_print_msg("%s: seed %llu, %d seconds a scenario\n", dir,
		       (unsigned long long)seed, seconds);
	t_catch_sigbus();
	init_shared();
	calibrate(dir);
	for (i = 0; i < ARRAY_SIZE(scenarios); i++)
		if (chosen[i])
			run(dir, &scenarios[i], seconds, expect);
	for (i = 0; copy && i < ARRAY_SIZE(copies); i++)
		run_copy(dir, &copies[i], expect);
	ksft_finished();
}
