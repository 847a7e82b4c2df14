// SPDX-License-Identifier: GPL-2.0
/*
 * Is on the medium what fsync and msync have said to be there?
 *
 *	dax_durable [-s seed] [-t seconds] [-o scenario] [-n] [-q] [-x] DIR
 *
 * Threads of several processes store to one file through mappings with small
 * and huge pages and MAP_SYNC, fault, punch, truncate and sync.  Three things
 * are written down, all on the monotonic clock: each store, each call that
 * syncs or removes a range, and, by kprobes, each flush of the CPU's caches,
 * begin and end.  When all is over, this must hold:
 *
 *	A store that was over when fsync, fdatasync or msync began is covered by
 *	a flush that began after the store, and ended before the call returned.
 *
 * What was punched or truncated between the store and the return is not judged,
 * nor is metadata.  Where the clocks leave a doubt, it is for the kernel: a
 * store counts from its begin, and to the trace's microsecond one is added.
 *
 * Flushes have kernel addresses, stores have physical ones, as pagemap has them
 * right after the store; without a removal blocks do not move.  How the two
 * differ is shown by a page that is stored to and synced first of all.
 *
 * A store that was not flushed in time is "late" if its flush was under way, or
 * came from a call that ran at the same time, and "lost" if not.  Of the late
 * ones "marked" counts those whose page the returning call had marked for
 * writeback before the other call even began, so that the other took it away.
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
#include "dax_test.h"
#include <linux/fs.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <stdatomic.h>

#define INSTANCE	TRACING "/instances/dax_durable"
#define BUFFER_KB	"24576"
#define PROBE		"arch_wb_cache_pmem"

#define PMDS		6
#define SIZE		(PMDS * PMD)
#define SMALL		(SIZE / 2)	/* below, no huge pages */
#define PMAX		3		/* processes */
#define TMAX		3		/* threads of each */
#define ACTORS		(PMAX * TMAX)
#define LOG_MAX		65536
#define FOREVER		(~0ULL)
#define QUICK		10000		/* ns */

enum kind { STORE, SYNC, CUT };

struct rec {
	u64 begin, end;			/* ns */
	u64 from, to;			/* file offsets */
	u64 phys, placed;		/* of a store: where, and when seen */
	enum kind kind;
	pid_t tid;
};

struct log {
	u32 n;				/* the parent looks when all is over */
	struct rec rec[LOG_MAX];
};

struct flush {
	u64 phys, len, begin, end;
	pid_t tid;
};

static struct shared {
	pthread_rwlock_t still;
	pthread_mutex_t trunc;
	pthread_barrier_t meet;
	atomic_int stop, more, synced;
	atomic_uint failed, ops;
	struct log log[ACTORS + 1];	/* the last is of the parent */
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
static u64 seed, epoch;

static struct flush *flush;
static u32 nflush;
static u64 direct_map, lost_before;

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
			t_bail("pagemap");
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
			t_bail("mmap");
		madvise(a->map[i], i ? SMALL : SIZE, MADV_NOHUGEPAGE);
	}
	a->pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (a->pagemap < 0)
		t_bail("pagemap");
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
			t_bail("pthread_create");
	}
	for (i = 0; i < s->threads; i++)
		pthread_join(t[i], NULL);
	_exit(0);
}

/* ---- the trace ---- */

static void trace_end(void)
{
	t_put(INSTANCE "/events/dax_durable/enable", "0");
	rmdir(INSTANCE);
	t_put(TRACING "/kprobe_events", "-:dax_durable/flushed");
	t_put(TRACING "/kprobe_events", "-:dax_durable/flush");
}

static bool trace_setup(void)
{
	trace_end();
	return t_put(TRACING "/kprobe_events", "p:dax_durable/flush " PROBE
		     " addr=$arg1:x64 size=$arg2:u64\n") &&
	       t_put(TRACING "/kprobe_events", "r64:dax_durable/flushed " PROBE "\n") &&
	       !mkdir(INSTANCE, 0755) &&
	       t_put(INSTANCE "/tracing_on", "0") &&
	       t_put(INSTANCE "/trace_clock", "mono") &&
	       t_put(INSTANCE "/buffer_size_kb", BUFFER_KB) &&
	       t_put(INSTANCE "/events/dax_durable/enable", "1");
}

