// SPDX-License-Identifier: GPL-2.0
/*
 * Is on the medium what fsync and msync have said to be there?
 *
 *	A store that was over when fsync, fdatasync or msync began is covered by
 *	a flush that began after the store, and ended before the call returned.
 *
 * What was punched or truncated between the store and the return is not judged,
 * nor is metadata.  Where the clocks leave a doubt, it is for the kernel: a
 * store counts from its begin, and to the trace's microsecond one is added.
 *
 * Flushes have kernel addresses, stores have physical ones, as pagemap has them
 * right after the store; without a removal blocks do not move.
 *
 * A store that was not flushed in time is "late" if its flush was under way, or
 * came from a call that ran at the same time, and "lost" if not.  Of the late
 * ones "marked" counts those whose page the returning call had marked for
 * writeback before the other call even began, so that the other took it away.
 *
 * Nothing in here asks the kernel: dax_durable_judge_test.c makes histories up.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dax_durable_judge.h"

#define AT_ONCE		64	/* flushes, of as many threads */

static int by_place(const void *a, const void *b)
{
	const struct flush *x = a, *y = b;

	if (x->phys / HUGE_PAGE != y->phys / HUGE_PAGE)
		return x->phys / HUGE_PAGE < y->phys / HUGE_PAGE ? -1 : 1;
	return x->begin < y->begin ? -1 : x->begin > y->begin;
}

/*
 * From begins and ends to flushes, sorted by huge page and begin: none reaches
 * into the next huge page.  An end alone is of a flush that was under way when
 * the trace began.  False, and why: the history proves nothing.
 */
bool pair_events(struct history *h, char *why, size_t len)
{
	uint32_t running[AT_ONCE], nrunning = 0, i;
	const struct event *ev;
	struct flush *fl;

	if (h->lost) {
		snprintf(why, len, "%llu events lost", (unsigned long long)h->lost);
		return false;
	}
	h->nflush = 0;
	fl = realloc(h->flush, (h->nevents + 1) * sizeof(*fl));
	if (!fl) {
		snprintf(why, len, "no memory");
		return false;
	}
	h->flush = fl;
	for (ev = h->event; ev < h->event + h->nevents; ev++) {
		if (ev->begin) {
			if (nrunning == AT_ONCE) {
				snprintf(why, len, "more than %u flushes at once", AT_ONCE);
				return false;
			}
			running[nrunning++] = h->nflush;
			h->flush[h->nflush++] = (struct flush) {
				.phys = ev->addr - h->direct_map,
				.len = ev->len,
				.tid = ev->tid,
				/* It is rounded: to the kernel's favour. */
				.begin = (ev->us + 1) * 1000,
			};
			continue;
		}
		for (i = 0; i < nrunning; i++) {
			fl = &h->flush[running[i]];
			if (fl->tid == ev->tid) {
				fl->end = (ev->us - 1) * 1000;
				running[i] = running[--nrunning];
				break;
			}
		}
	}
	if (nrunning) {
		snprintf(why, len, "%u flushes have no end", nrunning);
		return false;
	}
	qsort(h->flush, h->nflush, sizeof(*h->flush), by_place);
	return true;
}

static int by_end(const void *a, const void *b)
{
	const struct rec *x = *(const struct rec * const *)a;
	const struct rec *y = *(const struct rec * const *)b;

	return x->end < y->end ? -1 : x->end > y->end;
}

/* Some records, sorted by their end */
struct recs {
	const struct rec **rec;
	uint32_t n;
};

/* All records of one kind */
static bool collect(const struct history *h, enum kind kind, struct recs *all)
{
	const struct rec *r;
	uint32_t i, max = 0;

	for (i = 0; i < h->nlogs; i++)
		max += h->log[i].n;
	all->n = 0;
	all->rec = malloc((max + 1) * sizeof(*all->rec));
	if (!all->rec)
		return false;
	for (i = 0; i < h->nlogs; i++)
		for (r = h->log[i].rec; r < h->log[i].rec + h->log[i].n; r++)
			if (r->kind == kind)
				all->rec[all->n++] = r;
	qsort(all->rec, all->n, sizeof(*all->rec), by_end);
	return true;
}