/* Events that got lost: in the buffers of all CPUs, and probes not taken */
static u64 trace_lost(void)
{
	static const char * const keys[] = {
		"overrun: %llu", "commit overrun: %llu", "dropped events: %llu",
	};
	unsigned long long lost = 0, v, hits;
	char path[256], line[256], name[64];
	unsigned int cpu, k;
	FILE *f;

	for (cpu = 0;; cpu++) {
		snprintf(path, sizeof(path), INSTANCE "/per_cpu/cpu%u/stats", cpu);
		f = fopen(path, "r");
		if (!f)
			break;
		while (fgets(line, sizeof(line), f))
			for (k = 0; k < ARRAY_SIZE(keys); k++)
				if (sscanf(line, keys[k], &v) == 1)
					lost += v;
		fclose(f);
	}
	f = fopen(TRACING "/kprobe_profile", "r");
	if (!f || !cpu)
		return FOREVER;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, " %63s %llu %llu", name, &hits, &v) == 3 &&
		    (!strcmp(name, "flush") || !strcmp(name, "flushed")))
			lost += v;
	fclose(f);
	return lost;
}

static void trace_start(void)
{
	int f = open(INSTANCE "/trace", O_WRONLY | O_TRUNC);

	lost_before = trace_lost();
	if (f < 0 || !t_put(INSTANCE "/tracing_on", "1"))
		t_bail("%s", INSTANCE);
	close(f);
}

/* "comm-tid [cpu] flags seconds.microseconds: event: arguments" */
static bool parse(char *line, struct flush *fl, bool *begin)
{
	unsigned long long s, us, addr = 0, len = 0;
	char *ev, *p;

	ev = strstr(line, ": flush: ");
	*begin = ev;
	if (!ev)
		ev = strstr(line, ": flushed: ");
	if (!ev)
		return false;
	*ev = 0;
	p = strrchr(line, ' ');
	if (!p || sscanf(p, " %llu.%llu", &s, &us) != 2)
		return false;
	p = strstr(line, " [");
	while (p && p > line && *p != '-')
		p--;
	if (!p || sscanf(p, "-%d", &fl->tid) != 1)
		return false;
	us += s * 1000000;
	/* It is rounded: to the kernel's favour. */
	fl->begin = (us + 1) * 1000;
	fl->end = (us - 1) * 1000;
	if (!*begin)
		return true;
	p = strstr(ev + 1, "addr=");
	if (!p || sscanf(p, "addr=%llx size=%llu", &addr, &len) != 2)
		return false;
	fl->phys = addr - direct_map;
	fl->len = len;
	return true;
}

static int by_place(const void *a, const void *b)
{
	const struct flush *x = a, *y = b;

	if (x->phys / PMD != y->phys / PMD)
		return x->phys / PMD < y->phys / PMD ? -1 : 1;
	return x->begin < y->begin ? -1 : x->begin > y->begin;
}

/* All flushes, sorted by huge page and begin.  False: the run proves nothing. */
static bool trace_read(char *why, size_t len)
{
	u32 running[64], nrunning = 0, max = 0, i, k;
	struct flush fl;
	char line[1024];
	u64 lost;
	bool begin;
	FILE *f;

	t_put(INSTANCE "/tracing_on", "0");
	lost = trace_lost() - lost_before;
	if (lost) {
		snprintf(why, len, "%llu events lost", (unsigned long long)lost);
		return false;
	}
	nflush = 0;
	f = fopen(INSTANCE "/trace", "r");
	if (!f)
		t_bail("trace");
	while (fgets(line, sizeof(line), f)) {
		if (line[0] == '#')
			continue;
		if (!parse(line, &fl, &begin) || nrunning == ARRAY_SIZE(running)) {
			line[strcspn(line, "\n")] = 0;
			snprintf(why, len, "trace not understood: %.200s", line);
			fclose(f);
			return false;
		}
		if (begin) {
			if (nflush == max) {
				max = max * 2 + 4096;
				flush = realloc(flush, max * sizeof(*flush));
				if (!flush)
					t_bail("no memory");
			}
			running[nrunning++] = nflush;
			flush[nflush++] = fl;
			continue;
		}
		for (i = 0; i < nrunning; i++) {
			k = running[i];
			if (flush[k].tid == fl.tid) {
				flush[k].end = fl.end;
				running[i] = running[--nrunning];
				break;
			}
		}
	}
	fclose(f);
	if (nrunning) {
		snprintf(why, len, "%u flushes have no end", nrunning);
		return false;
	}
	qsort(flush, nflush, sizeof(*flush), by_place);
	return true;
}

/* ---- the judge ---- */

struct verdict {
	u64 judged, removed, unplaced, lost, late, marked, huge;
	u32 syncs, cuts;
	char first[512];
};

static int by_end(const void *a, const void *b)
{
	const struct rec *x = *(const struct rec * const *)a;
	const struct rec *y = *(const struct rec * const *)b;

	return x->end < y->end ? -1 : x->end > y->end;
}

/* All records of one kind, sorted by their end */
static struct rec **collect(enum kind kind, u32 *n)
{
	struct rec **all, *r;
	u32 i, max = 0;

	for (i = 0; i <= ACTORS; i++)
		max += sh->log[i].n;
	all = malloc((max + 1) * sizeof(*all));
	if (!all)
		t_bail("no memory");
	*n = 0;
	for (i = 0; i <= ACTORS; i++)
		for (r = sh->log[i].rec; r < sh->log[i].rec + sh->log[i].n; r++)
			if (r->kind == kind)
				all[(*n)++] = r;
	qsort(all, *n, sizeof(*all), by_end);
	return all;
}

/* The first that ends after @t */
static u32 ends_after(struct rec **all, u32 n, u64 t)
{
	u32 lo = 0, hi = n, mid;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		if (all[mid]->end < t)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/*
 * The call that must have made it durable: of those that began after it, the
 * first to return.
 */
static const struct rec *synced_by(struct rec **syncs, u32 n, const struct rec *st)
{
	u32 i;

	for (i = ends_after(syncs, n, st->end); i < n; i++)
		if (syncs[i]->begin >= st->end && syncs[i]->from <= st->from &&
		    syncs[i]->to >= st->to)
			return syncs[i];
	return NULL;
}

static bool removed(struct rec **cuts, u32 n, const struct rec *st, u64 until)
{
	u32 i;

	for (i = ends_after(cuts, n, st->begin); i < n; i++)
		if (cuts[i]->begin <= until && cuts[i]->from < st->to &&
		    cuts[i]->to > st->from)
			return true;
	return false;
}

/* The first end, or the first begin, of a flush of this store */
static const struct flush *flushed(const struct rec *st, u64 by)
{
	const struct flush *best = NULL, *fl;
	u32 lo = 0, hi = nflush, mid;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		fl = &flush[mid];
		if (fl->phys / PMD < st->phys / PMD ||
		    (fl->phys / PMD == st->phys / PMD && fl->begin < st->begin))
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < nflush && flush[lo].phys / PMD == st->phys / PMD; lo++) {
		fl = &flush[lo];
		if (fl->phys > st->phys || fl->phys + fl->len < st->phys + 8)
			continue;
		if (!best)
			best = fl;
		if (fl->end <= by)
			return fl;
		if (fl->begin > by)
			break;
	}
	return best;
}

/* Whose flush this is */
static const struct rec *caller(struct rec **syncs, u32 n, const struct flush *fl)
{
	u32 i;

	for (i = fl ? ends_after(syncs, n, fl->begin) : n; i < n; i++)
		if (syncs[i]->tid == fl->tid && syncs[i]->begin <= fl->begin)
			return syncs[i];
	return NULL;
}

/* Who flushes has marked everything before.  Did this call, before the other? */
static bool marked(const struct rec *sync, const struct rec *other)
{
	u32 i;

	for (i = 0; other && i < nflush; i++)
		if (flush[i].tid == sync->tid && flush[i].begin >= sync->begin &&
		    flush[i].begin < other->begin)
			return true;
	return false;
}