/* The first that does not end before @t */
static uint32_t ends_after(const struct recs *all, uint64_t t)
{
	uint32_t lo = 0, hi = all->n, mid;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		if (all->rec[mid]->end < t)
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
static const struct rec *synced_by(const struct recs *syncs, const struct rec *st)
{
	const struct rec *sync;
	uint32_t i;

	for (i = ends_after(syncs, st->end); i < syncs->n; i++) {
		sync = syncs->rec[i];
		if (sync->begin >= st->end && sync->from <= st->from && sync->to >= st->to)
			return sync;
	}
	return NULL;
}

static bool removed(const struct recs *cuts, const struct rec *st, uint64_t until)
{
	const struct rec *cut;
	uint32_t i;

	for (i = ends_after(cuts, st->begin); i < cuts->n; i++) {
		cut = cuts->rec[i];
		if (cut->begin <= until && cut->from < st->to && cut->to > st->from)
			return true;
	}
	return false;
}

/* The first flush in this huge page that begins at @t or later */
static uint32_t flush_after(const struct history *h, uint64_t phys, uint64_t t)
{
	struct flush key = { .phys = phys, .begin = t };
	uint32_t lo = 0, hi = h->nflush, mid;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		if (by_place(&h->flush[mid], &key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The first end of a flush of this store if that is in time, or else the first begin */
static const struct flush *flushed(const struct history *h, const struct rec *st, uint64_t by)
{
	const struct flush *best = NULL, *fl;
	uint32_t i;

	for (i = flush_after(h, st->phys, st->begin); i < h->nflush; i++) {
		fl = &h->flush[i];
		if (fl->phys / HUGE_PAGE != st->phys / HUGE_PAGE)
			break;
		if (fl->phys > st->phys || fl->phys + fl->len < st->phys + st->to - st->from)
			continue;
		if (!best)
			best = fl;
		if (fl->end <= by)
			return fl;
	}
	return best;
}

/* Whose flush this is */
static const struct rec *caller(const struct recs *syncs, const struct flush *fl)
{
	const struct rec *sync;
	uint32_t i;

	for (i = ends_after(syncs, fl->begin); i < syncs->n; i++) {
		sync = syncs->rec[i];
		if (sync->tid == fl->tid && sync->begin <= fl->begin)
			return sync;
	}
	return NULL;
}

/* Who flushes has marked everything before.  Did this call, before the other? */
static bool marked(const struct history *h, const struct rec *sync, const struct rec *other)
{
	const struct flush *fl;

	for (fl = h->flush; other && fl < h->flush + h->nflush; fl++)
		if (fl->tid == sync->tid && fl->begin >= sync->begin &&
		    fl->begin < other->begin)
			return true;
	return false;
}

static double at(const struct history *h, uint64_t ns)
{
	return ((double)ns - h->epoch) / 1e6;
}

static void tell(const struct history *h, struct verdict *v, const char *what,
		 const struct rec *st, const struct rec *sync, const struct flush *fl)
{
	int n;

	if (v->first[0])
		return;
	n = snprintf(v->first, sizeof(v->first),
		     "%s: offset %llx stored to at %.3f ms, synced by %d from %.3f to %.3f ms, ",
		     what, (unsigned long long)st->from, at(h, st->end), sync->tid,
		     at(h, sync->begin), at(h, sync->end));
	if (fl)
		snprintf(v->first + n, sizeof(v->first) - n,
			 "flushed by %d from %.3f to %.3f ms (%llu KiB)", fl->tid,
			 at(h, fl->begin), at(h, fl->end), (unsigned long long)fl->len / 1024);
	else
		snprintf(v->first + n, sizeof(v->first) - n, "flushed never");
}

static void judge_store(const struct history *h, struct verdict *v, const struct rec *st,
			const struct recs *syncs, const struct recs *cuts)
{
	const struct rec *sync = synced_by(syncs, st), *other;
	const struct flush *fl;

	if (!sync)
		return;
	if (removed(cuts, st, sync->end > st->placed ? sync->end : st->placed)) {
		v->removed++;
		return;
	}
	if (!st->phys) {
		v->unplaced++;
		return;
	}
	v->judged++;
	fl = flushed(h, st, sync->end);
	if (fl && fl->end <= sync->end)
		return;
	other = fl ? caller(syncs, fl) : NULL;
	if (fl && (fl->begin <= sync->end || (other && other->begin <= sync->end))) {
		v->late++;
		v->marked += marked(h, sync, other);
		tell(h, v, "late", st, sync, fl);
	} else {
		v->lost++;
		tell(h, v, "lost", st, sync, fl);
	}
}

/* False, and why: the history proves nothing. */
bool judge(struct history *h, struct verdict *v, char *why, size_t len)
{
	struct recs stores = {}, syncs = {}, cuts = {};
	uint32_t i;
	bool ok;

	memset(v, 0, sizeof(*v));
	if (!pair_events(h, why, len))
		return false;
	ok = collect(h, STORE, &stores) && collect(h, SYNC, &syncs) && collect(h, CUT, &cuts);
	if (!ok)
		snprintf(why, len, "no memory");
	for (i = 0; ok && i < stores.n; i++)
		judge_store(h, v, stores.rec[i], &syncs, &cuts);
	for (i = 0; i < h->nflush; i++)
		v->huge += h->flush[i].len == HUGE_PAGE;
	v->syncs = syncs.n;
	v->cuts = cuts.n;
	free(stores.rec);
	free(syncs.rec);
	free(cuts.rec);
	return ok;
}

/*
 * Has @tid flushed a copy of @len bytes, all but what the call itself has written
 * past the caches?
 */
bool copy_flushed(const struct history *h, pid_t tid, uint64_t len, uint64_t *bytes)
{
	uint32_t i;

	*bytes = 0;
	for (i = 0; i < h->nflush; i++)
		if (h->flush[i].tid == tid)
			*bytes += h->flush[i].len;
	return *bytes >= len - 64;
}