static double at(u64 ns)
{
	return ((double)ns - epoch) / 1e6;
}

static void tell(struct verdict *v, const char *what, const struct rec *st,
		 const struct rec *sync, const struct flush *fl)
{
	int n;

	if (v->first[0])
		return;
	n = snprintf(v->first, sizeof(v->first),
		     "%s: offset %llx stored to at %.3f ms, synced by %d from %.3f to %.3f ms, ",
		     what, (unsigned long long)st->from, at(st->end), sync->tid,
		     at(sync->begin), at(sync->end));
	if (fl)
		snprintf(v->first + n, sizeof(v->first) - n,
			 "flushed by %d from %.3f to %.3f ms (%llu KiB)", fl->tid,
			 at(fl->begin), at(fl->end), (unsigned long long)fl->len / 1024);
	else
		snprintf(v->first + n, sizeof(v->first) - n, "flushed never");
}

static void judge(struct verdict *v)
{
	struct rec **stores, **syncs, **cuts, *st;
	u32 nstores, nsyncs, ncuts, i;
	const struct rec *sync, *other;
	const struct flush *fl;

	stores = collect(STORE, &nstores);
	syncs = collect(SYNC, &nsyncs);
	cuts = collect(CUT, &ncuts);
	for (i = 0; i < nstores; i++) {
		st = stores[i];
		sync = synced_by(syncs, nsyncs, st);
		if (!sync)
			continue;
		if (removed(cuts, ncuts, st, sync->end > st->placed ?
			    sync->end : st->placed)) {
			v->removed++;
			continue;
		}
		if (!st->phys) {
			v->unplaced++;
			continue;
		}
		v->judged++;
		fl = flushed(st, sync->end);
		if (fl && fl->end <= sync->end)
			continue;
		other = caller(syncs, nsyncs, fl);
		if (fl && (fl->begin <= sync->end ||
			   (other && other->begin <= sync->end))) {
			v->late++;
			v->marked += marked(sync, other);
			tell(v, "late", st, sync, fl);
		} else {
			v->lost++;
			tell(v, "lost", st, sync, fl);
		}
	}
	for (i = 0; i < nflush; i++)
		v->huge += flush[i].len == PMD;
	v->syncs = nsyncs;
	v->cuts = ncuts;
	free(stores);
	free(syncs);
	free(cuts);
}

/* ---- the scenarios ---- */

static void new_file(const char *dir)
{
	char *zero = calloc(1, PMD);
	u64 off;

	fd = t_open(dir, "dax_durable", 0);
	if (!t_is_dax(fd))
		t_bail("%s is not on DAX", dir);
	for (off = 0; off < SIZE; off += PMD)
		if (!zero || pwrite(fd, zero, PMD, off) != (ssize_t)PMD)
			t_bail("pwrite");
	free(zero);
	if (fsync(fd))
		t_bail("fsync");
}

/* Which addresses the direct map has is shown by the flush of a known page. */
static bool calibrate(const char *dir, char *why, size_t len)
{
	struct actor a = { .log = &sh->log[ACTORS] };
	bool ok = false;
	u64 phys;

	new_file(dir);
	map_all(&a);
	direct_map = 0;
	trace_start();
	if (!t_store(a.map[0] + PAGE, 1))
		t_bail("SIGBUS");
	phys = place(a.pagemap, a.map[0] + PAGE);
	if (fsync(fd))
		t_bail("fsync");
	if (!trace_read(why, len)) {
		;
	} else if (nflush != 1 || flush[0].len != PAGE || !phys) {
		snprintf(why, len, "%u flushes of one page; has the device a dax/write_cache?",
			 nflush);
	} else {
		direct_map = flush[0].phys - phys;
		ok = true;
	}
	unmap_all(&a);
	close(fd);
	return ok;
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
			t_bail("fork");
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
	t_result(false, name, "%s", left ? "nothing has moved for a minute" :
		 "a process died");
	for (i = 0; i < (u32)s->processes; i++)
		kill(pid[i], SIGKILL);
	if (left)
		_exit(T_FAIL);		/* not through what hangs */
	return false;
}

/* False if that has failed, or proves nothing; the result is reported then. */
static bool attempt(const char *dir, const struct scenario *s, int seconds,
		    const char *name, struct verdict *v)
{
	struct actor a = { .log = &sh->log[ACTORS] };
	char why[512] = "";
	bool ok;
	u32 i;

	for (i = 0; i <= ACTORS; i++)
		sh->log[i].n = 0;
	sh->stop = 0;
	sh->failed = 0;
	memset(v, 0, sizeof(*v));
	new_file(dir);
	trace_start();
	epoch = now_ns();
	ok = run_processes(s, seconds, name);
	if (ok) {
		op_sync(&a, FSYNC, NULL, 0, SIZE);
		ok = trace_read(why, sizeof(why));
		if (ok)
			judge(v);
		else
			t_result(false, name, "void: %s", why);
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
		printf("# first %s\n", v.first);
	printf("# %u syncs, %u removals, %u flushes (%llu huge), %u failures in %.1f s\n",
	       v.syncs, v.cuts, nflush, (unsigned long long)v.huge, sh->failed,
	       (now_us() - start) / 1e6);
	t_result(bad == expect && v.judged && !sh->failed, name,
		 "%llu lost, %llu late (%llu marked) of %llu stores; %llu removed, %llu not found%s",
		 (unsigned long long)v.lost, (unsigned long long)v.late,
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
	char name[256], why[512] = "";
	u64 bytes = 0;
	bool bad;
	u32 i;
	int to;

	snprintf(name, sizeof(name), "%s: %s", t_base(dir), c->name);
	new_file(dir);
	to = t_open(dir, "dax_clone", 0);
	if (ioctl(to, FICLONE, fd) || fsync(to) || fsync(fd))
		t_bail("FICLONE");
	trace_start();
	if (c->op(8 * PAGE))
		t_bail("%s", c->name);
	if (!trace_read(why, sizeof(why))) {
		t_result(false, name, "%s", why);
	} else {
		for (i = 0; i < nflush; i++)
			if (flush[i].tid == gettid())
				bytes += flush[i].len;
		/* All but what the call itself has written past the caches. */
		bad = bytes < PAGE - 64;
		t_result(bad == expect, name, "%llu bytes of %u%s",
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

	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (sh == MAP_FAILED)
		t_bail("mmap");
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

int main(int argc, char **argv)
{
	int opt, seconds = 3, skip = 0, need = 0, only = 0;
	bool chosen[ARRAY_SIZE(scenarios)];
	char why[512] = "";
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
			return T_FAIL;
	}
	if (optind != argc - 1) {
		fprintf(stderr, "usage: dax_durable [-s seed] [-t seconds] [-o scenario] ");
		fprintf(stderr, "[-n] [-q] [-x] DIR\n");
		return T_FAIL;
	}
	dir = argv[optind];
	if (!trace_setup()) {
		trace_end();
		printf("TAP version 13\n1..0 # SKIP no kprobe on " PROBE " in " TRACING "\n");
		return T_SKIP;
	}
	for (i = 0; i < ARRAY_SIZE(scenarios); i++) {
		chosen[i] = !(scenarios[i].flags & skip) &&
			    (scenarios[i].flags & need) == need &&
			    (!only || only == (int)i + 1);
		n += chosen[i];
	}
	copy = !only && can_clone(dir);
	t_plan(n + (copy ? ARRAY_SIZE(copies) : 0));
	printf("# %s: seed %llu, %d seconds a scenario\n", dir,
	       (unsigned long long)seed, seconds);
	t_catch_sigbus();
	init_shared();
	if (!calibrate(dir, why, sizeof(why)))
		t_bail("%s", why);
	for (i = 0; i < ARRAY_SIZE(scenarios); i++)
		if (chosen[i])
			run(dir, &scenarios[i], seconds, expect);
	for (i = 0; copy && i < ARRAY_SIZE(copies); i++)
		run_copy(dir, &copies[i], expect);
	trace_end();
	return t_failed ? T_FAIL : T_PASS;
}
