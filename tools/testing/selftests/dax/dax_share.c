// SPDX-License-Identifier: GPL-2.0
/*
 * Change, read and use files that share blocks, from several processes, and know
 * what must be read.
 *
 *	dax_share [-s SEED] [-t SECONDS] [-w WORKERS] [-o LIST] [-L LIMIT] [-kS] DIR
 *		random operations on three files
 *	dax_share -d NAME | -1 ... -9 DIR
 *		one case that is known to have gone wrong, or "all"
 *	dax_share -l
 *		lists operations and cases
 *
 *	-o a,b	only these operations; -o -a,-b: all but these; a:9 is done more
 *		often than a:1; a name may be that of a group: "sharing" is all
 *		that makes files share blocks
 *	-L	so many seconds may one operation take
 *	-k	go on after a failure
 *	-S	a page in use may not even show what another file that has the
 *		same block stores to it
 *
 * DIR is where a file system of its own is mounted: in the end it is unmounted,
 * checked and mounted again.
 *
 * Files A, B and C have some hot pages each, of two halves.  A half is a slot:
 * the words in it have one value.  The value says which slot it was made for, by
 * whom and when, so that a wrong one tells where it came from.  Who changes a
 * slot has its lock, which lies in memory that all share; says before which value
 * the slot may have soon, and afterwards which it has.  These events are kept for
 * a while.  Readers take no locks: they may see what the slot had, or was about
 * to have, at any moment while they were reading.  The halves of a page have
 * locks of their own, so that two ways to change one page meet in the kernel.
 *
 * A worker changes and reads.  A keeper, who may only read, uses a page for a
 * while: what it gets out in the end must be what the slot had since.  The filler
 * makes the disk full with a file D of somebody else, so that a block that was
 * freed too early soon has other contents.
 *
 * All other pages of the files are cold.  Of those it is only known what they
 * cannot contain.
 */
#include "dax_util.h"
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/fsmap.h>
#include <linux/io_uring.h>
#include <linux/loop.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <sys/uio.h>

/* xfs_fs.h, which older hosts do not have */
struct xfs_exchange_range {
	int32_t	file1_fd;
	u32	pad;
	u64	file1_offset;
	u64	file2_offset;
	u64	length;
	u64	flags;
};

#define XFS_IOC_EXCHANGE_RANGE	_IOW('X', 129, struct xfs_exchange_range)

struct xfs_fsop_resblks {
	u64	resblks;
	u64	resblks_avail;
};

#define XFS_IOC_SET_RESBLKS	_IOWR('X', 114, struct xfs_fsop_resblks)

#ifndef FALLOC_FL_UNSHARE_RANGE
#define FALLOC_FL_UNSHARE_RANGE	0x40
#endif

#define PMD_PAGES	(PMD / PAGE)
#define HALF		(PAGE / 2)
#define NFILES		3
#define TAIL		64		/* no huge page fits there */
#define NPAGES		(2 * PMD_PAGES + TAIL)
#define SIZE		(NPAGES * PAGE)

/* The same in both huge pages, so that one can be cloned to the other. */
static const int hot[] = {
	0, 1, 2, 5, 255, 256, 510, 511,
	512, 513, 514, 517, 767, 768, 1022, 1023,
	1024, 1025, 1030, 1086, 1087,
};

#define HOT_PMD		8		/* in each huge page */
#define NHOT		((int)ARRAY_SIZE(hot))
#define NKIN		(NFILES * NHOT)	/* hot pages of all files */
#define NSLOTS		(2 * NKIN)
#define KIN_PAST	8

/* Where in its half; the first page offset is what cold pages have, too. */
static const int word[] = { 64, 1024, 1976 };
#define WORDS		((int)ARRAY_SIZE(word))
#define COLD_WORD	1024

#define LIMIT_WRITE	5		/* while somebody keeps a page for longer */
#define LONG_PIN	8
#define RING		256
#define MAX_WORKERS	8
#define MAX_TASKS	(2 * MAX_WORKERS + 2)
#define MAX_OPS		64
#define SPARE		(64UL << 20)	/* that the files and D have */

/* Values.  What is no tag of ours stands for something else. */
#define ZERO		0ULL
#define NONE		1ULL		/* nothing is pending */
#define EOFV		2ULL		/* past the end of the file */
#define ANYV		3ULL		/* not known */
#define MAGIC(v)	((v) >> 56)
#define M_FILE		0xdaULL
#define M_COLD		0xdcULL
#define M_D		0xddULL
#define NUMBER(v)	((v) & 0xffffffffffULL)
#define SLOT(v)		((int)((v) >> 48 & 0xff))
#define WHO(v)		((int)((v) >> 40 & 0xff))

enum prop {
	P_CONTENT, P_CALLS, P_SIGNAL, P_STUCK, P_KERNEL, P_WORK,
	P_UMOUNT, P_PAGES, P_REPAIR, P_MAX
};

static const char * const prop_name[P_MAX] = {
	"contents are as they should be", "no call fails without a reason",
	"no signal ends a write", "no operation is held up",
	"no warning of the kernel", "all operations were done",
	"the file system can be unmounted", "no page is left in use",
	"the file system is in order",
};

/* What a slot has, from this event to the next */
struct event {
	u64 cur, pend;
	u64 from_seq;		/* pending is also what that slot has since */
	u64 when;
	const char *op;
	int from, who;
	u32 tenancy;
	bool replaced;		/* it belongs to another inode from now on */
};

struct slot {
	pthread_mutex_t lock;
	_Atomic u64 seq;
	struct event ring[RING];
};

struct file_state {
	pthread_mutex_t size_lock;
	_Atomic u64 gen;	/* odd: is being replaced */
	_Atomic off_t size;
};

/* What somebody is doing, for the watchdog */
struct task {
	_Atomic pid_t pid;
	_Atomic u64 since;	/* 0: nothing that can hang */
	const char *_Atomic what;
	const char *_Atomic call;
	_Atomic int file, first, last;
	_Atomic int closed;
};

static struct shared {
	struct slot slot[NSLOTS];
	struct file_state file[NFILES];
	struct task task[MAX_TASKS];
	pthread_mutex_t kin_lock;
	u32 tenancy[NKIN], kin[NKIN][NKIN];
	u32 was_kin[NKIN][NKIN][KIN_PAST];
	_Atomic u64 number;	/* of values */
	_Atomic int stop;
	_Atomic int filling;
	_Atomic u64 filled;	/* when D was last removed */
	_Atomic int failed[P_MAX];
	_Atomic int talking;
	char why[P_MAX][1024];
	_Atomic u64 done[MAX_OPS], skipped[MAX_OPS];
	_Atomic u64 huge, small, enospc, eintr, killed, torn, weak, judged, leaks, pins, fills;
	_Atomic u64 same;
	_Atomic int verdict, go;	/* of a directed case */
	_Atomic long ret;
	u64 start;
} *sh;

static const char *dir;
static char device[256], fstype[32];
static bool can_clone, go_on, strict;
static u64 seed;
static int workers = 4, seconds = 60, limit = 30, loop_fd = -1;
static int kmsg_fd = -1;

/* Of this process */
static struct {
	int id;
	u64 n, rng;
	bool reads_only, killing;
	const char *op;
} my;

static u64 below(u64 n) { return rnd(&my.rng) % n; }
static bool one_in(u64 n) { return !below(n); }

/* Failures */

static const char file_name[] = "ABC";

static int __printf(3, 4) add(char *buf, size_t size, const char *fmt, ...)
{
	size_t n = strlen(buf);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf + n, size - n, fmt, ap);
	va_end(ap);
	return 0;
}

static void __printf(2, 3) complain(enum prop p, const char *fmt, ...)
{
	va_list ap;

	if (!atomic_fetch_add(&sh->failed[p], 1)) {
		va_start(ap, fmt);
		vsnprintf(sh->why[p], sizeof(sh->why[p]), fmt, ap);
		va_end(ap);
	}
	if (!go_on)
		atomic_store(&sh->stop, 1);
}

static int slot_file(int s) { return s / 2 / NHOT; }
static int slot_page(int s) { return hot[s / 2 % NHOT]; }
static int slot_of(int f, int h, int half) { return (f * NHOT + h) * 2 + half; }
static off_t slot_off(int s) { return slot_page(s) * PAGE + (s & 1) * HALF; }

static void name_slot(char *buf, size_t size, int s)
{
	add(buf, size, "%c.%d.%d", file_name[slot_file(s)], slot_page(s), s & 1);
}

static void describe(char *buf, size_t size, u64 v)
{
	if (v == ZERO) {
		add(buf, size, "zero");
	} else if (v == EOFV) {
		add(buf, size, "end of file");
	} else if (v == ANYV) {
		add(buf, size, "anything");
	} else if (MAGIC(v) == M_FILE && SLOT(v) < NSLOTS) {
		name_slot(buf, size, SLOT(v));
		add(buf, size, "#%llu by %d", (unsigned long long)NUMBER(v), WHO(v));
	} else if (MAGIC(v) == M_D) {
		add(buf, size, "page %llu of D, its life %llu",
		    (unsigned long long)v & 0xffffff, (unsigned long long)v >> 24 & 0xffffff);
	} else if (MAGIC(v) == M_COLD) {
		add(buf, size, "cold page %llu of %c", (unsigned long long)v & 0xffff,
		    file_name[v >> 32 & 3]);
	} else {
		add(buf, size, "garbage %016llx", (unsigned long long)v);
	}
}

static u64 new_value(int s)
{
	return M_FILE << 56 | (u64)s << 48 | (u64)my.id << 40 |
	       (atomic_fetch_add(&sh->number, 1) + 1);
}

static u64 cold_value(int f, int page)
{
	return M_COLD << 56 | (u64)f << 32 | page;
}

/*
 * Kin: hot pages that may have the same block.  A page that leaves it by a copy
 * stays kin, so there may be more than there should be.  A page that was given
 * other blocks begins a new tenancy.
 */
static void kin_set(int p, int q)
{
	u32 *past = sh->was_kin[p][q];

	if (sh->kin[p][q] == sh->tenancy[q])
		return;
	memmove(past + 1, past, (KIN_PAST - 1) * sizeof(*past));
	past[0] = sh->kin[p][q];
	sh->kin[p][q] = sh->tenancy[q];
}

static void kin_join(int p, int q)
{
	bool a[NKIN], b[NKIN];
	int i, k;

	pthread_mutex_lock(&sh->kin_lock);
	for (i = 0; i < NKIN; i++) {
		a[i] = i == p || sh->kin[p][i] == sh->tenancy[i];
		b[i] = i == q || sh->kin[q][i] == sh->tenancy[i];
	}
	for (i = 0; i < NKIN; i++)
		for (k = 0; k < NKIN; k++)
			if (a[i] && b[k]) {
				kin_set(i, k);
				kin_set(k, i);
			}
	pthread_mutex_unlock(&sh->kin_lock);
}

static void kin_leave(int p)
{
	pthread_mutex_lock(&sh->kin_lock);
	sh->tenancy[p]++;
	pthread_mutex_unlock(&sh->kin_lock);
}

/* Events */

static struct event *last_event(int s)
{
	return &sh->slot[s].ring[sh->slot[s].seq % RING];
}

static u64 current(int s) { return last_event(s)->cur; }

static void put_event(int s, u64 cur, u64 pend, int from, bool replaced)
{
	u64 seq = sh->slot[s].seq + 1;
	struct event *e = &sh->slot[s].ring[seq % RING];

	e->cur = cur;
	e->pend = pend;
	e->from = from;
	e->from_seq = from < 0 ? 0 : atomic_load(&sh->slot[from].seq);
	e->tenancy = sh->tenancy[s / 2];
	e->replaced = replaced;
	e->when = now_us();
	e->op = my.op;
	e->who = my.id;
	atomic_store(&sh->slot[s].seq, seq);
}

static void publish(int s, u64 pend) { put_event(s, current(s), pend, -1, false); }
static void publish_from(int s, int src) { put_event(s, current(s), NONE, src, false); }
static void commit(int s, u64 v) { put_event(s, v, NONE, -1, false); }

/* Values that a slot may have, or may have had */
struct set {
	u64 v[64];
	int n;
	bool any, eof;
};

static void add_value(struct set *set, u64 v)
{
	int i;

	if (v == NONE)
		return;
	if (v == ANYV)
		set->any = true;
	if (v == EOFV)
		set->eof = true;
	if (v == ANYV || v == EOFV)
		return;
	for (i = 0; i < set->n; i++)
		if (set->v[i] == v)
			return;
	if (set->n == ARRAY_SIZE(set->v))
		set->any = true;
	else
		set->v[set->n++] = v;
}

/* All that the slot has had since @from, as long as it was of the same inode */
static void collect(int s, u64 from, struct set *set, int depth)
{
	struct slot *p = &sh->slot[s];
	u64 to = atomic_load(&p->seq), q;

	for (q = from; q <= to && to - from < RING - 1; q++) {
		struct event e = p->ring[q % RING];

		if (e.replaced && q > from)
			break;
		add_value(set, e.cur);
		add_value(set, e.pend);
		if (e.from >= 0 && depth)
			collect(e.from, e.from_seq, set, depth - 1);
		else if (e.from >= 0)
			set->any = true;
	}
	/* Too long ago */
	if (atomic_load(&p->seq) - from >= RING - 1)
		set->any = true;
}

/* Each byte is one of those that are possible in its place */
static bool is_torn(const struct set *set, u64 v)
{
	int i, k;

	for (i = 0; i < 64; i += 8) {
		bool ok = set->eof && !(v >> i & 0xff);

		for (k = 0; k < set->n; k++)
			ok |= (set->v[k] >> i & 0xff) == (v >> i & 0xff);
		if (!ok)
			return false;
	}
	return true;
}

static bool allows(const struct set *set, u64 v)
{
	int i;

	if (v == EOFV)
		return set->any || set->eof;
	for (i = 0; i < set->n; i++)
		if (set->v[i] == v)
			return true;
	/* Of the last page, what is behind the end can be mapped, and is zero. */
	if (set->any || (set->eof && !v))
		return true;
	/* Copies are made of bytes. */
	if (set->n + set->eof > 1 && is_torn(set, v)) {
		atomic_fetch_add(&sh->torn, 1);
		return true;
	}
	return false;
}

static void describe_set(char *buf, size_t size, const struct set *set)
{
	int i;

	for (i = 0; i < set->n && i < 6; i++) {
		add(buf, size, i ? ", " : "");
		describe(buf, size, set->v[i]);
	}
	if (set->n > 6)
		add(buf, size, " or %d others", set->n - 6);
	if (set->eof)
		add(buf, size, "%send of file", set->n ? ", " : "");
}

/* The watchdog sees this. */
static struct task *me(void) { return &sh->task[my.id]; }

static void busy(const char *call, int f, int first, int last)
{
	me()->what = my.op;
	me()->call = call;
	me()->file = f;
	me()->first = first;
	me()->last = last;
	me()->since = now_us();
}

static void idle(void)
{
	me()->since = 0;
}

/* Files as this process has them */
enum { HUGE, SMALL, PRIV, MAPS };

static const char * const map_name[MAPS] = {
	"load", "load, small pages", "load, private mapping",
};

static struct view {
	int fd;
	u64 gen;
	char *map[MAPS];
} view[NFILES] = { { .fd = -1 }, { .fd = -1 }, { .fd = -1 } };

static const char *path_of(int f)
{
	static char path[NFILES + 1][512];

	snprintf(path[f], sizeof(path[f]), "%s/share.%c", dir, "ABCD"[f]);
	return path[f];
}

static void close_view(int f)
{
	int k;

	if (view[f].fd < 0)
		return;
	/* Whoever is the last one to close a file that was removed may have to wait. */
	busy("close", f, 0, NPAGES - 1);
	for (k = 0; k < MAPS; k++)
		if (view[f].map[k])
			munmap(view[f].map[k], SIZE);
	close(view[f].fd);
	idle();
	memset(&view[f], 0, sizeof(view[f]));
	view[f].fd = -1;
}

static char *map_file(int f, int kind)
{
	int prot = my.reads_only ? PROT_READ : PROT_READ | PROT_WRITE, flags = MAP_SHARED;
	char *p;

	if (kind == PRIV) {
		prot |= PROT_WRITE;
		flags = MAP_PRIVATE;
	} else if (kind == SMALL && !my.reads_only && one_in(4)) {
		flags = MAP_SHARED_VALIDATE | MAP_SYNC;
	}
	p = t_map(view[f].fd, SIZE, prot, flags, 0);
	if (!p)
		t_bail("mmap");
	if (kind == SMALL || (kind == PRIV && one_in(2)))
		madvise(p, SIZE, MADV_NOHUGEPAGE);
	else
		madvise(p, SIZE, MADV_HUGEPAGE);
	return p;
}

static bool is_fresh(int f)
{
	return view[f].fd >= 0 && view[f].gen == atomic_load(&sh->file[f].gen);
}

static char *map_of(int f, int kind)
{
	if (!view[f].map[kind])
		view[f].map[kind] = map_file(f, kind);
	return view[f].map[kind];
}

/* False if all is about to end. */
static bool open_view(int f)
{
	while (!is_fresh(f)) {
		u64 gen = atomic_load(&sh->file[f].gen);

		close_view(f);
		if (gen & 1) {
			if (sh->stop)
				return false;
			usleep(1000);
			continue;
		}
		view[f].gen = gen;
		view[f].fd = open(path_of(f), (my.reads_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
		if (view[f].fd < 0 && is_fresh(f))
			t_bail("%s", path_of(f));
	}
	return true;
}

/* An inode that nobody has any more can be evicted. */
static void drop_stale_views(void)
{
	int f;

	for (f = 0; f < NFILES; f++)
		if (!is_fresh(f))
			close_view(f);
}

/* Locks: of sizes first, then of slots, in the order of their addresses */
struct locks {
	bool size[NFILES], slot[NSLOTS];
};

static void lock_sizes(struct locks *l)
{
	int i;

	for (i = 0; i < NFILES; i++)
		if (l->size[i])
			pthread_mutex_lock(&sh->file[i].size_lock);
}

static void lock_slots(struct locks *l)
{
	int i;

	for (i = 0; i < NSLOTS; i++)
		if (l->slot[i])
			pthread_mutex_lock(&sh->slot[i].lock);
}

static void unlock_slots(struct locks *l)
{
	int i;

	for (i = 0; i < NSLOTS; i++)
		if (l->slot[i])
			pthread_mutex_unlock(&sh->slot[i].lock);
	memset(l->slot, 0, sizeof(l->slot));
}

static void unlock_all(struct locks *l)
{
	int i;

	unlock_slots(l);
	for (i = 0; i < NFILES; i++)
		if (l->size[i])
			pthread_mutex_unlock(&sh->file[i].size_lock);
}

/* With a slot of a file locked, or its size, the file is not replaced. */
static bool lock_fresh(struct locks *l)
{
	int i;

	for (;;) {
		struct locks want = *l;
		bool fresh = true;

		lock_slots(l);
		for (i = 0; i < NSLOTS; i++)
			fresh &= !l->slot[i] || is_fresh(slot_file(i));
		if (fresh)
			return true;
		unlock_slots(l);
		*l = want;
		for (i = 0; i < NSLOTS; i++)
			if (l->slot[i] && !open_view(slot_file(i)))
				return false;
	}
}

/* Pages of a file, whole ones */
struct span {
	int f, first, last;
};

static int section_first(int page) { return page / PMD_PAGES * PMD_PAGES; }

static int section_last(int page)
{
	int last = section_first(page) + PMD_PAGES - 1;

	return last < (int)NPAGES ? last : (int)NPAGES - 1;
}

static bool is_hot(int page)
{
	int h;

	for (h = 0; h < NHOT; h++)
		if (hot[h] == page)
			return true;
	return false;
}

static void lock_span(struct locks *l, struct span sp)
{
	int h;

	for (h = 0; h < NHOT; h++)
		if (hot[h] >= sp.first && hot[h] <= sp.last) {
			l->slot[slot_of(sp.f, h, 0)] = true;
			l->slot[slot_of(sp.f, h, 1)] = true;
		}
}

/* Cut off what is past the end, with the lock of the size held. */
static bool clip_span(struct span *sp)
{
	int pages = sh->file[sp->f].size / PAGE;

	if (sp->last >= pages)
		sp->last = pages - 1;
	return sp->first <= sp->last;
}

/* All like the same page for a while, so that they meet. */
static int pick_hot(void)
{
	u64 epoch = seed * 977 + (now_us() - sh->start) / 300000;

	return one_in(3) ? below(NHOT) : rnd(&epoch) % NHOT;
}

static int pick_file(void) { return below(NFILES); }

/* One operation of a sequence does not pick, but takes these. */
static struct {
	bool on;
	struct span from, to;
} forced;

/* All of 2 MiB, or the rest behind the last */
static struct span pick_section(bool huge)
{
	int p = hot[pick_hot()];

	if (forced.on)
		return forced.to;
	if (huge)
		p %= 2 * PMD_PAGES;
	return (struct span){ pick_file(), section_first(p), section_last(p) };
}

static struct span pick_span(void)
{
	int h = pick_hot(), p = hot[h], to = h + below(4);
	struct span sp = { pick_file(), p, p };

	if (forced.on)
		return forced.to;

	switch (below(8)) {
	case 0 ... 3:
		break;
	case 4 ... 5:
		sp.first = section_first(p);
		sp.last = section_last(p);
		break;
	case 6:
		sp.last = hot[to < NHOT ? to : NHOT - 1];
		break;
	default:
		sp.first = 0;
		sp.last = NPAGES - 1;
	}
	return sp;
}

/* Reading */

struct look {
	u64 seq[2], when;
	u32 kin[NKIN];
};

/* Before anything is read.  False if all is about to end. */
static bool look_first(int f, int h, struct look *l)
{
	for (;;) {
		l->when = now_us();
		memcpy(l->kin, sh->kin[f * NHOT + h], sizeof(l->kin));
		l->seq[0] = atomic_load(&sh->slot[slot_of(f, h, 0)].seq);
		l->seq[1] = atomic_load(&sh->slot[slot_of(f, h, 1)].seq);
		/* Events of another inode come after it was seen not to be ours. */
		if (is_fresh(f))
			return true;
		if (!open_view(f))
			return false;
	}
}

/*
 * In which tenancy of its page was @v stored, and by when?  0: that is forgotten, or
 * not over yet.
 */
static u32 tenancy_of(u64 v, u64 *when)
{
	struct slot *p = &sh->slot[SLOT(v)];
	u64 to = atomic_load(&p->seq), q;
	struct event *e;
	u32 tenancy = 0;

	*when = 0;
	for (q = to; q && q + RING - 2 > to; q--) {
		e = &p->ring[q % RING];
		if (!tenancy && (e->cur == v || e->pend == v))
			tenancy = e->tenancy;
		if (e->cur == v)
			*when = e->when;
	}
	return tenancy;
}

/*
 * Who has a page in use sees what is stored to it by another file that has the
 * same block.
 */
static bool excused(int s, const struct look *l, u64 v)
{
	int p = s / 2, q, i;
	u64 when;
	u32 t;

	if (strict)
		return false;
	if (v == ZERO) {
		for (q = 0; q < NKIN; q++)
			if (l->kin[q] || sh->kin[p][q])
				return true;
		return false;
	}
	if (MAGIC(v) != M_FILE || SLOT(v) >= NSLOTS)
		return false;
	q = SLOT(v) / 2;
	t = tenancy_of(v, &when);
	if (when && when < l->when)
		return false;
	if (!t || sh->kin[p][q] == t || l->kin[q] == t)
		return true;
	/* It may have become kin since, and something else after that. */
	for (i = 0; i < KIN_PAST; i++)
		if (sh->was_kin[p][q][i] == t)
			return true;
	return false;
}

/* Where on the device a page is; 0: nowhere */
static u64 block_of(int fd, int page, bool *shared)
{
	struct {
		struct fiemap map;
		struct fiemap_extent x;
	} m = { { .fm_start = page * PAGE, .fm_length = PAGE, .fm_extent_count = 1 } };

	if (ioctl(fd, FS_IOC_FIEMAP, &m) || !m.map.fm_mapped_extents)
		return 0;
	if (shared)
		*shared = m.x.fe_flags & FIEMAP_EXTENT_SHARED;
	return m.x.fe_physical + page * PAGE - m.x.fe_logical;
}

static void print_block(int s)
{
	bool shared = false;
	u64 block;

	if (view[slot_file(s)].fd < 0)
		return;
	block = block_of(view[slot_file(s)].fd, slot_page(s), &shared);
	printf("#   %c.%d is in block %#llx%s\n", file_name[slot_file(s)], slot_page(s),
	       (unsigned long long)block / PAGE, shared ? ", shared" : "");
}

/* What was done to a slot, for who looks for the reason; the latest last */
static void print_history(int s, int most)
{
	char what[512];
	u64 to = sh->slot[s].seq, q = to + 1 > (u64)most ? to + 1 - most : 1;

	for (; q <= to; q++) {
		struct event *e = &sh->slot[s].ring[q % RING];

		what[0] = 0;
		name_slot(what, sizeof(what), s);
		add(what, sizeof(what), " event %llu, %llu us, by %d, %s: ", (unsigned long long)q,
		    (unsigned long long)(e->when - sh->start), e->who, e->op ?: "");
		describe(what, sizeof(what), e->cur);
		if (e->pend != NONE) {
			add(what, sizeof(what), ", soon perhaps ");
			describe(what, sizeof(what), e->pend);
		}
		if (e->from >= 0) {
			add(what, sizeof(what), ", soon what there is in ");
			name_slot(what, sizeof(what), e->from);
		}
		printf("#   %s%s\n", what, e->replaced ? ", in a new file" : "");
	}
	fflush(stdout);
}

static void print_page(int s, u64 v)
{
	if (atomic_exchange(&sh->talking, 1))
		return;
	print_block(s);
	print_history(s, 12);
	print_history(s ^ 1, 12);
	if (last_event(s)->from >= 0) {
		print_block(last_event(s)->from);
		print_history(last_event(s)->from, 12);
		print_history(last_event(s)->from ^ 1, 12);
	}
	if (MAGIC(v) == M_FILE && SLOT(v) < NSLOTS && SLOT(v) != s) {
		print_block(SLOT(v));
		print_history(SLOT(v), 12);
		print_history(SLOT(v) ^ 1, 12);
	}
}

static void judge(int s, const struct look *l, int w, u64 v, const char *how, bool used)
{
	struct set set = { 0 };
	char what[512] = "";

	collect(s, l->seq[s & 1], &set, 3);
	atomic_fetch_add(&sh->judged, 1);
	if (set.any)
		atomic_fetch_add(&sh->weak, 1);
	if (allows(&set, v) && !(set.any && MAGIC(v) == M_D))
		return;
	if (used && excused(s, l, v)) {
		atomic_fetch_add(&sh->leaks, 1);
		return;
	}
	name_slot(what, sizeof(what), s);
	add(what, sizeof(what), " at %d: ", word[w]);
	describe(what, sizeof(what), v);
	add(what, sizeof(what), " instead of ");
	describe_set(what, sizeof(what), &set);
	complain(P_CONTENT, "%d, %s: %s of %s, events %llu to %llu, %llu us", my.id, my.op, how,
		 what, (unsigned long long)l->seq[s & 1],
		 (unsigned long long)sh->slot[s].seq,
		 (unsigned long long)(now_us() - sh->start));
	print_page(s, v);
}

static void judge_page(int f, int h, const struct look *l, const u64 *val,
		       const char *how, bool used)
{
	int half, w;

	for (half = 0; half < 2; half++)
		for (w = 0; w < WORDS; w++)
			judge(slot_of(f, h, half), l, w, val[half * WORDS + w], how, used);
}

static void load_words(const char *page, u64 *val)
{
	int half, w;

	for (half = 0; half < 2; half++)
		for (w = 0; w < WORDS; w++)
			if (!t_load(page + half * HALF + word[w], &val[half * WORDS + w]))
				val[half * WORDS + w] = EOFV;
}

/* Of a copy of the page, whose first @n bytes are there */
static void copied_words(const char *page, ssize_t n, u64 *val)
{
	int half, w;

	for (half = 0; half < 2; half++)
		for (w = 0; w < WORDS; w++) {
			int off = half * HALF + word[w];

			val[half * WORDS + w] = off + 8 <= n ? *(u64 *)(page + off) : EOFV;
		}
}

static bool read_mapped(int kind)
{
	int f = pick_file(), h = pick_hot();
	u64 val[2 * WORDS];
	struct look l;
	char *p;

	if (!look_first(f, h, &l))
		return false;
	p = map_of(f, kind) + hot[h] * PAGE;
	if (one_in(4))
		madvise(p, PAGE, MADV_DONTNEED);
	busy("load", f, hot[h], hot[h]);
	load_words(p, val);
	idle();
	judge_page(f, h, &l, val, map_name[kind], false);
	return true;
}

static bool op_read(void) { return read_mapped(HUGE); }
static bool op_readsmall(void) { return read_mapped(SMALL); }
static bool op_readpriv(void) { return read_mapped(PRIV); }

/* At all hot pages of 2 MiB, as they are in the same inode */
static bool look_all(int f, int first, struct look *l)
{
	u64 gen;
	int h;

	do {
		gen = view[f].gen;
		for (h = 0; h < HOT_PMD; h++)
			if (!look_first(f, first + h, &l[h]))
				return false;
	} while (view[f].gen != gen);
	return true;
}

/* All hot pages of 2 MiB, after they were unmapped here: is it one page? */
static bool op_readhuge(void)
{
	struct span sp = pick_section(true);
	int f = sp.f, first = sp.first / PMD_PAGES * HOT_PMD, h;
	u64 val[HOT_PMD][2 * WORDS], faults;
	struct look l[HOT_PMD];
	char *map;

	if (!look_all(f, first, l))
		return false;
	map = map_of(f, HUGE);
	madvise(map + hot[first] * PAGE, PMD, MADV_DONTNEED);
	busy("load", f, hot[first], hot[first] + PMD_PAGES - 1);
	load_words(map + hot[first] * PAGE, val[0]);
	faults = t_faults();
	for (h = 1; h < HOT_PMD; h++)
		load_words(map + hot[first + h] * PAGE, val[h]);
	idle();
	atomic_fetch_add(t_faults() == faults ? &sh->huge : &sh->small, 1);
	for (h = 0; h < HOT_PMD; h++)
		judge_page(f, first + h, &l[h], val[h], "load, huge page", false);
	return true;
}

/* Pages of which nothing is known but what they cannot contain */
static bool op_readcold(void)
{
	int f = pick_file(), p = below(NPAGES);
	char what[256] = "";
	u64 v = 0;

	if (is_hot(p) || !open_view(f))
		return false;
	if (!t_load(map_of(f, below(MAPS)) + p * PAGE + COLD_WORD, &v) || !v ||
	    MAGIC(v) == M_COLD)
		return true;
	describe(what, sizeof(what), v);
	complain(P_CONTENT, "%d, %s: cold page %d of %c has %s", my.id, my.op, p,
		 file_name[f], what);
	return true;
}

static bool op_pread(void)
{
	int f = pick_file(), h = pick_hot();
	u64 val[2 * WORDS];
	char buf[PAGE];
	struct look l;
	ssize_t n;

	if (!look_first(f, h, &l))
		return false;
	busy("pread", f, hot[h], hot[h]);
	n = pread(view[f].fd, buf, PAGE, hot[h] * PAGE);
	idle();
	if (n < 0) {
		complain(P_CALLS, "pread: %s", strerror(errno));
		return false;
	}
	copied_words(buf, n, val);
	judge_page(f, h, &l, val, "pread", false);
	return true;
}

/* A private copy is what the page was when it was made. */
static bool op_cow(void)
{
	int f = pick_file(), h = pick_hot();
	u64 val[2 * WORDS], mark = rnd(&my.rng), v = 0;
	struct look l;
	char *p;
	bool ok;

	if (!look_first(f, h, &l))
		return false;
	p = map_of(f, PRIV) + hot[h] * PAGE;
	busy("private store", f, hot[h], hot[h]);
	ok = t_store(p + 512, mark);
	load_words(p, val);
	idle();
	if (ok)
		judge_page(f, h, &l, val, "private copy", false);
	/* It may have been truncated meanwhile. */
	if (ok && t_load(p + 512, &v) && v != mark) {
		struct set set = { 0 };

		collect(slot_of(f, h, 0), l.seq[0], &set, 3);
		if (!set.eof && !set.any)
			complain(P_CONTENT, "%d, %s: private copy of %c.%d is lost", my.id,
				 my.op, file_name[f], hot[h]);
	}
	madvise(p, PAGE, MADV_DONTNEED);
	return true;
}

/* Calls that change files, and how they are made */
enum call_kind { C_WRITE, C_FALLOC, C_TRUNC, C_CLONE, C_DEDUPE, C_EXCH };

static const char * const call_name[] = {
	"write", "fallocate", "ftruncate", "clone", "dedupe", "exchange",
};

struct call {
	enum call_kind kind;
	int fd, from, mode;
	off_t off, from_off;
	size_t len;
	const char *buf;
};

#define KILLED	(-100000L)

static long do_dedupe(const struct call *c)
{
	u64 room[(sizeof(struct file_dedupe_range) +
		  sizeof(struct file_dedupe_range_info)) / 8] = { 0 };
	struct file_dedupe_range *d = (void *)room;

	d->src_offset = c->from_off;
	d->src_length = c->len;
	d->dest_count = 1;
	d->info[0].dest_fd = c->fd;
	d->info[0].dest_offset = c->off;
	if (ioctl(c->from, FIDEDUPERANGE, d))
		return -errno;
	/* The kernel has ERESTARTSYS here, which nobody should see. */
	if (d->info[0].status == -512)
		return -EINTR;
	if (d->info[0].status < 0)
		return d->info[0].status;
	return d->info[0].status == FILE_DEDUPE_RANGE_SAME ? (long)d->info[0].bytes_deduped : 0;
}

static long do_call(const struct call *c)
{
	struct file_clone_range r = { c->from, c->from_off, c->len, c->off };
	struct xfs_exchange_range x = { .file1_fd = c->from, .file1_offset = c->from_off,
					.file2_offset = c->off, .length = c->len };
	long ret = 0;

	switch (c->kind) {
	case C_WRITE:
		ret = pwrite(c->fd, c->buf, c->len, c->off);
		break;
	case C_FALLOC:
		ret = fallocate(c->fd, c->mode, c->off, c->len);
		break;
	case C_TRUNC:
		ret = ftruncate(c->fd, c->off);
		break;
	case C_CLONE:
		ret = ioctl(c->fd, FICLONERANGE, &r);
		break;
	case C_DEDUPE:
		return do_dedupe(c);
	case C_EXCH:
		ret = ioctl(c->fd, XFS_IOC_EXCHANGE_RANGE, &x);
	}
	return ret < 0 ? -errno : ret;
}

/* Somebody else does it for us, and dies. */
static long killed_call(const struct call *c)
{
	long *ret = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	u64 wait = below(1 << below(16));
	long was;
	pid_t pid;

	if (ret == MAP_FAILED)
		t_bail("mmap");
	*ret = KILLED;
	pid = fork();
	if (pid < 0)
		t_bail("fork");
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		*ret = do_call(c);
		_exit(0);
	}
	usleep(wait);
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	was = *ret;
	munmap(ret, PAGE);
	if (was == KILLED)
		atomic_fetch_add(&sh->killed, 1);
	return was;
}

/* May there be no room? */
static bool tight(u64 since)
{
	struct statvfs s;

	return sh->filling || sh->filled + 10000000 > since ||
	       statvfs(dir, &s) || s.f_bavail < 3000;
}

static long call(const struct call *c, int f)
{
	u64 start = now_us();
	long ret;

	busy(call_name[c->kind], f, c->off / PAGE,
	     (c->off + (c->len ? c->len : 1) - 1) / PAGE);
	ret = my.killing ? killed_call(c) : do_call(c);
	idle();
	if (ret == -EINTR && c->kind == C_WRITE)
		complain(P_SIGNAL, "%d, %s: write to %c at page %ld is -EINTR", my.id, my.op,
			 file_name[f], (long)(c->off / PAGE));
	else if (ret == -EINTR)
		atomic_fetch_add(&sh->eintr, 1);
	else if (ret == -ENOSPC)
		atomic_fetch_add(&sh->enospc, 1);
	if ((ret == -ENOSPC && !tight(start)) ||
	    (ret < 0 && ret != KILLED && ret != -EINTR && ret != -ENOSPC && ret != -EFAULT))
		complain(P_CALLS, "%d, %s: %s of %c at page %ld, %zu bytes: %s", my.id, my.op,
			 call_name[c->kind], file_name[f], (long)(c->off / PAGE), c->len,
			 strerror(-ret));
	return ret;
}

/* Changing */

static void put_words(char *half, u64 v)
{
	int w;

	for (w = 0; w < WORDS; w++)
		*(u64 *)(half + word[w]) = v;
}

/* The words differ from each other: make them one value. */
static void repair(int s)
{
	struct call c = { C_WRITE, view[slot_file(s)].fd, .off = slot_off(s), .len = HALF };
	char buf[HALF] = { 0 };
	u64 v = new_value(s);

	put_words(buf, v);
	c.buf = buf;
	put_event(s, ANYV, v, -1, false);
	my.killing = false;
	commit(s, call(&c, slot_file(s)) == (long)HALF ? v : ANYV);
}

/* What was published may have come true or not: look. */
static void settle(int s)
{
	u64 v[WORDS], seq = sh->slot[s].seq;
	struct set set = { 0 };
	char buf[HALF], what[512] = "";
	ssize_t n;
	int w;

	n = pread(view[slot_file(s)].fd, buf, HALF, slot_off(s));
	if (n < 0) {
		complain(P_CALLS, "pread: %s", strerror(errno));
		return;
	}
	collect(s, seq, &set, 3);
	for (w = 0; w < WORDS; w++) {
		v[w] = word[w] + 8 <= n ? *(u64 *)(buf + word[w]) : EOFV;
		if (allows(&set, v[w]))
			continue;
		name_slot(what, sizeof(what), s);
		add(what, sizeof(what), " has ");
		describe(what, sizeof(what), v[w]);
		add(what, sizeof(what), " instead of ");
		describe_set(what, sizeof(what), &set);
		complain(P_CONTENT, "%d, %s: afterwards %s", my.id, my.op, what);
		print_page(s, v[w]);
	}
	for (w = 1; w < WORDS; w++)
		if (v[w] != v[0])
			break;
	if (w == WORDS)
		commit(s, v[0]);
	else
		repair(s);
}

static void settle_all(const struct locks *l)
{
	int s;

	for (s = 0; s < NSLOTS; s++)
		if (l->slot[s])
			settle(s);
}

/* Is there room in memory? If not, SIGBUS. */
static bool store_slot(int s, char *map, u64 v)
{
	u64 start = now_us();
	int w;

	for (w = 0; w < WORDS; w++)
		if (!t_store(map + slot_off(s) + word[w], v))
			break;
	if (w == WORDS)
		return true;
	if (tight(start))
		atomic_fetch_add(&sh->enospc, 1);
	else
		complain(P_CALLS, "%d, %s: SIGBUS for a store to %c.%d", my.id, my.op,
			 file_name[slot_file(s)], slot_page(s));
	return false;
}

static bool store_halves(int kind)
{
	int f = pick_file(), h = pick_hot(), which = below(3), half;
	struct locks l = { 0 };
	bool done = false;
	char *map;

	for (half = 0; half < 2; half++)
		l.slot[slot_of(f, h, half)] = which == half || which == 2;
	if (!lock_fresh(&l))
		return false;
	map = map_of(f, kind);
	for (half = 0; half < 2; half++) {
		int s = slot_of(f, h, half);
		u64 v = new_value(s);

		if (!l.slot[s] || current(s) == EOFV)
			continue;
		publish(s, v);
		busy("store", f, hot[h], hot[h]);
		if (store_slot(s, map, v)) {
			commit(s, v);
			done = true;
		} else {
			settle(s);
		}
		idle();
	}
	unlock_all(&l);
	return done;
}

static bool op_store(void) { return store_halves(HUGE); }
static bool op_storesmall(void) { return store_halves(SMALL); }

/* To all pages of 2 MiB, or of the rest */
static bool op_storeall(void)
{
	struct span sp = pick_section(false);
	int kind = one_in(4) ? SMALL : HUGE, f = sp.f, page, s;
	struct locks l = { 0 };
	u64 v[NSLOTS];
	char *map;

	lock_span(&l, sp);
	if (!lock_fresh(&l))
		return false;
	map = map_of(f, kind);
	for (s = 0; s < NSLOTS; s++)
		if (l.slot[s] && current(s) != EOFV)
			publish(s, v[s] = new_value(s));
	/* No surprise past the end, or on a full disk. */
	for (page = sp.first; page <= sp.last; page++) {
		busy("store", f, page, page);
		if (!is_hot(page) &&
		    !t_store(map + page * PAGE + COLD_WORD, cold_value(f, page)))
			break;
	}
	for (s = 0; s < NSLOTS; s++)
		if (l.slot[s] && current(s) != EOFV) {
			if (store_slot(s, map, v[s]))
				commit(s, v[s]);
			else
				settle(s);
		}
	idle();
	unlock_all(&l);
	return true;
}

/*
 * Blocks: where the memory of the device begins, and a file descriptor of the
 * file system, if it says who has a block.
 */
static u64 memory;
static int fs_fd = -1;

/* 0: not known */
static u64 frame_of(const char *page)
{
	static int pagemap = -1;
	static pid_t of;
	u64 v;

	if (of != getpid())
		pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	of = getpid();
	if (pread(pagemap, &v, 8, (uintptr_t)page / PAGE * 8) != 8 || !(v >> 63))
		return 0;
	return (v & ((1ULL << 55) - 1)) * PAGE;
}

static bool no_owner(u64 block)
{
	struct {
		struct fsmap_head head;
		struct fsmap x[4];
	} m = { 0 };
	struct fsmap *key = m.head.fmh_keys;
	u32 i;

	m.head.fmh_count = ARRAY_SIZE(m.x);
	memset(&key[1], 0xff, sizeof(key[1]));
	memset(key[1].fmr_reserved, 0, sizeof(key[1].fmr_reserved));
	key[1].fmr_length = 0;
	/* The first that there is lies on the device of the data. */
	if (ioctl(fs_fd, FS_IOC_GETFSMAP, &m) || !m.head.fmh_entries)
		return false;
	key[0].fmr_device = m.x[0].fmr_device;
	key[1].fmr_device = m.x[0].fmr_device;
	key[0].fmr_physical = block;
	key[1].fmr_physical = block + PAGE - 1;
	if (ioctl(fs_fd, FS_IOC_GETFSMAP, &m))
		return false;
	for (i = 0; i < m.head.fmh_entries; i++)
		if (m.x[i].fmr_physical <= block &&
		    block < m.x[i].fmr_physical + m.x[i].fmr_length)
			return m.x[i].fmr_flags & FMR_OF_SPECIAL_OWNER &&
			       m.x[i].fmr_owner == FMR_OWN_FREE;
	return false;
}

/* Between two transactions a block may have no owner; not for long. */
static bool is_free(u64 block)
{
	if (fs_fd < 0 || !block || !no_owner(block))
		return false;
	usleep(50000);
	return no_owner(block);
}

/*
 * Memory that is missing until another thread has slept for a while: whoever
 * copies from or to it in the kernel sleeps in the midst of that.
 */
#define SLOW_PAGES	16

static struct {
	int fd;
	char *mem, *content;
	_Atomic u64 delay, frame;
	_Atomic bool freed;
	_Atomic u32 hits;
	pthread_t thread;
} slow = { .fd = -1 };

static void slow_fill(int page)
{
	struct uffdio_copy c = {
		.dst = (uintptr_t)slow.mem + page * PAGE,
		.src = (uintptr_t)slow.content + page * PAGE, .len = PAGE,
	};

	if (ioctl(slow.fd, UFFDIO_COPY, &c) && errno != EEXIST)
		t_bail("UFFDIO_COPY");
}

static void *slow_thread(void *unused)
{
	struct uffd_msg m;

	while (read(slow.fd, &m, sizeof(m)) == sizeof(m)) {
		slow.hits++;
		usleep(slow.delay);
		/* Of a page that is in use until the next line */
		if (slow.frame && is_free(slow.frame - memory))
			slow.freed = true;
		slow_fill((m.arg.pagefault.address - (uintptr_t)slow.mem) / PAGE);
	}
	return NULL;
}

static void slow_init(bool threaded)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register r = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	int prot = PROT_READ | PROT_WRITE, flags = MAP_PRIVATE | MAP_ANONYMOUS;
	sigset_t all, old;

	if (slow.fd >= 0)
		return;
	slow.fd = syscall(SYS_userfaultfd, O_CLOEXEC);
	slow.mem = mmap(NULL, SLOW_PAGES * PAGE, prot, flags, -1, 0);
	slow.content = mmap(NULL, SLOW_PAGES * PAGE, prot, flags, -1, 0);
	if (slow.fd < 0 || slow.mem == MAP_FAILED || slow.content == MAP_FAILED)
		t_bail("userfaultfd");
	madvise(slow.mem, SLOW_PAGES * PAGE, MADV_NOHUGEPAGE);
	r.range.start = (uintptr_t)slow.mem;
	r.range.len = SLOW_PAGES * PAGE;
	if (ioctl(slow.fd, UFFDIO_API, &api) || ioctl(slow.fd, UFFDIO_REGISTER, &r))
		t_bail("userfaultfd");
	if (!threaded)
		return;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	if (pthread_create(&slow.thread, NULL, slow_thread, NULL))
		t_bail("pthread_create");
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* All pages are there but this one. */
static void slow_arm(int missing, u64 delay)
{
	int i;

	slow.delay = delay;
	madvise(slow.mem, SLOW_PAGES * PAGE, MADV_DONTNEED);
	for (i = 0; i < SLOW_PAGES; i++)
		if (i != missing)
			slow_fill(i);
}

/* write(2) of slots that follow each other */
struct write {
	struct span sp;		/* pages; the first and the last slot: */
	int half0, half1;
	int shift;		/* of the buffer, against the file's pages */
	off_t off;
	size_t len;
	u64 v[NSLOTS];
};

static bool covers(const struct write *w, int s)
{
	return slot_file(s) == w->sp.f &&
	       slot_off(s) >= w->sp.first * (off_t)PAGE + w->half0 * (off_t)HALF &&
	       slot_off(s) <= w->sp.last * (off_t)PAGE + w->half1 * (off_t)HALF;
}

static void plan_write(struct write *w, struct span sp)
{
	memset(w, 0, sizeof(*w));
	w->sp = sp;
	w->half0 = is_hot(sp.first) ? below(2) : 0;
	w->half1 = is_hot(sp.last) ? below(2) : 1;
	if (sp.first == sp.last && w->half1 < w->half0)
		w->half1 = w->half0;
	/* Up to the first word, and from behind the last one on */
	w->off = sp.first * PAGE + w->half0 * HALF + (one_in(2) ? 8 * below(9) : 0);
	w->len = sp.last * PAGE + (w->half1 + 1) * HALF - (one_in(2) ? 8 * below(9) : 0) - w->off;
	w->shift = one_in(2) ? HALF : 0;
}

/* What page sp.first has begins at @buf. */
static void fill_buffer(struct write *w, char *buf, const struct locks *l)
{
	int p, s;

	for (p = w->sp.first; p <= w->sp.last; p++)
		*(u64 *)(buf + (p - w->sp.first) * PAGE + COLD_WORD) =
			is_hot(p) ? 0 : cold_value(w->sp.f, p);
	for (s = 0; s < NSLOTS; s++)
		if (l->slot[s])
			put_words(buf + slot_off(s) - w->sp.first * (off_t)PAGE, w->v[s]);
}

static char *write_buffer(void)
{
	static char *buf;

	if (!buf)
		buf = mmap(NULL, SIZE + PMD, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (buf == MAP_FAILED)
		t_bail("mmap");
	return buf;
}

/* False if a slot is past the end */
static bool begin_write(struct write *w, struct locks *l)
{
	int s;

	for (s = 0; s < NSLOTS; s++)
		l->slot[s] = covers(w, s);
	if (!lock_fresh(l))
		return false;
	for (s = 0; s < NSLOTS; s++)
		if (l->slot[s] && current(s) == EOFV) {
			unlock_all(l);
			return false;
		}
	for (s = 0; s < NSLOTS; s++)
		if (l->slot[s])
			publish(s, w->v[s] = new_value(s));
	return true;
}

/* The first @n bytes have been written, and not more. */
static void end_write(struct write *w, struct locks *l, long n)
{
	int s;

	for (s = 0; s < NSLOTS; s++) {
		off_t at = slot_off(s) - w->off;

		if (!l->slot[s])
			continue;
		if (n == KILLED)
			settle(s);
		else if (at + word[WORDS - 1] + 8 <= n)
			commit(s, w->v[s]);
		else if (n < 0 || at + word[0] >= n)
			commit(s, current(s));
		else
			settle(s);
	}
	unlock_all(l);
}

static bool write_span(struct span sp, bool cut)
{
	struct locks l = { 0 };
	struct write w;
	struct call c;
	char *buf = write_buffer(), *hole = NULL;
	long n;

	plan_write(&w, sp);
	if (!begin_write(&w, &l))
		return false;
	fill_buffer(&w, buf + w.shift, &l);
	if (cut) {
		hole = buf + (1 + below(sp.last - sp.first + 1)) * PAGE;
		mprotect(hole, PAGE, PROT_NONE);
	}
	c = (struct call){ C_WRITE, view[sp.f].fd, .off = w.off, .len = w.len };
	c.buf = buf + w.shift + (w.off - sp.first * (off_t)PAGE);
	n = call(&c, sp.f);
	if (cut)
		mprotect(hole, PAGE, PROT_READ | PROT_WRITE);
	end_write(&w, &l, n);
	return n > 0;
}

static bool op_write(void)
{
	int p = hot[pick_hot()];

	return write_span((struct span){ pick_file(), p, p }, false);
}

static bool op_writespan(void) { return write_span(pick_span(), false); }

/* The buffer ends too early. */
static bool op_writeshort(void)
{
	struct span sp = pick_span();

	if (sp.last - sp.first > 3 && one_in(2))
		sp.last = sp.first + 3;
	return write_span(sp, true);
}

/* The buffer makes the write sleep. */
static bool op_writeslow(void)
{
	struct span sp = pick_span();
	struct locks l = { 0 };
	struct write w;
	struct call c;
	int pages;
	long n;

	if (sp.last - sp.first > SLOW_PAGES - 2)
		sp.last = sp.first + SLOW_PAGES - 2;
	pages = sp.last - sp.first + 1;
	plan_write(&w, sp);
	slow_init(true);
	if (!begin_write(&w, &l))
		return false;
	fill_buffer(&w, slow.content + w.shift, &l);
	slow_arm(below(pages + !!w.shift), 1000 + below(30000));
	c = (struct call){ C_WRITE, view[sp.f].fd, .off = w.off, .len = w.len };
	c.buf = slow.mem + w.shift + (w.off - sp.first * (off_t)PAGE);
	my.killing = false;
	n = call(&c, sp.f);
	end_write(&w, &l, n);
	return n > 0;
}

/* A device writes to the page. */
static off_t scratch(void) { return my.id * 16 * PAGE; }

static char *io_buffer(void)
{
	static char *buf;

	if (!buf && posix_memalign((void **)&buf, PAGE, 2 * PAGE))
		t_bail("posix_memalign");
	return buf;
}

static bool op_dioread(void)
{
	int f = pick_file(), h = pick_hot(), s = slot_of(f, h, below(2));
	struct locks l = { 0 };
	char *map, *buf = io_buffer();
	u64 v = new_value(s), start = now_us();
	ssize_t n;

	l.slot[s] = true;
	if (!lock_fresh(&l))
		return false;
	if (current(s) == EOFV) {
		unlock_all(&l);
		return false;
	}
	map = map_of(f, below(2));
	memset(buf, 0, HALF);
	put_words(buf, v);
	if (pwrite(loop_fd, buf, HALF, scratch()) != (ssize_t)HALF)
		t_bail("the scratch device");
	publish(s, v);
	busy("read(O_DIRECT) into the page", f, hot[h], hot[h]);
	n = pread(loop_fd, map + slot_off(s), HALF, scratch());
	idle();
	if (n == (ssize_t)HALF)
		commit(s, v);
	else
		settle(s);
	if (n != (ssize_t)HALF && !tight(start))
		complain(P_CALLS, "%d, %s: read(O_DIRECT) into %c.%d: %zd, %s", my.id, my.op,
			 file_name[f], hot[h], n, strerror(errno));
	unlock_all(&l);
	return n == (ssize_t)HALF;
}

/* Blocks go, zeroes come.  A page that goes as a whole begins a new tenancy. */
static bool give_up(int mode)
{
	struct span sp = pick_span();
	int half0 = is_hot(sp.first) && one_in(3), half1 = !(is_hot(sp.last) && one_in(3)), s;
	off_t off = sp.first * PAGE + half0 * HALF, end = sp.last * PAGE + (half1 + 1) * HALF;
	struct locks l = { 0 };
	struct call c;
	long ret;

	if (off >= end)
		return false;
	for (s = 0; s < NSLOTS; s++)
		l.slot[s] = slot_file(s) == sp.f && slot_off(s) >= off && slot_off(s) < end;
	if (!lock_fresh(&l))
		return false;
	for (s = 0; s < NSLOTS; s++)
		if (l.slot[s] && current(s) != EOFV)
			publish(s, ZERO);
	c = (struct call){ C_FALLOC, view[sp.f].fd, .mode = mode | FALLOC_FL_KEEP_SIZE,
			   .off = off, .len = end - off };
	ret = call(&c, sp.f);
	for (s = 0; s < NSLOTS; s++) {
		if (!l.slot[s] || current(s) == EOFV)
			continue;
		if (ret)
			settle(s);
		else
			commit(s, ZERO);
		if (!ret && (s & 1) && l.slot[s - 1])
			kin_leave(s / 2);
	}
	unlock_all(&l);
	return !ret;
}

static bool op_punch(void) { return give_up(FALLOC_FL_PUNCH_HOLE); }
static bool op_zero(void) { return give_up(FALLOC_FL_ZERO_RANGE); }

/* These change no contents, so others may store meanwhile. */
static bool keep(int mode)
{
	struct span sp = pick_span();
	struct call c;

	if (!open_view(sp.f))
		return false;
	c = (struct call){ C_FALLOC, view[sp.f].fd, .mode = mode | FALLOC_FL_KEEP_SIZE,
			   .off = sp.first * PAGE + below(PAGE),
			   .len = (sp.last - sp.first + 1) * PAGE };
	return call(&c, sp.f) == 0;
}

static bool op_unshare(void) { return keep(FALLOC_FL_UNSHARE_RANGE); }
static bool op_alloc(void) { return keep(0); }

/* Sizes are multiples of half a page. */
static off_t pick_size(off_t size)
{
	off_t at;

	if (size < (off_t)SIZE && !one_in(3))
		return one_in(4) ? size + below((SIZE - size) / HALF) * HALF : SIZE;
	at = hot[one_in(4) ? (int)below(NHOT) : NHOT - 1 - (int)below(5)] * PAGE;
	return at + below(2) * HALF;
}

/* Lock the size of a file, which is not replaced then. */
static bool lock_size(struct locks *l, int f)
{
	l->size[f] = true;
	lock_sizes(l);
	if (open_view(f))
		return true;
	unlock_all(l);
	return false;
}

static void lock_from(struct locks *l, int f, off_t size)
{
	int s;

	for (s = 0; s < NSLOTS; s++)
		l->slot[s] = slot_file(s) == f && slot_off(s) >= size;
	lock_slots(l);
}

/* Of a file whose size may have changed or not */
static void settle_size(int f, const struct locks *l)
{
	struct stat st;

	if (fstat(view[f].fd, &st))
		t_bail("fstat");
	sh->file[f].size = st.st_size;
	settle_all(l);
}

static bool op_truncate(void)
{
	int f = pick_file(), s;
	struct locks l = { 0 };
	off_t old, new;
	struct call c;
	long ret;

	if (!lock_size(&l, f))
		return false;
	old = sh->file[f].size;
	new = pick_size(old);
	lock_from(&l, f, new < old ? new : old);
	for (s = 0; s < NSLOTS; s++)
		if (l.slot[s] && slot_off(s) < (new < old ? old : new))
			publish(s, new < old ? EOFV : ZERO);
	c = (struct call){ C_TRUNC, view[f].fd, .off = new };
	ret = call(&c, f);
	if (ret) {
		settle_size(f, &l);
		unlock_all(&l);
		return false;
	}
	sh->file[f].size = new;
	for (s = 0; s < NSLOTS; s++)
		if (l.slot[s]) {
			commit(s, slot_off(s) < new ? ZERO : EOFV);
			/* Not of the page that the end is in */
			if (new < old && (s & 1) && slot_off(s - 1) >= new)
				kin_leave(s / 2);
		}
	unlock_all(&l);
	return true;
}

/* write(2), or fallocate(2), past the end */
static bool op_extend(void)
{
	int f = pick_file(), s = slot_of(f, pick_hot(), below(2)), k;
	off_t at = slot_off(s);
	struct locks l = { 0 };
	char buf[HALF] = { 0 };
	u64 v = new_value(s);
	struct call c;

	if (!lock_size(&l, f))
		return false;
	if (at < sh->file[f].size) {
		unlock_all(&l);
		return false;
	}
	lock_from(&l, f, sh->file[f].size);
	for (k = 0; k < NSLOTS; k++)
		if (l.slot[k] && slot_off(k) < at)
			publish(k, ZERO);
	c = (struct call){ C_WRITE, view[f].fd, .off = at, .len = HALF, .buf = buf };
	if (one_in(2)) {
		c.kind = C_FALLOC;
		v = ZERO;
	} else {
		put_words(buf, v);
	}
	publish(s, v);
	if (call(&c, f) == (c.kind == C_FALLOC ? 0 : (long)HALF)) {
		for (k = 0; k < NSLOTS; k++)
			if (l.slot[k] && slot_off(k) < at)
				commit(k, ZERO);
		commit(s, v);
		sh->file[f].size = at + HALF;
	} else {
		settle_size(f, &l);
	}
	unlock_all(&l);
	return true;
}

/* From where to where: single pages, or what has the same hot pages */
static bool pick_pair(struct span *from, struct span *to)
{
	int move = 0;

	if (forced.on) {
		*from = forced.from;
		*to = forced.to;
		return true;
	}
	*to = pick_span();
	from->f = pick_file();
	if (to->first == to->last) {
		from->first = one_in(4) ? hot[below(NHOT)] : to->first;
		from->last = from->first;
	} else {
		if (to->last < 2 * (int)PMD_PAGES && section_first(to->first) ==
		    section_first(to->last) && one_in(4))
			move = section_first(to->first) ? -(int)PMD_PAGES : (int)PMD_PAGES;
		from->first = to->first + move;
		from->last = to->last + move;
	}
	return from->f != to->f || from->first > to->last || to->first > from->last;
}

/* The slot that has in @from the place of @s in @to */
static int partner(int s, const struct span *from, const struct span *to)
{
	int page = slot_page(s) - to->first + from->first, h;

	if (slot_file(s) != to->f || slot_page(s) < to->first || slot_page(s) > to->last)
		return -1;
	for (h = 0; h < NHOT; h++)
		if (hot[h] == page)
			return slot_of(from->f, h, s & 1);
	return -1;
}

/* Both within their files: the locks of the sizes are held. */
static bool clip_pair(struct span *from, struct span *to)
{
	int cut, pages;

	clip_span(to);
	pages = sh->file[from->f].size / PAGE;
	cut = from->last - (pages - 1);
	if (cut > 0)
		to->last -= cut;
	from->last = from->first + to->last - to->first;
	return to->first <= to->last;
}

/* Lock both, the source only if @both.  False, and nothing locked, if there is nothing. */
static bool lock_pair(struct locks *l, struct span *from, struct span *to, bool both)
{
	if (!pick_pair(from, to))
		return false;
	l->size[from->f] = true;
	l->size[to->f] = true;
	lock_sizes(l);
	if (!open_view(from->f) || !open_view(to->f) || !clip_pair(from, to)) {
		unlock_all(l);
		return false;
	}
	lock_span(l, *to);
	if (both)
		lock_span(l, *from);
	lock_slots(l);
	return true;
}

static void join_pair(const struct span *from, const struct span *to, bool leave)
{
	int s, k;

	for (s = 0; s < NSLOTS; s += 2) {
		k = partner(s, from, to);
		if (k >= 0 && leave)
			kin_leave(s / 2);
		if (k >= 0)
			kin_join(k / 2, s / 2);
	}
}

static struct call pair_call(enum call_kind kind, const struct span *from, const struct span *to)
{
	return (struct call){
		kind, view[to->f].fd, view[from->f].fd, .off = to->first * PAGE,
		.from_off = from->first * PAGE, .len = (to->last - to->first + 1) * PAGE,
	};
}

/*
 * Others may store to the source meanwhile: then what the clone has in the end
 * is what the source has had at some time.
 */
static bool op_clone(void)
{
	bool both = one_in(2);
	struct span from, to;
	struct locks l = { 0 };
	struct call c;
	long ret;
	int s, k;

	if (!lock_pair(&l, &from, &to, both))
		return false;
	for (s = 0; s < NSLOTS; s++) {
		k = partner(s, &from, &to);
		if (k >= 0 && both)
			publish(s, current(k));
		else if (k >= 0)
			publish_from(s, k);
	}
	join_pair(&from, &to, false);
	c = pair_call(C_CLONE, &from, &to);
	ret = call(&c, to.f);
	for (s = 0; s < NSLOTS; s++) {
		k = partner(s, &from, &to);
		if (k >= 0 && both && !ret)
			commit(s, current(k));
		else if (k >= 0)
			settle(s);
	}
	if (!ret)
		join_pair(&from, &to, true);
	unlock_all(&l);
	return !ret;
}

static bool op_exchange(void)
{
	struct span from, to;
	struct locks l = { 0 };
	struct call c;
	u64 v[NSLOTS];
	long ret;
	int s, k;

	if (!lock_pair(&l, &from, &to, true))
		return false;
	for (s = 0; s < NSLOTS; s++)
		v[s] = current(s);
	for (s = 0; s < NSLOTS; s++) {
		k = partner(s, &from, &to);
		if (k < 0)
			continue;
		publish(s, v[k]);
		publish(k, v[s]);
	}
	join_pair(&from, &to, false);
	c = pair_call(C_EXCH, &from, &to);
	ret = call(&c, to.f);
	for (s = 0; s < NSLOTS; s++) {
		k = partner(s, &from, &to);
		if (k < 0)
			continue;
		if (ret) {
			settle(s);
			settle(k);
		} else {
			commit(s, v[k]);
			commit(k, v[s]);
		}
	}
	unlock_all(&l);
	return !ret;
}

/* It changes no contents, so that only what it says has to be seen to. */
static bool op_dedupe(void)
{
	struct span from, to;
	struct locks l = { 0 };
	bool both = one_in(2), differ = false;
	struct call c;
	long ret;
	int s, k;

	if (!lock_pair(&l, &from, &to, both))
		return false;
	join_pair(&from, &to, false);
	for (s = 0; s < NSLOTS && both; s++) {
		k = partner(s, &from, &to);
		if (k >= 0 && current(k) != ANYV && current(s) != ANYV)
			differ |= current(k) != current(s);
	}
	if (!both)
		unlock_slots(&l);
	c = pair_call(C_DEDUPE, &from, &to);
	ret = call(&c, to.f);
	if (ret > 0 && differ)
		complain(P_CONTENT, "%d, %s: pages %d of %c, %d of %c, %ld bytes: not the same",
			 my.id, my.op, from.first, file_name[from.f], to.first,
			 file_name[to.f], ret);
	if (ret > 0)
		atomic_fetch_add(&sh->same, 1);
	unlock_all(&l);
	return ret >= 0;
}

/* New inodes under old names */
static int begin_replacement(int f, bool rename_over)
{
	char path[600];
	int fd;

	atomic_fetch_add(&sh->file[f].gen, 1);
	close_view(f);
	snprintf(path, sizeof(path), "%s%s", path_of(f), rename_over ? ".new" : "");
	busy("unlink", f, 0, NPAGES - 1);
	unlink(path);
	idle();
	while ((fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644)) < 0) {
		if (errno != ENOSPC)
			t_bail("%s", path);
		usleep(10000);
	}
	return fd;
}

/* All slots have @v from now on, or what they are found to have. */
static void end_replacement(int f, int fd, const u64 *v, bool rename_over)
{
	char path[600];
	int h, half;

	snprintf(path, sizeof(path), "%s.new", path_of(f));
	busy("rename", f, 0, NPAGES - 1);
	if (rename_over && rename(path, path_of(f)))
		t_bail("rename");
	idle();
	for (h = 0; h < NHOT; h++) {
		kin_leave(f * NHOT + h);
		for (half = 0; half < 2; half++) {
			int s = slot_of(f, h, half);

			put_event(s, v[s], NONE, -1, true);
		}
	}
	atomic_fetch_add(&sh->file[f].gen, 1);
	close(fd);
}

/* A new file that shares nothing.  Its blocks are where huge pages fit, if there are such. */
static void write_new(int f, int fd, u64 *v)
{
	struct write w = { .sp = { f, 0, NPAGES - 1 }, .half1 = 1 };
	char *buf = write_buffer();
	struct locks l = { 0 };
	off_t done = 0;
	ssize_t n = 0;
	int s;

	lock_span(&l, w.sp);
	for (s = 0; s < NSLOTS; s++)
		if (l.slot[s])
			v[s] = new_value(s);
	memcpy(w.v, v, sizeof(w.v));
	memset(buf, 0, SIZE);
	fill_buffer(&w, buf, &l);
	if (!one_in(8))
		fallocate(fd, 0, 0, SIZE);
	for (; done < (off_t)SIZE; done += n) {
		n = pwrite(fd, buf + done, SIZE - done, done);
		if (n <= 0)
			break;
	}
	for (s = 0; s < NSLOTS; s++)
		if (l.slot[s] && slot_off(s) + word[WORDS - 1] + 8 > done)
			v[s] = slot_off(s) + word[0] < done ? ANYV : ZERO;
	if (n < 0 && errno != ENOSPC && errno != EINTR)
		complain(P_CALLS, "write to a new file: %s", strerror(errno));
	else if (n < 0)
		atomic_fetch_add(errno == EINTR ? &sh->eintr : &sh->enospc, 1);
}

static bool lock_whole(struct locks *l, int f, int src)
{
	l->size[f] = true;
	l->size[src] = true;
	lock_sizes(l);
	if (!open_view(f) || !open_view(src)) {
		unlock_all(l);
		return false;
	}
	lock_span(l, (struct span){ f, 0, NPAGES - 1 });
	lock_slots(l);
	return true;
}

static bool op_renew(void)
{
	bool over = one_in(2), sparse = one_in(8);
	struct locks l = { 0 };
	u64 v[NSLOTS] = { 0 };
	int f = pick_file(), fd;

	if (!lock_whole(&l, f, f))
		return false;
	fd = begin_replacement(f, over);
	busy("write to a new file", f, 0, NPAGES - 1);
	if (!sparse)
		write_new(f, fd, v);
	if (ftruncate(fd, SIZE))
		t_bail("ftruncate");
	idle();
	sh->file[f].size = SIZE;
	end_replacement(f, fd, v, over);
	unlock_all(&l);
	return true;
}

/* What a clone has of a slot that others may have stored to meanwhile */
static u64 cloned_value(int s, u64 since, int fd)
{
	struct set set = { 0 };
	char buf[HALF], what[512] = "";
	u64 v[WORDS];
	ssize_t n;
	int w;

	n = pread(fd, buf, HALF, slot_off(s));
	collect(s, since, &set, 3);
	for (w = 0; w < WORDS; w++) {
		v[w] = word[w] + 8 <= n ? *(u64 *)(buf + word[w]) : EOFV;
		if (allows(&set, v[w]))
			continue;
		add(what, sizeof(what), "the clone of ");
		name_slot(what, sizeof(what), s);
		add(what, sizeof(what), " has ");
		describe(what, sizeof(what), v[w]);
		add(what, sizeof(what), " instead of ");
		describe_set(what, sizeof(what), &set);
		complain(P_CONTENT, "%d, %s: %s", my.id, my.op, what);
		print_page(s, v[w]);
		break;
	}
	return v[0] == v[1] && v[1] == v[2] ? v[0] : ANYV;
}

/* The same name, but a clone of another file */
static bool op_reclone(void)
{
	int f = pick_file(), src = (f + 1 + below(NFILES - 1)) % NFILES, fd, s;
	u64 v[NSLOTS] = { 0 }, seq[NSLOTS];
	bool over = one_in(2);
	struct locks l = { 0 };
	long ret;

	if (!lock_whole(&l, f, src))
		return false;
	fd = begin_replacement(f, over);
	for (s = 0; s < NSLOTS; s++)
		seq[s] = sh->slot[s].seq;
	busy("clone", f, 0, NPAGES - 1);
	ret = ioctl(fd, FICLONE, view[src].fd) ? -errno : 0;
	if (ret && ret != -ENOSPC && ret != -EINTR)
		complain(P_CALLS, "FICLONE: %s", strerror(-ret));
	if (ret && (ftruncate(fd, 0) || ftruncate(fd, SIZE)))
		t_bail("ftruncate");
	idle();
	for (s = 0; s < NSLOTS && !ret; s++)
		if (slot_file(s) == src) {
			int k = slot_of(f, s / 2 % NHOT, s & 1);

			v[k] = cloned_value(s, seq[s], fd);
		}
	sh->file[f].size = ret ? (off_t)SIZE : (off_t)sh->file[src].size;
	end_replacement(f, fd, v, over);
	for (s = 0; s < NHOT && !ret; s++)
		kin_join(src * NHOT + s, f * NHOT + s);
	unlock_all(&l);
	return !ret;
}

/* All let go of the file, so that its inode may be evicted, and open it again. */
static bool op_reload(void)
{
	struct locks l = { 0 };
	int f = pick_file();

	lock_span(&l, (struct span){ f, 0, NPAGES - 1 });
	if (!lock_fresh(&l))
		return false;
	atomic_fetch_add(&sh->file[f].gen, 2);
	unlock_all(&l);
	close_view(f);
	usleep(below(20000));
	t_put("/proc/sys/vm/drop_caches", "2");
	return true;
}

static bool op_sync(void)
{
	struct span sp = pick_span();
	size_t len = (sp.last - sp.first + 1) * PAGE;
	int ret;

	if (!open_view(sp.f))
		return false;
	busy("sync", sp.f, sp.first, sp.last);
	if (one_in(2))
		ret = fsync(view[sp.f].fd);
	else
		ret = msync(map_of(sp.f, below(MAPS)) + sp.first * PAGE, len, MS_SYNC);
	idle();
	if (ret && errno != ENOSPC && errno != EINTR)
		complain(P_CALLS, "sync: %s", strerror(errno));
	return !ret;
}

/*
 * A huge page comes to be shared, its first file gives it up, and the other one
 * maps it: others may use pages of it meanwhile, by way of either.
 */
static bool op_handover(void)
{
	struct span sp = pick_section(true), other = sp;
	bool done;

	other.f = (sp.f + 1 + below(NFILES - 1)) % NFILES;
	forced.from = sp;
	forced.to = other;
	forced.on = true;
	done = op_clone();
	usleep(below(30000));
	forced.to = sp;
	switch (below(4)) {
	case 0:
		op_storeall();
		break;
	case 1:
		op_writespan();
		break;
	case 2:
		op_punch();
		break;
	default:
		forced.on = false;
		op_store();
		forced.on = true;
		op_punch();
	}
	forced.to = other;
	op_readhuge();
	forced.on = false;
	return done;
}

/* What processes do to their own mappings */
static bool op_zap(void)
{
	struct span sp = pick_span();

	if (!open_view(sp.f))
		return false;
	madvise(map_of(sp.f, below(MAPS)) + sp.first * PAGE,
		(sp.last - sp.first + 1) * PAGE, MADV_DONTNEED);
	return true;
}

static bool op_remap(void)
{
	int f = pick_file(), k = below(MAPS);

	if (!open_view(f))
		return false;
	if (view[f].map[k])
		munmap(view[f].map[k], SIZE);
	view[f].map[k] = map_file(f, k);
	return true;
}

/* A huge page is split where the mapping changes. */
static bool op_protect(void)
{
	int f = pick_file(), h = pick_hot();
	char *p;

	if (!open_view(f))
		return false;
	p = map_of(f, HUGE) + hot[h] * PAGE;
	mprotect(p, PAGE, PROT_READ);
	mprotect(p, PAGE, PROT_READ | PROT_WRITE);
	return true;
}

static bool op_move(void)
{
	int f = pick_file(), k = below(MAPS);
	char *to;

	if (!open_view(f) || !map_of(f, k))
		return false;
	to = t_map(-1, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, 0);
	if (!to)
		t_bail("mmap");
	/* All of it is one mapping, unless some pages were left protected. */
	if (mremap(view[f].map[k], SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, to) == MAP_FAILED) {
		munmap(to, SIZE);
		return false;
	}
	view[f].map[k] = to;
	return true;
}

/* Learn that from a file that nobody changes. */
static void find_memory(void)
{
	int fd = t_open_written(dir, "share.A", 6);
	char *p = t_map_pages(fd, 6, MAP_SHARED, false);
	u64 v;

	fs_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!t_load(p + 5 * PAGE, &v))
		t_bail("SIGBUS");
	memory = frame_of(p + 5 * PAGE);
	if (memory)
		memory -= block_of(fd, 5, NULL);
	munmap(p, 6 * PAGE);
	close(fd);
}

/* Pages in use: how a keeper gets hold of one, and what comes out */
struct hold {
	int f, h;
	u64 block;
	char *page, out[PAGE];
	bool freed;		/* while it was in use */
	ssize_t got;		/* bytes that came out; < 0: none, for this reason: */
	int error;
	int pipe[2];
};

static void take_pipe(struct hold *k)
{
	struct iovec iov = { k->page, PAGE };

	if (pipe2(k->pipe, O_CLOEXEC))
		t_bail("pipe");
	k->got = vmsplice(k->pipe[1], &iov, 1, 0);
}

static void end_pipe(struct hold *k)
{
	if (k->got > 0)
		k->got = read(k->pipe[0], k->out, PAGE);
	close(k->pipe[0]);
	close(k->pipe[1]);
}

/* What was written to the scratch device */
static void end_device(struct hold *k)
{
	char *buf = io_buffer();

	if (k->got == (ssize_t)PAGE && pread(loop_fd, buf, PAGE, scratch()) == (ssize_t)PAGE)
		memcpy(k->out, buf, PAGE);
	else
		k->got = -1;
}

static void take_dio(struct hold *k)
{
	k->got = pwrite(loop_fd, k->page, PAGE, scratch());
}

/*
 * The second page of the buffer is missing for a while.  Until then the first one
 * is in use, and what is written is read from it afterwards.
 */
static void take_slowdio(struct hold *k)
{
	struct iovec iov[2] = { { k->page, PAGE }, { NULL, PAGE } };
	ssize_t n;

	slow_init(true);
	iov[1].iov_base = slow.mem;
	slow_arm(0, below(1 << (10 + below(9))));
	slow.freed = false;
	slow.frame = memory ? k->block : 0;
	n = pwritev(loop_fd, iov, 2, scratch());
	slow.frame = 0;
	k->freed = slow.freed;
	k->got = n > (ssize_t)PAGE ? (ssize_t)PAGE : n;
}

static void take_vmread(struct hold *k)
{
	struct iovec local = { k->out, PAGE }, remote = { k->page, PAGE };

	k->got = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
}

static struct {
	int fd;
	char *sq, *cq;
	struct io_uring_sqe *sqe;
	struct io_uring_params p;
} ring = { .fd = -1 };

static void ring_init(void)
{
	int prot = PROT_READ | PROT_WRITE, flags = MAP_SHARED | MAP_POPULATE;

	if (ring.fd >= 0)
		return;
	ring.fd = syscall(SYS_io_uring_setup, 4, &ring.p);
	if (ring.fd < 0)
		t_bail("io_uring_setup");
	ring.sq = mmap(NULL, PAGE, prot, flags, ring.fd, IORING_OFF_SQ_RING);
	ring.cq = mmap(NULL, PAGE, prot, flags, ring.fd, IORING_OFF_CQ_RING);
	ring.sqe = mmap(NULL, PAGE, prot, flags, ring.fd, IORING_OFF_SQES);
	if (ring.sq == MAP_FAILED || ring.cq == MAP_FAILED || ring.sqe == MAP_FAILED)
		t_bail("io_uring");
}

static void take_uring(struct hold *k)
{
	struct io_uring_sqe *e;
	u32 tail;

	ring_init();
	tail = *(u32 *)(ring.sq + ring.p.sq_off.tail);
	e = &ring.sqe[0];
	memset(e, 0, sizeof(*e));
	e->opcode = IORING_OP_WRITE;
	e->fd = loop_fd;
	e->addr = (uintptr_t)k->page;
	e->len = PAGE;
	e->off = scratch();
	if (one_in(2))
		e->flags = IOSQE_ASYNC;
	((u32 *)(ring.sq + ring.p.sq_off.array))[tail & (ring.p.sq_entries - 1)] = 0;
	atomic_store((_Atomic u32 *)(ring.sq + ring.p.sq_off.tail), tail + 1);
	k->got = syscall(SYS_io_uring_enter, ring.fd, 1, 0, 0, NULL, 0);
}

static void end_uring(struct hold *k)
{
	u32 head = *(u32 *)(ring.cq + ring.p.cq_off.head);
	struct io_uring_cqe *c;

	if (k->got != 1)
		t_bail("io_uring_enter");
	while (atomic_load((_Atomic u32 *)(ring.cq + ring.p.cq_off.tail)) == head)
		syscall(SYS_io_uring_enter, ring.fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0);
	c = (struct io_uring_cqe *)(ring.cq + ring.p.cq_off.cqes);
	c += head & (ring.p.cq_entries - 1);
	k->got = c->res;
	k->error = c->res < 0 ? -c->res : 0;
	atomic_store((_Atomic u32 *)(ring.cq + ring.p.cq_off.head), head + 1);
	end_device(k);
}

static void end_nothing(struct hold *k) { }

/*
 * Close the file while a page of it is in use.  If it was removed, and nobody
 * else has it open, the last one to close it waits for the page: that must not
 * be us, who would never let the page go.
 */
static pid_t close_before_end(int f)
{
	pid_t pid;

	me()->closed = 0;
	pid = fork();
	if (pid < 0)
		t_bail("fork");
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (!me()->closed)
			usleep(200);
		_exit(0);
	}
	close_view(f);
	me()->closed = 1;
	return pid;
}

/* @most: so long, in us */
static bool hold(const char *how, void (*take)(struct hold *), void (*end)(struct hold *), u64 most)
{
	struct hold k = { pick_file(), pick_hot() };
	u64 val[2 * WORDS];
	pid_t closer = 0;
	struct look l;

	if (!look_first(k.f, k.h, &l))
		return false;
	k.page = map_of(k.f, below(MAPS)) + hot[k.h] * PAGE;
	if (one_in(4))
		madvise(k.page, PAGE, MADV_DONTNEED);
	busy(how, k.f, hot[k.h], hot[k.h]);
	k.block = frame_of(k.page);
	take(&k);
	k.error = k.got < 0 ? errno : 0;
	/* It is that page if it is still there. */
	k.block = memory && k.block == frame_of(k.page) ? k.block - memory : 0;
	idle();
	/* It may be all that is left of the file here. */
	if (most && one_in(2))
		closer = close_before_end(k.f);
	else if (most && one_in(2))
		madvise(k.page, PAGE, MADV_DONTNEED);
	if (most && k.got > 0)
		usleep(one_in(2) ? below(most) : below(1 + most / 16));
	busy(how, k.f, hot[k.h], hot[k.h]);
	/* A pipe may have a copy. */
	if (k.block && k.freed)
		complain(P_CONTENT, "%d, %s: the block of %c.%d, which is in use, is free",
			 my.id, how, file_name[k.f], hot[k.h]);
	end(&k);
	if (closer) {
		busy("last close", k.f, hot[k.h], hot[k.h]);
		waitpid(closer, NULL, 0);
	}
	idle();
	if (k.got > 0)
		atomic_fetch_add(&sh->pins, 1);
	/* No page to be had, even of the first half, is the end of the file. */
	copied_words(k.out, k.got, val);
	if (k.got < 0)
		memcpy(val + WORDS, val, sizeof(*val) * WORDS);
	if (k.got >= 0)
		judge_page(k.f, k.h, &l, val, how, true);
	else if (k.error == EFAULT)
		judge(slot_of(k.f, k.h, 0), &l, 0, EOFV, how, true);
	else
		complain(P_CALLS, "%d, %s: %s", my.id, how, strerror(k.error));
	return k.got > 0;
}

static bool op_pipe(void) { return hold("vmsplice", take_pipe, end_pipe, 700000); }
static bool op_dio(void) { return hold("write(O_DIRECT)", take_dio, end_device, 0); }
static bool op_slowdio(void) { return hold("writev(O_DIRECT)", take_slowdio, end_device, 0); }
static bool op_uring(void) { return hold("io_uring", take_uring, end_uring, 0); }
static bool op_vmread(void) { return hold("process_vm_readv", take_vmread, end_nothing, 0); }

/* All hot pages of 2 MiB at once */
static bool op_pipes(void)
{
	int f = pick_file(), first = below(2) * HOT_PMD, h, fds[2];
	struct iovec iov[HOT_PMD];
	struct look l[HOT_PMD];
	char buf[PAGE], *map;
	u64 val[2 * WORDS];
	pid_t closer = 0;
	ssize_t n;

	if (!look_all(f, first, l) || pipe2(fds, O_CLOEXEC))
		return false;
	map = map_of(f, below(MAPS));
	for (h = 0; h < HOT_PMD; h++)
		iov[h] = (struct iovec){ map + hot[first + h] * PAGE, PAGE };
	busy("vmsplice", f, hot[first], hot[first] + PMD_PAGES - 1);
	n = vmsplice(fds[1], iov, HOT_PMD, 0);
	idle();
	if (one_in(2))
		closer = close_before_end(f);
	if (n > 0)
		usleep(below(700000));
	for (h = 0; h < HOT_PMD && n >= (h + 1) * (ssize_t)PAGE; h++) {
		if (read(fds[0], buf, PAGE) != (ssize_t)PAGE)
			t_bail("read from the pipe");
		copied_words(buf, PAGE, val);
		judge_page(f, first + h, &l[h], val, "vmsplice of many", true);
		atomic_fetch_add(&sh->pins, 1);
	}
	close(fds[0]);
	close(fds[1]);
	busy("last close", f, hot[first], hot[first] + PMD_PAGES - 1);
	if (closer)
		waitpid(closer, NULL, 0);
	idle();
	/* Who needs all of them unused must come to it some day. */
	usleep(below(1000000));
	return n > 0;
}

/* A private copy stays what it is, whatever becomes of the file, unless it is truncated. */
static bool op_copy(void)
{
	int f = pick_file(), h = pick_hot();
	u64 mark = rnd(&my.rng), val[2][2 * WORDS];
	struct set set = { 0 };
	struct look l;
	char *p;

	if (!look_first(f, h, &l))
		return false;
	p = map_of(f, PRIV) + hot[h] * PAGE;
	busy("private store", f, hot[h], hot[h]);
	if (!t_store(p + 512, mark)) {
		idle();
		return false;
	}
	load_words(p, val[0]);
	idle();
	judge_page(f, h, &l, val[0], "private copy", false);
	usleep(below(300000));
	load_words(p, val[1]);
	collect(slot_of(f, h, 0), l.seq[0], &set, 3);
	collect(slot_of(f, h, 1), l.seq[1], &set, 3);
	if (!set.eof && !set.any &&
	    (*(u64 *)(p + 512) != mark || memcmp(val[0], val[1], sizeof(val[0]))))
		complain(P_CONTENT, "%d, %s: a private copy of %c.%d has changed", my.id, my.op,
			 file_name[f], hot[h]);
	madvise(p, PAGE, MADV_DONTNEED);
	return true;
}

/* Longer than anybody may have to wait */
static bool op_long(void)
{
	return hold("vmsplice for long", take_pipe, end_pipe, LONG_PIN * 1000000ULL);
}

/* D, of somebody else, takes all the room there is. */
static u64 d_value(u64 life, u64 page) { return M_D << 56 | life << 24 | page; }

static void fill_chunk(char *buf, u64 life, u64 page, int pages)
{
	int i;

	for (i = 0; i < pages; i++) {
		put_words(buf + i * PAGE, d_value(life, page + i));
		put_words(buf + i * PAGE + HALF, d_value(life, page + i));
	}
}

static u64 write_d(int fd, u64 life)
{
	static char buf[64 * PAGE];
	int pages = ARRAY_SIZE(buf) / PAGE;
	u64 page = 0;
	ssize_t n;

	while (pages && !sh->stop) {
		fill_chunk(buf, life, page, pages);
		n = pwrite(fd, buf, pages * PAGE, page * PAGE);
		if (n < 0 && errno != ENOSPC)
			t_bail("write to D");
		page += n > 0 ? n / PAGE : 0;
		if (n < pages * (ssize_t)PAGE)
			pages /= 2;
	}
	return page;
}

/* False, and @what, if it has something that is not its own */
static bool check_d(int fd, u64 life, u64 pages, char *what, size_t size)
{
	char *p = mmap(NULL, pages * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	u64 i, v[2 * WORDS], k;
	bool ok = true;

	if (!pages)
		return true;
	if (p == MAP_FAILED)
		t_bail("mmap");
	for (i = 0; i < pages && ok; i++) {
		load_words(p + i * PAGE, v);
		for (k = 0; k < 2 * WORDS && ok; k++) {
			ok = v[k] == d_value(life, i);
			if (!ok) {
				snprintf(what, size, "page %llu of D has ", (unsigned long long)i);
				describe(what, size, v[k]);
			}
		}
	}
	munmap(p, pages * PAGE);
	return ok;
}

static bool op_fill(void)
{
	int fd = open(path_of(NFILES), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	char what[256] = "";
	u64 pages;

	if (fd < 0 && errno == ENOSPC)
		return false;
	if (fd < 0)
		t_bail("%s", path_of(NFILES));
	sh->filling = 1;
	pages = write_d(fd, my.n);
	atomic_fetch_add(&sh->fills, 1);
	usleep(below(300000));
	if (!check_d(fd, my.n, pages, what, sizeof(what)))
		complain(P_CONTENT, "%d, %s: %s", my.id, my.op, what);
	close(fd);
	unlink(path_of(NFILES));
	sh->filled = now_us();
	sh->filling = 0;
	usleep(below(1500000));
	return true;
}

/* All operations */
enum { SHARES = 1, XFS_ONLY = 2, OPT_IN = 4 };

static const struct op {
	const char *name;
	bool (*run)(void);
	char role;		/* Worker, Keeper, Filler; 0: something that is on */
	int weight, flags;
} ops[] = {
	{ "read", op_read, 'W', 8 },
	{ "readsmall", op_readsmall, 'W', 8 },
	{ "readpriv", op_readpriv, 'W', 4 },
	{ "readhuge", op_readhuge, 'W', 8 },
	{ "readcold", op_readcold, 'W', 2 },
	{ "pread", op_pread, 'W', 4 },
	{ "cow", op_cow, 'W', 3 },
	{ "store", op_store, 'W', 10 },
	{ "storesmall", op_storesmall, 'W', 6 },
	{ "storeall", op_storeall, 'W', 2 },
	{ "write", op_write, 'W', 8 },
	{ "writespan", op_writespan, 'W', 5 },
	{ "writeshort", op_writeshort, 'W', 3 },
	{ "writeslow", op_writeslow, 'W', 4 },
	{ "dioread", op_dioread, 'W', 4 },
	{ "punch", op_punch, 'W', 4 },
	{ "zero", op_zero, 'W', 3 },
	{ "unshare", op_unshare, 'W', 2, XFS_ONLY },
	{ "alloc", op_alloc, 'W', 1 },
	{ "truncate", op_truncate, 'W', 4 },
	{ "extend", op_extend, 'W', 4 },
	{ "clone", op_clone, 'W', 10, SHARES },
	{ "dedupe", op_dedupe, 'W', 3, SHARES },
	{ "exchange", op_exchange, 'W', 3, XFS_ONLY },
	{ "renew", op_renew, 'W', 2 },
	{ "reclone", op_reclone, 'W', 4, SHARES },
	{ "handover", op_handover, 'W', 2, SHARES },
	{ "reload", op_reload, 'W', 1 },
	{ "sync", op_sync, 'W', 2 },
	{ "zap", op_zap, 'W', 3 },
	{ "remap", op_remap, 'W', 1 },
	{ "protect", op_protect, 'W', 1 },
	{ "move", op_move, 'W', 1 },
	{ "pipe", op_pipe, 'K', 10 },
	{ "pipes", op_pipes, 'K', 3 },
	{ "dio", op_dio, 'K', 3 },
	{ "slowdio", op_slowdio, 'K', 4 },
	{ "uring", op_uring, 'K', 3 },
	{ "vmread", op_vmread, 'K', 2 },
	{ "copy", op_copy, 'K', 2 },
	{ "long", op_long, 'K', 2, OPT_IN },
	{ "fill", op_fill, 'F', 1 },
	{ "kill", NULL, 0 },
	{ "alarm", NULL, 0 },
	{ "shared", NULL, 0, 0, SHARES },	/* from the beginning */
};

#define NOPS		((int)ARRAY_SIZE(ops))

static bool enabled[MAX_OPS];
static int weight[MAX_OPS];

static bool is_on(const char *name)
{
	int i;

	for (i = 0; i < NOPS; i++)
		if (!strcmp(ops[i].name, name))
			return enabled[i];
	return false;
}

static bool named(const struct op *op, const char *name)
{
	return !strcmp(op->name, name) || (!strcmp(name, "sharing") && op->flags & SHARES);
}

static bool choose(char *list)
{
	bool fresh = true, found;
	char *name;
	int i;

	for (name = strtok(list, ","); name; name = strtok(NULL, ",")) {
		bool off = *name == '-';
		char *colon = strchr(name, ':');

		name += off;
		if (colon)
			*colon++ = 0;
		found = false;
		for (i = 0; i < NOPS; i++) {
			if (fresh && !off)
				enabled[i] = false;
			if (named(&ops[i], name)) {
				enabled[i] = !off;
				if (colon)
					weight[i] = atoi(colon);
				found = true;
			}
		}
		fresh = false;
		if (!found) {
			fprintf(stderr, "no operation %s\n", name);
			return false;
		}
	}
	return true;
}

static int pick_op(char role)
{
	int i, sum = 0, at;

	for (i = 0; i < NOPS; i++)
		if (enabled[i] && ops[i].role == role)
			sum += weight[i];
	if (!sum)
		return -1;
	at = below(sum);
	for (i = 0; i < NOPS; i++) {
		if (!enabled[i] || ops[i].role != role)
			continue;
		at -= weight[i];
		if (at < 0)
			return i;
	}
	return -1;
}

/* What the n-th choice is depends on nothing but the seed. */
static void next_choice(void)
{
	u64 state = seed * 1000003 + my.id * 7919 + ++my.n;

	my.rng = rnd(&state);
}

static void on_alarm(int sig) { }

static void start_alarms(void)
{
	struct itimerval it = { { 0, 7000 + 4000 * my.id }, { 0, 7000 } };
	struct sigaction sa = { .sa_handler = on_alarm };	/* no SA_RESTART */

	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &it, NULL);
}

static void run_role(int id, char role)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	my.id = id;
	my.reads_only = role == 'K';
	me()->pid = getpid();
	if (role == 'W' && id % 2 && is_on("alarm"))
		start_alarms();
	while (!sh->stop) {
		int op;

		next_choice();
		drop_stale_views();
		op = pick_op(role);
		if (op < 0)
			break;
		my.op = ops[op].name;
		my.killing = role == 'W' && is_on("kill") && one_in(24);
		atomic_fetch_add(ops[op].run() ? &sh->done[op] : &sh->skipped[op], 1);
	}
	my.op = "end";
	busy("exit", 0, 0, 0);
	_exit(0);	/* which unmaps and closes, and that may hang, too */
}

static pid_t start_role(int id, char role)
{
	pid_t pid = fork();

	if (pid < 0)
		t_bail("fork");
	if (!pid)
		run_role(id, role);
	sh->task[id].pid = pid;
	return pid;
}

/* The kernel's log, and where everybody hangs */
static void kmsg_start(void)
{
	t_put("/sys/kernel/debug/clear_warn_once", "1");
	kmsg_fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (kmsg_fd < 0 || lseek(kmsg_fd, 0, SEEK_END) < 0)
		t_bail("/dev/kmsg");
}

static void kmsg_check(void)
{
	static const char * const signs[] = {
		"WARNING: ", "BUG: ", "Oops: ", "UBSAN: ", "INFO: ", "Corruption", "Shutting down",
	};
	char buf[8192], *s;
	unsigned int i;
	ssize_t n;

	while ((n = read(kmsg_fd, buf, sizeof(buf) - 1)) > 0 || (n < 0 && errno == EPIPE)) {
		if (n < 0)
			continue;
		buf[n] = 0;
		for (i = 0, s = NULL; i < ARRAY_SIZE(signs) && !s; i++)
			s = strstr(buf, signs[i]);
		if (s)
			complain(P_KERNEL, "%.*s", (int)strcspn(s, "\n"), s);
	}
}

static void print_file(const char *path)
{
	char buf[4096];
	FILE *f = fopen(path, "r");

	while (f && fgets(buf, sizeof(buf), f))
		printf("#   %s", buf);
	if (f)
		fclose(f);
}

static void print_stacks(void)
{
	char path[64];
	int i;

	t_put("/proc/sysrq-trigger", "w");
	for (i = 0; i < MAX_TASKS; i++) {
		struct task *t = &sh->task[i];

		if (!t->pid)
			continue;
		printf("# %d, pid %d: %s: %s of %c, pages %d to %d, since %llu ms\n", i, t->pid,
		       t->what ?: "", t->since ? t->call : "nothing", "ABCD"[t->file], t->first,
		       t->last, t->since ? (unsigned long long)(now_us() - t->since) / 1000 : 0);
		snprintf(path, sizeof(path), "/proc/%d/stack", t->pid);
		print_file(path);
	}
	fflush(stdout);
}

/* What lib/test_fsdax.c says of the device: the value behind a name; -1: nothing */
static char report[8192];

static bool get_report(void)
{
	int f = open("/sys/kernel/debug/test_fsdax", O_RDWR | O_CLOEXEC);
	ssize_t n = -1;

	memset(report, 0, sizeof(report));
	if (f >= 0 && write(f, device, strlen(device)) == (ssize_t)strlen(device))
		n = pread(f, report, sizeof(report) - 1, 0);
	if (f >= 0)
		close(f);
	return n > 0;
}

static long reported(const char *name)
{
	char *s = strstr(report, name);

	return s ? atol(s + strlen(name)) : -1;
}

static void print_report(void)
{
	char *line, *save;

	for (line = strtok_r(report, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		printf("#   %s\n", line);
}

static void watch(void)
{
	int i;

	for (i = 0; i < MAX_TASKS; i++) {
		struct task *t = &sh->task[i];
		u64 since = t->since, most = limit;

		if (is_on("long") && since && !strcmp(t->call, "write"))
			most = LIMIT_WRITE;
		else if (since && !strcmp(t->call, "vmsplice for long"))
			continue;
		if (!since || now_us() < since + most * 1000000)
			continue;
		if (!sh->failed[P_STUCK]) {
			printf("# longer than %llu seconds:\n", (unsigned long long)most);
			print_stacks();
			if (get_report())
				print_report();
		}
		complain(P_STUCK, "%d, %s: %s of %c, pages %d to %d, longer than %llu seconds",
			 i, t->what, t->call, "ABCD"[t->file], t->first, t->last,
			 (unsigned long long)most);
		atomic_store(&sh->stop, 1);
		t->since = now_us() + 1000000ULL * 3600;
	}
}

/* While the file system is mounted, pages are in use; but this can never be. */
static void check_negative(void)
{
	if (sh->failed[P_PAGES] || !device[0] || !get_report() || reported(" negative ") <= 0)
		return;
	complain(P_PAGES, "%ld pages have counts below zero", reported(" negative "));
	print_report();
}

/* Cases that have gone wrong, or were seen to in the code */
#define OLD		0x01d01d01d01d01dULL
#define NEW		0x4e34e34e34e34e3ULL
#define OTHER		0x07e307e307e307eULL
#define STALE_PMDS	6

static int __printf(2, 3) say(int verdict, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(sh->why[P_CONTENT], sizeof(sh->why[P_CONTENT]), fmt, ap);
	va_end(ap);
	return verdict;
}

#define fail(...) say(KSFT_FAIL, __VA_ARGS__)
#define pass(...) say(KSFT_PASS, __VA_ARGS__)

/* Somebody does a call; false if that does not end. */
static bool done_in_time(const struct call *c, int ms, long *ret)
{
	pid_t pid = t_start();
	int status;

	sh->ret = KILLED;
	if (!pid) {
		sh->ret = do_call(c);
		_exit(0);
	}
	if (!t_ends(pid, ms, &status))
		return false;
	if (ret)
		*ret = sh->ret;
	return true;
}

static const char *path_in(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

/* A, of so many pages that have OLD, and B, a clone */
static void make_pair(int pages, int *a, int *b)
{
	u64 *buf = malloc(pages * PAGE);
	unsigned long i;

	*a = t_open_written(dir, "share.A", pages);
	*b = t_open(dir, "share.B", 0);
	for (i = 0; buf && i < pages * PAGE / 8; i++)
		buf[i] = OLD;
	if (!buf || pwrite(*a, buf, pages * PAGE, 0) != (ssize_t)(pages * PAGE) || fsync(*a))
		t_bail("write");
	if (ioctl(*b, FICLONE, *a))
		t_bail("FICLONE");
	free(buf);
}

static int case_pipe[2];

static void put_in_pipe(char *page)
{
	struct iovec iov = { page, PAGE };

	if (pipe(case_pipe) || vmsplice(case_pipe[1], &iov, 1, 0) != (ssize_t)PAGE)
		t_bail("vmsplice");
}

static u64 out_of_pipe(u64 *half)
{
	u64 buf[PAGE / 8];

	if (read(case_pipe[0], buf, PAGE) != (ssize_t)PAGE)
		t_bail("read from the pipe");
	if (half)
		*half = buf[(HALF + word[0]) / 8];
	return buf[word[0] / 8];
}

/* What is written where there is room is D's, and gone again. */
static bool use_all_room(int ms, bool keep)
{
	int fd, status;
	pid_t pid = t_start();

	if (!pid) {
		fd = open(path_of(NFILES), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		if (fd < 0)
			t_bail("%s", path_of(NFILES));
		write_d(fd, 1);
		if (!keep)
			unlink(path_of(NFILES));
		_exit(0);
	}
	return t_ends(pid, ms, &status);
}

static bool unlinked(const char *name, int ms)
{
	pid_t pid = t_start();
	int status;

	if (!pid)
		_exit(unlink(path_in(name)) && errno != ENOENT);
	return t_ends(pid, ms, &status) && !status;
}

/* 1: A's page is in a pipe, and its block belongs to B alone, which goes. */
static int case_freed(void)
{
	char what[128] = "", *p;
	int a, b, i;
	bool full;
	u64 v;

	make_pair(PMD_PAGES, &a, &b);
	close(b);
	p = t_map_pages(a, PMD_PAGES, MAP_SHARED, false);
	put_in_pipe(p + 5 * PAGE);
	for (i = 0; i < (int)PMD_PAGES; i++)
		*(volatile u64 *)(p + i * PAGE + word[0]) = NEW;
	if (!unlinked("share.B", 5000))
		return fail("unlink waits for who may only read");
	usleep(500000);
	full = use_all_room(20000, true);
	v = out_of_pipe(NULL);
	describe(what, sizeof(what), v);
	unlink(path_of(NFILES));
	if (v != OLD)
		return fail("the pipe has %s", what);
	if (!full)
		return fail("filling the disk waits for who may only read");
	return pass("the pipe has what it was given");
}

/* 2: a huge page is built of pages one of which is in a pipe. */
static int case_head(void)
{
	struct call c = { C_FALLOC, .mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			  .off = 5 * PAGE, .len = PAGE };
	u64 v, faults;
	char *p;
	int a, b;

	make_pair(PMD_PAGES, &a, &b);
	p = t_map_pages(a, PMD_PAGES, MAP_SHARED, false);
	if (!t_load(p + 5 * PAGE, &v))
		return fail("SIGBUS");
	put_in_pipe(p + 5 * PAGE);
	*(volatile u64 *)(p + 5 * PAGE) = NEW;
	munmap(p, PMD);
	close(a);
	if (!unlinked("share.A", 5000))
		return fail("unlink waits for who may only read");
	usleep(500000);
	p = t_map_pages(b, PMD_PAGES, MAP_SHARED, true);
	if (!t_load(p, &v) || v != OLD)
		return fail("wrong in B");
	faults = t_faults();
	if (!t_load(p + 5 * PAGE, &v) || v != OLD)
		return fail("wrong in B");
	faults = t_faults() - faults;
	v = out_of_pipe(NULL);
	munmap(p, PMD);
	if (v != OLD)
		return fail("the pipe has %llx", (unsigned long long)v);
	c.fd = b;
	if (!done_in_time(&c, 10000, NULL))
		return fail("punch hangs%s", faults ? "" : ", after a huge page was mapped");
	c = (struct call){ C_TRUNC, .fd = b };
	if (!done_in_time(&c, 10000, NULL))
		return fail("truncate hangs");
	return pass("punched and truncated%s", faults ? "" : ", after a huge page was mapped");
}

/* Somebody reads a page of A, in the huge page that sh->go says, again and again. */
static pid_t start_reader(int fd, int page)
{
	pid_t pid = t_start();
	char *p;
	u64 v;

	if (pid)
		return pid;
	p = t_map_pages(fd, STALE_PMDS * PMD_PAGES, MAP_SHARED, false);
	for (;;) {
		char *at = p + sh->go * PMD + page * PAGE;

		t_load(at, &v);
		madvise(at, PAGE, MADV_DONTNEED);
	}
}

/* Somebody maps that huge page of B as soon as it shares no blocks any more. */
static pid_t start_mapper(int fd)
{
	struct {
		struct fiemap map;
		struct fiemap_extent x;
	} m;
	pid_t pid = t_start();
	u32 done = 0;
	char *p;
	u64 v;

	if (pid)
		return pid;
	p = t_map_pages(fd, STALE_PMDS * PMD_PAGES, MAP_SHARED, true);
	while (done < STALE_PMDS) {
		memset(&m, 0, sizeof(m));
		m.map.fm_start = done * PMD;
		m.map.fm_length = PMD;
		m.map.fm_extent_count = 1;
		if (ioctl(fd, FS_IOC_FIEMAP, &m))
			t_bail("FIEMAP");
		if (sh->go >= done && m.map.fm_mapped_extents == 1 &&
		    !(m.x.fe_flags & FIEMAP_EXTENT_SHARED))
			t_load(p + done++ * PMD, &v);
	}
	for (;;)
		pause();
}

/* All of 2 MiB, with a moment before the last page */
static void write_huge(int fd, int k)
{
	struct iovec iov[2] = { { write_buffer(), PMD - PAGE }, { slow.mem, PAGE } };

	slow_arm(0, 2000);
	sh->ret = pwritev(fd, iov, 2, k * PMD);
}

/* False, and why, if something has gone wrong */
static bool stale_round(int a, int b)
{
	struct call c = { C_TRUNC };
	pid_t pid[4];
	int i, k;

	for (i = 0; i < 3; i++)
		pid[i] = start_reader(a, 5 + 100 * i);
	pid[3] = start_mapper(b);
	for (k = 0; k < STALE_PMDS && sh->ret >= 0; k++) {
		sh->go = k;
		write_huge(a, k);
	}
	usleep(3000);
	for (i = 0; i < 4; i++)
		kill(pid[i], SIGKILL);
	for (i = 0; i < 4; i++)
		if (!t_ends(pid[i], 5000, NULL))
			return fail("somebody who reads cannot be killed"), false;
	if (sh->ret != (long)PMD)
		return fail("write gives %ld", sh->ret), false;
	for (i = 0; i < 2; i++) {
		c.fd = i ? a : b;
		if (!done_in_time(&c, 10000, NULL))
			return fail("truncate of %c hangs", "BA"[i]), false;
	}
	kmsg_check();
	return !sh->failed[P_KERNEL] || (fail("warned"), false);
}

/* 3: write(2) replaces the blocks of A, which is read, while B is mapped huge. */
static int case_stale(void)
{
	u64 end = now_us() + 20000000;
	int a, b, i;
	bool ok;

	slow_init(true);
	for (i = 0; now_us() < end; i++) {
		sh->ret = 0;
		make_pair(STALE_PMDS * PMD_PAGES, &a, &b);
		ok = stale_round(a, b);
		close(a);
		close(b);
		if (!ok) {
			add(sh->why[P_CONTENT], sizeof(sh->why[P_CONTENT]), ", in round %d", i);
			return KSFT_FAIL;
		}
	}
	return pass("%d rounds", i);
}

/* A process that says, by sh->go, when it is ready */
static pid_t start_ready(void)
{
	pid_t pid;

	sh->go = 0;
	pid = t_start();
	while (pid && !sh->go)
		usleep(1000);
	return pid;
}

/* Somebody who may only read puts pages 5 and 7 into a pipe, and keeps them there. */
static pid_t start_keeper(void)
{
	struct iovec iov[2];
	pid_t pid;
	char *p;
	int fd;
	u64 v;

	pid = start_ready();
	if (pid)
		return pid;
	fd = open(path_in("share.A"), O_RDONLY);
	p = t_map(fd, PMD, PROT_READ, MAP_SHARED, 0);
	if (fd < 0 || !p || !t_load(p + 5 * PAGE, &v) || !t_load(p + 7 * PAGE, &v))
		t_bail("share.A");
	iov[0] = (struct iovec){ p + 5 * PAGE, PAGE };
	iov[1] = (struct iovec){ p + 7 * PAGE, PAGE };
	if (pipe(case_pipe) || vmsplice(case_pipe[1], iov, 2, 0) != 2 * (ssize_t)PAGE)
		t_bail("vmsplice");
	sh->go = 1;
	while (sh->go != 2)
		usleep(1000);
	sh->verdict = out_of_pipe(NULL) == OLD && out_of_pipe(NULL) == OLD;
	_exit(0);
}

static pid_t start_write(int fd, int page, bool alarmed)
{
	static char buf[PAGE];
	struct itimerval it = { { 0, 100000 }, { 0, 100000 } };
	struct sigaction sa = { .sa_handler = on_alarm };	/* no SA_RESTART */
	struct call c = { C_WRITE, fd, .off = page * PAGE, .len = PAGE, .buf = buf };
	pid_t pid = t_start();

	if (pid)
		return pid;
	sigaction(SIGALRM, &sa, NULL);
	if (alarmed)
		setitimer(ITIMER_REAL, &it, NULL);
	sh->ret = do_call(&c);
	_exit(0);
}

/* 4: who may only read keeps a page that is written to. */
static int case_held(void)
{
	pid_t keeper, writer, other, alarmed;
	bool ended, other_ended, killed = true;
	int a, b, status;
	long ret;

	make_pair(PMD_PAGES, &a, &b);
	keeper = start_keeper();
	writer = start_write(a, 5, false);
	usleep(300000);
	other = start_write(a, 99, false);
	other_ended = t_ends(other, 2000, &status);
	ended = t_ends(writer, 10, &status);
	if (!other_ended) {
		kill(other, SIGKILL);
		killed = t_ends(other, 2000, &status);
	}
	if (!ended) {
		kill(writer, SIGKILL);
		t_ends(writer, 2000, &status);
	}
	sh->ret = KILLED;
	alarmed = start_write(a, 7, true);
	t_ends(alarmed, 2000, &status);
	ret = sh->ret;
	sh->verdict = -1;
	sh->go = 2;
	t_ends(keeper, 5000, &status);
	if (!ended || !other_ended || ret != (long)PAGE)
		return fail("the write %s, one to another page %s%s, with a signal it gives %ld",
			    ended ? "ends" : "waits", other_ended ? "ends" : "waits",
			    killed ? "" : " and cannot be killed", ret);
	return sh->verdict == 1 ? pass("nobody waits") : fail("the pipe has something else");
}

/* write(2) to the second half of a page, and to the next, before which it sleeps */
static int half_page = 5;

static void *half_writer(void *arg)
{
	sh->ret = pwrite(*(int *)arg, slow.mem + HALF, HALF + PAGE, half_page * PAGE + HALF);
	return NULL;
}

/* Wait until it sleeps.  False if it does not come to that. */
static bool start_half_writer(pthread_t *t, int *fd)
{
	struct pollfd pfd;
	unsigned long i;

	slow_init(false);
	pfd = (struct pollfd){ slow.fd, POLLIN };
	for (i = 0; i < 2 * PAGE / 8; i++)
		((u64 *)slow.content)[i] = NEW;
	slow_arm(1, 0);
	return !pthread_create(t, NULL, half_writer, fd) && poll(&pfd, 1, 5000) == 1;
}

static void end_half_writer(pthread_t t)
{
	slow_fill(1);
	pthread_join(t, NULL);
}

/* What a thread does meanwhile; it may have to wait for the write, which waits for us. */
static void meanwhile(void *(*what)(void *), void *arg, pthread_t *t)
{
	int i;

	sh->go = 0;
	if (pthread_create(t, NULL, what, arg))
		t_bail("pthread_create");
	for (i = 0; i < 500 && !sh->go; i++)
		usleep(1000);
}

static void *other_storer(void *at)
{
	*(volatile u64 *)at = OTHER;
	sh->go = 1;
	return NULL;
}

/* 5: write(2) and a store change different bytes of a page at the same time. */
static int case_lost(void)
{
	pthread_t t, s;
	u64 v[3], c[3];
	int a, b, i;
	char *p, *q;

	make_pair(PMD_PAGES, &a, &b);
	p = t_map_pages(a, PMD_PAGES, MAP_SHARED, false);
	q = t_map_pages(b, PMD_PAGES, MAP_SHARED, false);
	if (!start_half_writer(&t, &a))
		return fail("the write does not come to its second page");
	meanwhile(other_storer, p + 5 * PAGE + word[0], &s);
	end_half_writer(t);
	pthread_join(s, NULL);
	if (sh->ret != (long)(HALF + PAGE))
		return fail("write gives %ld", sh->ret);
	for (i = 0; i < 3; i++)
		if (!t_load(p + 5 * PAGE + i * HALF + word[0], &v[i]) ||
		    !t_load(q + 5 * PAGE + i * HALF + word[0], &c[i]))
			return fail("SIGBUS");
	if (v[0] != OTHER)
		return fail("the store is lost");
	if (v[1] != NEW || v[2] != NEW)
		return fail("what was written is lost");
	if (c[0] != OLD || c[1] != OLD || c[2] != OLD)
		return fail("the clone is changed");
	return pass("both are there");
}

/*
 * 6: the user's buffer ends in the midst of a shared page, neither the first nor
 * the last one of the write.
 */
static int case_short(void)
{
	char *buf = write_buffer(), what[128] = "", *p;
	off_t from = 5 * PAGE + HALF, to = 6 * PAGE + HALF, i;
	int a, b;
	ssize_t n;
	u64 v;

	if (!use_all_room(60000, false))
		return fail("the disk cannot be filled");
	usleep(500000);
	make_pair(PMD_PAGES, &a, &b);
	p = t_map_pages(a, PMD_PAGES, MAP_SHARED, false);
	for (i = 0; i < (int)(PAGE / 8); i++)
		((u64 *)buf)[i] = NEW;
	mprotect(buf + PAGE, PAGE, PROT_NONE);
	n = pwrite(a, buf, 2 * PAGE, from);
	if (n != to - from)
		return fail("write gives %zd", n);
	for (i = 5 * PAGE; i < 8 * (off_t)PAGE; i += 8) {
		if (!t_load(p + i, &v))
			return fail("SIGBUS");
		if (v == (i >= from && i < to ? NEW : OLD))
			continue;
		describe(what, sizeof(what), v);
		return fail("page %ld at %ld has %s", i / PAGE, i % PAGE, what);
	}
	return pass("the rest of the page is as it was");
}

static void *other_pinner(void *page)
{
	u64 v;

	if (t_load(page, &v))
		put_in_pipe(page);
	sh->go = 1;
	return NULL;
}

/* 7: the old block is mapped again while the new one is filled, and stays in use. */
static int case_again(void)
{
	struct call c = { C_FALLOC, .mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			  .off = 5 * PAGE, .len = PAGE };
	char what[128] = "", *p, *q;
	pthread_t t, s;
	u64 v, w;
	int a, b, i;

	make_pair(PMD_PAGES, &a, &b);
	p = t_map_pages(a, PMD_PAGES, MAP_SHARED, false);
	q = t_map_pages(a, PMD_PAGES, MAP_PRIVATE, false);
	if (!start_half_writer(&t, &a))
		return fail("the write does not come to its second page");
	meanwhile(other_pinner, p + 5 * PAGE, &s);
	end_half_writer(t);
	pthread_join(s, NULL);
	for (i = 0; i < 2; i++)
		if (!t_load((i ? q : p) + 5 * PAGE + HALF, &v) || v != NEW ||
		    !t_load((i ? q : p) + 5 * PAGE, &w) || w != OLD)
			return fail("%s mapping: not what was written", i ? "private" : "shared");
	/* Now the block is B's alone, which gives it away. */
	c.fd = b;
	if (done_in_time(&c, 2000, NULL)) {
		usleep(500000);
		use_all_room(20000, true);
	}
	v = out_of_pipe(&w);
	describe(what, sizeof(what), v);
	unlink(path_of(NFILES));
	if (v != OLD || (w != OLD && w != NEW))
		return fail("the pipe has %s", what);
	return pass("the pipe has what the file had");
}

/* All free blocks have OLD. */
static void leave_old_everywhere(void)
{
	static u64 buf[64 * PAGE / 8];
	int fd = t_open(dir, "share.D", 0);
	unsigned long i;
	off_t at = 0;

	for (i = 0; i < ARRAY_SIZE(buf); i++)
		buf[i] = OLD;
	while (pwrite(fd, buf, sizeof(buf), at) == (ssize_t)sizeof(buf))
		at += sizeof(buf);
	close(fd);
	unlink(path_in("share.D"));
	sync();
	usleep(1000000);
}

/*
 * 8: a block that was never written has in memory what another one has; the
 * file has zeroes there.
 */
static int case_unwritten(void)
{
	struct call c = { C_DEDUPE, .len = PAGE };
	off_t at, size = 32UL << 20;
	int a, b, i, same[2] = { 0 }, changed = 0, lost = 0;
	u64 v, old[PAGE / 8];

	leave_old_everywhere();
	a = t_open(dir, "share.A", 0);
	b = t_open(dir, "share.B", size);
	for (i = 0; i < (int)ARRAY_SIZE(old); i++)
		old[i] = OLD;
	if (fallocate(b, 0, 0, size))
		t_bail("fallocate");
	for (at = 0; at < size; at += 16 * PAGE) {
		bool back = at / (16 * PAGE) % 2;

		if (pwrite(a, old, PAGE, 0) != (ssize_t)PAGE)
			t_bail("pwrite");
		c.from = back ? b : a;
		c.from_off = back ? at : 0;
		c.fd = back ? a : b;
		c.off = back ? 0 : at;
		if (do_call(&c) > 0)
			same[back]++;
		changed += pread(b, &v, 8, at) != 8 || v;
		lost += pread(a, &v, 8, 0) != 8 || v != OLD;
	}
	if (same[0] || same[1])
		return fail("the same %d, %d times; zeroes changed %d times, data lost %d times",
			    same[0], same[1], changed, lost);
	return pass("they are not the same");
}

/*
 * 9: a store to another page of the 2 MiB tries for a huge page first, gets new
 * blocks, and gives them back, as they are not enough.
 */
static int case_cancel(void)
{
	u64 v[3], w, c;
	pthread_t t, s;
	int a, b, i;
	char *p, *q;

	half_page = 0;	/* where a huge page begins, too */
	make_pair(PMD_PAGES, &a, &b);
	p = t_map_pages(a, PMD_PAGES, MAP_SHARED, true);
	q = t_map_pages(b, PMD_PAGES, MAP_SHARED, false);
	if (!start_half_writer(&t, &a))
		return fail("the write does not come to its second page");
	meanwhile(other_storer, p + 200 * PAGE + word[0], &s);
	end_half_writer(t);
	pthread_join(s, NULL);
	if (sh->ret != (long)(HALF + PAGE))
		return fail("write gives %ld", sh->ret);
	for (i = 0; i < 3; i++)
		if (!t_load(p + i * HALF + word[0], &v[i]))
			return fail("SIGBUS");
	if (!t_load(p + 200 * PAGE + word[0], &w) || w != OTHER)
		return fail("the store is lost");
	if (v[0] != OLD || v[1] != NEW || v[2] != NEW)
		return fail("what was written is lost");
	for (i = 0; i < (int)PMD_PAGES; i++)
		if (!t_load(q + i * PAGE + word[0], &c) || c != OLD)
			return fail("page %d of the clone is changed", i);
	return pass("both are there");
}

/* Store to A's pages from @page on until one finds no room; false if all do. */
static bool store_till_full(char *p, int page, int *full)
{
	for (*full = page; *full < (int)PMD_PAGES; ++*full)
		if (!t_store(p + *full * PAGE + word[0], NEW))
			return true;
	return false;
}

/*
 * 10: who finds no room waits for workers that give back what files have got in
 * advance.  They do so once A is neither dirty nor open to be written.
 */
static int case_full(void)
{
	char *p, *q;
	int a, b, i, full;
	bool stored;
	u64 v;

	make_pair(PMD_PAGES, &a, &b);
	p = t_map_pages(a, PMD_PAGES, MAP_SHARED, false);
	q = t_map_pages(b, PMD_PAGES, MAP_SHARED, false);
	if (!t_store(p + word[0], NEW))
		return fail("there is no room at first");
	if (!use_all_room(60000, true))
		return fail("the file system does not fill up");
	if (!store_till_full(p, 64, &full))
		return fail("the file system is not full");
	munmap(p, PMD);
	close(a);
	sync();
	use_all_room(60000, false);

	a = open(path_in("share.A"), O_RDWR);
	p = t_map_pages(a, PMD_PAGES, MAP_SHARED, false);
	for (i = 0; i < (int)PMD_PAGES; i++) {
		stored = !i || (i >= 64 && i < full);
		if (!t_load(p + i * PAGE + word[0], &v) || v != (stored ? NEW : OLD))
			return fail("page %d is wrong", i);
		if (!t_load(q + i * PAGE + word[0], &v) || v != OLD)
			return fail("page %d of the clone is changed", i);
	}
	if (!t_store(p + full * PAGE + word[0], NEW))
		return fail("there is no room though D is gone");
	return pass("no room for page %d, then there is", full);
}

/* A reader has page 5 in a pipe, and nothing else of the file. */
static pid_t start_distant_keeper(void)
{
	pid_t pid;
	char *p;
	int fd;

	pid = start_ready();
	if (pid)
		return pid;
	fd = open(path_in("share.A"), O_RDONLY);
	p = t_map(fd, PMD, PROT_READ, MAP_SHARED, 0);
	if (fd < 0 || !p)
		t_bail("share.A");
	put_in_pipe(p + 5 * PAGE);
	munmap(p, PMD);
	close(fd);
	sh->go = 1;
	while (sh->go != 2)
		usleep(1000);
	sh->verdict = out_of_pipe(NULL) == OLD;
	_exit(0);
}

static int case_unlink(void)
{
	int fd = t_open_written(dir, "share.A", PMD_PAGES), status, i;
	u64 buf[PAGE / 8];
	pid_t keeper;
	bool ok;

	for (i = 0; i < (int)ARRAY_SIZE(buf); i++)
		buf[i] = OLD;
	if (pwrite(fd, buf, PAGE, 5 * PAGE) != (ssize_t)PAGE)
		t_bail("pwrite");
	close(fd);
	keeper = start_distant_keeper();
	ok = unlinked("share.A", 3000);
	use_all_room(20000, true);
	sh->go = 2;
	t_ends(keeper, 5000, &status);
	unlink(path_of(NFILES));
	if (!ok)
		return fail("it waits for who may only read");
	return sh->verdict == 1 ? pass("it ends") : fail("the pipe has something else");
}

static int case_umount(void)
{
	int fd = t_open_written(dir, "share.A", PMD_PAGES), status;
	pid_t keeper, pid;
	bool ok;

	close(fd);
	keeper = start_distant_keeper();
	pid = t_start();
	if (!pid)
		_exit(syscall(SYS_umount2, dir, 0) ? errno : 0);
	ok = t_ends(pid, 5000, &status);
	sh->go = 2;
	t_ends(keeper, 5000, NULL);
	if (!ok && !t_ends(pid, 5000, &status))
		return fail("it hangs");
	if (!status && syscall(SYS_mount, device, dir, fstype, 0, "dax=always"))
		return fail("it cannot be mounted again");
	if (status)
		return fail("%s", strerror(WEXITSTATUS(status)));
	return ok ? pass("it ends") : fail("it waits for who may only read");
}

static const struct {
	const char *name, *what;
	int (*run)(void);
	const char *fails_on_base;	/* see t_judge() */
} cases[] = {
	{ "freed", "a block is not freed while a page of it is in use", case_freed, "xfs" },
	{ "head", "a huge page is built of pages that nobody uses", case_head },
	{ "stale", "write to shared blocks, mapped huge by the other file", case_stale },
	{ "held", "who may only read holds up nobody who writes", case_held, "xfs" },
	{ "lost", "write and store to one shared page", case_lost, "xfs" },
	{ "short", "write to a shared page from a buffer that ends in it", case_short, "xfs" },
	{ "again", "old blocks mapped during a write, and in use", case_again, "xfs" },
	{ "unwritten", "dedupe of a block that was never written", case_unwritten, "xfs" },
	{ "cancel", "write to shared blocks and a store that falls back to pages", case_cancel, "xfs" },
	{ "full", "store to shared blocks, no room", case_full },
	/* What should be here is not known to everybody: only by name. */
	{ "unlink", "unlink of a file of which a page is in use", case_unlink },
	{ "umount", "umount while a page is in use", case_umount },
};

#define NCASES	((int)ARRAY_SIZE(cases))
#define NUMBERED	10	/* of these */
#define ALL_CASES	1000	/* numbered ones, that is */

/* False if nothing more can be done here. */
static bool run_case(int i)
{
	u64 began = now_us();
	bool ended, gone;
	int status, code;
	pid_t pid;

	if (!can_clone && i < NUMBERED) {
		ksft_test_result_code(KSFT_SKIP, cases[i].what, "no shared blocks here");
		return true;
	}
	sh->why[P_CONTENT][0] = 0;
	sh->why[P_KERNEL][0] = 0;
	sh->failed[P_KERNEL] = 0;
	sh->go = 0;
	sh->stop = 0;
	/* It would keep the file system busy. */
	if (cases[i].run == case_umount) {
		close(fs_fd);
		fs_fd = -1;
	}
	pid = t_start();
	if (!pid) {
		setpgid(0, 0);
		me()->pid = getpid();
		_exit(cases[i].run());
	}
	ended = t_ends(pid, 120000, &status);
	kill(-pid, SIGKILL);
	kill(pid, SIGKILL);
	if (!ended)
		print_stacks();
	/* What hangs has locked them. */
	gone = unlinked("share.A", 5000) & unlinked("share.B", 5000);
	usleep(200000);
	kmsg_check();
	check_negative();
	if (!ended)
		snprintf(sh->why[P_CONTENT], sizeof(sh->why[P_CONTENT]), "has not ended");
	if (sh->failed[P_KERNEL])
		add(sh->why[P_CONTENT], sizeof(sh->why[P_CONTENT]), " / %s", sh->why[P_KERNEL]);
	code = ended && !status && !sh->failed[P_KERNEL] && !sh->failed[P_PAGES] ?
	       KSFT_PASS : KSFT_FAIL;
	ksft_test_result_code(t_judge(code, dir, cases[i].fails_on_base), cases[i].what,
			      "%s: %s, %llu ms", cases[i].name, sh->why[P_CONTENT],
			      (unsigned long long)(now_us() - began) / 1000);
	return ended && gone && !sh->failed[P_PAGES];
}

/* The file system, and a device that pages are written to and read from */
static void find_device(void)
{
	char dev[256], on[256], type[32], opts[512];
	FILE *f = fopen("/proc/mounts", "r");

	while (f && fscanf(f, "%255s %255s %31s %511s %*d %*d", dev, on, type, opts) == 4)
		if (!strcmp(on, dir)) {
			snprintf(device, sizeof(device), "%s", dev);
			snprintf(fstype, sizeof(fstype), "%s", type);
		}
	if (f)
		fclose(f);
}

static void make_scratch(void)
{
	int mem = memfd_create("scratch", MFD_CLOEXEC), ctl, nr, fd;
	char path[64];

	ctl = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	if (mem < 0 || ctl < 0 || ftruncate(mem, MAX_TASKS * 16 * PAGE))
		t_bail("no loop device");
	nr = ioctl(ctl, LOOP_CTL_GET_FREE);
	snprintf(path, sizeof(path), "/dev/loop%d", nr);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (nr < 0 || fd < 0 || ioctl(fd, LOOP_SET_FD, mem))
		t_bail("%s", path);
	loop_fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (loop_fd < 0)
		t_bail("%s", path);
	close(fd);
	close(mem);
	close(ctl);
}

static void drop_scratch(void)
{
	if (loop_fd >= 0)
		ioctl(loop_fd, LOOP_CLR_FD);
	close(loop_fd);
	loop_fd = -1;
}

/* All but some of the room is taken, so that the rest is soon gone. */
static void take_room(void)
{
	struct xfs_fsop_resblks r = { .resblks = 1024 };
	int fd = t_open(dir, "share.ballast", 0);
	off_t at = 0, step = 256UL << 20;
	struct statvfs s;

	ioctl(fd, XFS_IOC_SET_RESBLKS, &r);
	while (step >= (off_t)PMD) {
		if (fstatvfs(fd, &s))
			t_bail("fstatvfs");
		if (s.f_bavail * s.f_bsize < SPARE + step ||
		    fallocate(fd, 0, at, step))
			step /= 2;
		else
			at += step;
	}
	close(fd);
}

static void make_files(void)
{
	u64 v[NSLOTS] = { 0 };
	int f, s, fd[NFILES];

	for (f = 0; f < NFILES; f++) {
		fd[f] = t_open(dir, t_base(path_of(f)), 0);
		if (f && is_on("shared")) {
			if (ioctl(fd[f], FICLONE, fd[0]))
				t_bail("FICLONE");
			for (s = 0; s < 2 * NHOT; s++)
				v[f * 2 * NHOT + s] = v[s];
		} else {
			write_new(f, fd[f], v);
		}
		sh->file[f].size = SIZE;
		for (s = 0; s < NHOT && f && is_on("shared"); s++)
			kin_join(s, f * NHOT + s);
	}
	for (s = 0; s < NSLOTS; s++)
		commit(s, v[s]);
	for (f = 0; f < NFILES; f++)
		close(fd[f]);
}

static void find_abilities(void)
{
	int a = t_open(dir, "share.A", PAGE), b = t_open(dir, "share.B", 0), i;
	struct xfs_exchange_range x = { .file1_fd = a };

	if (!t_is_dax(a))
		t_bail("%s is not on DAX", dir);
	can_clone = !ioctl(b, FICLONE, a);
	for (i = 0; i < NOPS; i++) {
		if (!strcmp(ops[i].name, "exchange"))
			enabled[i] &= !ioctl(b, XFS_IOC_EXCHANGE_RANGE, &x);
		else if (ops[i].flags & XFS_ONLY)
			enabled[i] &= can_clone;
		if (ops[i].flags & SHARES)
			enabled[i] &= can_clone;
		if (!strcmp(ops[i].name, "vmread"))
			enabled[i] &= !process_vm_readv(getpid(), NULL, 0, NULL, 0, 0);
	}
	close(a);
	close(b);
	t_unlink(dir, "share.B");
}

static void make_shared(void)
{
	pthread_mutexattr_t attr;
	int i;

	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sh == MAP_FAILED)
		t_bail("mmap");
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	for (i = 0; i < NSLOTS; i++)
		pthread_mutex_init(&sh->slot[i].lock, &attr);
	for (i = 0; i < NFILES; i++)
		pthread_mutex_init(&sh->file[i].size_lock, &attr);
	for (i = 0; i < NKIN; i++)
		sh->tenancy[i] = 1;
	pthread_mutex_init(&sh->kin_lock, &attr);
	for (i = 0; i < NSLOTS; i++)
		put_event(i, ZERO, NONE, -1, false);
	sh->start = now_us();
}

/* The end: nobody has anything any more. */
static void final_check(void)
{
	u64 val[2 * WORDS];
	char buf[PAGE];
	struct look l;
	int f, h, k;
	ssize_t n;

	my.op = "end";
	for (f = 0; f < NFILES; f++)
		for (h = 0; h < NHOT; h++) {
			if (!look_first(f, h, &l))
				t_bail("a file is being replaced");
			for (k = 0; k < MAPS; k++) {
				load_words(map_of(f, k) + hot[h] * PAGE, val);
				judge_page(f, h, &l, val, map_name[k], false);
			}
			n = pread(view[f].fd, buf, PAGE, hot[h] * PAGE);
			copied_words(buf, n < 0 ? 0 : n, val);
			judge_page(f, h, &l, val, "pread", false);
		}
	for (f = 0; f < NFILES; f++)
		close_view(f);
}

static void end_umount(void)
{
	int status, tries;
	pid_t pid = t_start();

	if (!pid) {
		for (tries = 0; tries < 50; tries++) {
			if (!syscall(SYS_umount2, dir, 0))
				_exit(0);
			if (errno != EBUSY)
				_exit(errno);
			usleep(100000);
		}
		_exit(errno);
	}
	if (!t_ends(pid, 60000, &status)) {
		printf("# umount:\n");
		snprintf(report, sizeof(report), "/proc/%d/stack", pid);
		print_file(report);
		complain(P_UMOUNT, "has not ended after 60 seconds");
	} else if (status) {
		complain(P_UMOUNT, "%s", strerror(WEXITSTATUS(status)));
	}
}

static void end_pages(void)
{
	static const char * const what[] = {
		" busy ", " mapped ", " mapping ", " share ", " compound ", " negative ",
	};
	unsigned int i;

	if (!get_report()) {
		snprintf(sh->why[P_PAGES], sizeof(sh->why[P_PAGES]),
			 "SKIP this kernel has no test_fsdax");
		return;
	}
	for (i = 0; i < ARRAY_SIZE(what); i++)
		if (reported(what[i]))
			complain(P_PAGES, "%ld of %ld pages:%s", reported(what[i]),
				 reported("pages "), what[i]);
	if (sh->failed[P_PAGES])
		print_report();
}

static void end_repair(void)
{
	char exe[400], cmd[1024], line[512];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	int status = -1;
	FILE *f;

	if (n < 0)
		t_bail("/proc/self/exe");
	exe[n] = 0;
	*strrchr(exe, '/') = 0;
	snprintf(cmd, sizeof(cmd), "%s/fsck.sh %s %s > /tmp/dax_share.fsck 2>&1", exe, fstype, device);
	status = system(cmd);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 4) {
		snprintf(sh->why[P_REPAIR], sizeof(sh->why[P_REPAIR]), "SKIP nothing to check it with");
	} else if (status) {
		complain(P_REPAIR, "see above");
		f = fopen("/tmp/dax_share.fsck", "r");
		while (f && fgets(line, sizeof(line), f))
			printf("# %s", line);
		if (f)
			fclose(f);
	}
	unlink("/tmp/dax_share.fsck");
}

/* Remove all that there is.  False if that does not end. */
static bool clean_up(void)
{
	static const char * const names[] = { "ballast", "A", "B", "C", "D", "A.new", "B.new", "C.new" };
	pid_t pid = t_start();
	char path[32];
	unsigned int i;
	int status;

	if (pid)
		return t_ends(pid, 30000, &status);
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "share.%s", names[i]);
		t_unlink(dir, path);
	}
	_exit(0);
}

/* Unmount, look at all pages, check the file system with all that is in it, mount it again. */
static void end_all(void)
{
	int i;

	if (!device[0]) {
		clean_up();
		for (i = P_UMOUNT; i <= P_REPAIR; i++)
			snprintf(sh->why[i], sizeof(sh->why[i]), "SKIP nothing is mounted on %s", dir);
		return;
	}
	close(fs_fd);
	end_umount();
	if (sh->failed[P_UMOUNT]) {
		for (i = P_PAGES; i <= P_REPAIR; i++)
			if (!sh->failed[i])
				snprintf(sh->why[i], sizeof(sh->why[i]), "SKIP it is still mounted");
		return;
	}
	end_pages();
	end_repair();
	if (syscall(SYS_mount, device, dir, fstype, 0, "dax=always"))
		complain(P_UMOUNT, "it cannot be mounted again: %s", strerror(errno));
	else if (!clean_up())
		complain(P_UMOUNT, "the files cannot be removed");
	kmsg_check();
}

static void print_props(int first)
{
	int i, code;

	for (i = first; i < P_MAX; i++) {
		const char *why = sh->why[i][0] ? sh->why[i] : t_base(dir);

		code = sh->failed[i] ? KSFT_FAIL : KSFT_PASS;
		if (code == KSFT_PASS && !strncmp(why, "SKIP ", 5)) {
			code = KSFT_SKIP;
			why += 5;
		}
		ksft_test_result_code(code, prop_name[i], "%s%s", why,
				      sh->failed[i] > 1 ? ", and more" : "");
	}
}

static void print_counts(void)
{
	int i;

	printf("# done, and not:");
	for (i = 0; i < NOPS; i++)
		if (enabled[i] && ops[i].role)
			printf(" %s %llu %llu", ops[i].name, (unsigned long long)sh->done[i],
			       (unsigned long long)sh->skipped[i]);
	printf("\n# %llu values judged, %llu of them not known, %llu torn; %llu reads of 2 MiB huge, ",
	       (unsigned long long)sh->judged, (unsigned long long)sh->weak,
	       (unsigned long long)sh->torn, (unsigned long long)sh->huge);
	printf("%llu not; %llu pages in use, %llu words changed by another file meanwhile; ",
	       (unsigned long long)sh->small, (unsigned long long)sh->pins,
	       (unsigned long long)sh->leaks);
	printf("%llu dedupes of the same; %llu times full, ENOSPC %llu, EINTR %llu, killed %llu\n",
	       (unsigned long long)sh->same, (unsigned long long)sh->fills,
	       (unsigned long long)sh->enospc,
	       (unsigned long long)sh->eintr, (unsigned long long)sh->killed);
	fflush(stdout);
}

/* A run that has done nothing has shown nothing.  A slow one may have had no chance. */
static void check_work(void)
{
	u64 all = 0;
	int i;

	if (sh->stop == 1) {
		snprintf(sh->why[P_WORK], sizeof(sh->why[P_WORK]), "SKIP ended early");
		return;
	}
	for (i = 0; i < NOPS; i++)
		all += sh->done[i] + sh->skipped[i];
	if (all < 10)
		complain(P_WORK, "only %llu operations", (unsigned long long)all);
	for (i = 0; i < NOPS; i++)
		if (enabled[i] && ops[i].role && !sh->done[i] &&
		    (sh->skipped[i] > 50 || all > 5000))
			complain(P_WORK, "no %s was done", ops[i].name);
	/* A kernel that checks everything is too slow for the rest. */
	if (all < 5000)
		return;
	if (is_on("readhuge") && !sh->huge)
		complain(P_WORK, "no huge page was seen");
	if (is_on("pipe") && !sh->pins)
		complain(P_WORK, "no page was used");
	if (is_on("fill") && seconds >= 30 && !sh->enospc)
		complain(P_WORK, "the disk was never full");
}

static void run_for(u64 most, int *left, bool till_stop)
{
	u64 begin = now_us(), checked = begin;
	int status, i;
	pid_t pid;

	while (*left && now_us() - begin < most && !(till_stop && sh->stop)) {
		usleep(50000);
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
			(*left)--;
			for (i = 0; i < MAX_TASKS; i++)
				if (sh->task[i].pid == pid) {
					sh->task[i].since = 0;
					sh->task[i].pid = 0;
				}
			if (status)
				complain(P_CALLS, "a process has died, status %x", status);
			if (status)
				sh->stop = 1;
		}
		watch();
		kmsg_check();
		if (now_us() - checked < 5000000)
			continue;
		check_negative();
		checked = now_us();
		/* For who thinks that silence is death */
		if ((checked - begin) / 5000000 % 6 == 0) {
			printf("# %llu seconds\n", (unsigned long long)(checked - begin) / 1000000);
			fflush(stdout);
		}
	}
}

static void run_random(void)
{
	int i, n = 2 * workers + 1, left = n;
	pid_t pid[MAX_TASKS];

	printf("# SEED=%llu\n# %s: %d workers, %d seconds\n", (unsigned long long)seed, dir,
	       workers, seconds);
	fflush(stdout);
	my.op = "begin";
	make_scratch();
	make_files();
	sh->start = now_us();
	for (i = 0; i < n; i++)
		pid[i] = start_role(i, i < workers ? 'W' : i < 2 * workers ? 'K' : 'F');
	run_for(seconds * 1000000ULL, &left, true);
	if (!sh->stop)
		sh->stop = 2;
	run_for((limit + LONG_PIN + 10) * 1000000ULL, &left, false);
	if (left && !sh->failed[P_STUCK]) {
		print_stacks();
		complain(P_STUCK, "%d processes do not end", left);
	}
	for (i = 0; i < n; i++)
		kill(pid[i], SIGKILL);
	for (i = 0; i < 50 && left; i++) {
		usleep(100000);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			left--;
	}
	if (!left && !sh->failed[P_CONTENT] && !sh->failed[P_CALLS])
		final_check();
	print_counts();
	check_work();
	drop_scratch();
}

static void list_all(void)
{
	int i;

	for (i = 0; i < NOPS; i++)
		printf("%s%s%s\n", ops[i].name, ops[i].flags & SHARES ? " (sharing)" : "",
		       ops[i].flags & OPT_IN ? " (only if named)" : "");
	for (i = 0; i < NCASES; i++) {
		if (i < NUMBERED)
			printf("-%d, ", i + 1);
		printf("-d %s: %s", cases[i].name, cases[i].what);
		if (cases[i].fails_on_base)
			printf(" (fails on the base)");
		printf("\n");
	}
}

static int explain(void)
{
	fprintf(stderr, "usage: dax_share [-s seed] [-t seconds] [-w workers] [-o list] [-L limit] [-kS] DIR\n");
	fprintf(stderr, "       dax_share -d case|all DIR, dax_share -1 ... -9 DIR, dax_share -l\n");
	return KSFT_FAIL;
}

static int find_case(const char *name)
{
	int i;

	for (i = 0; i < NCASES; i++)
		if (!strcmp(name, cases[i].name))
			return i;
	return strcmp(name, "all") ? -1 : ALL_CASES;
}

int main(int argc, char **argv)
{
	int opt, i, only = -1;

	seed = now_us() ^ getpid();
	for (i = 0; i < NOPS; i++) {
		enabled[i] = !(ops[i].flags & OPT_IN);
		weight[i] = ops[i].weight;
	}
	while ((opt = getopt(argc, argv, "s:t:w:o:d:L:klS123456789")) != -1) {
		if (opt == 's')
			seed = strtoull(optarg, NULL, 0);
		else if (opt == 't')
			seconds = atoi(optarg);
		else if (opt == 'w')
			workers = atoi(optarg);
		else if (opt == 'L')
			limit = atoi(optarg);
		else if (opt == 'k')
			go_on = true;
		else if (opt == 'S')
			strict = true;
		else if (opt >= '1' && opt <= '9')
			only = opt - '1';
		else if (opt == 'd' && find_case(optarg) >= 0)
			only = find_case(optarg);
		else if (opt == 'l')
			return list_all(), KSFT_PASS;
		else if (opt != 'o' || !choose(optarg))
			return explain();
	}
	if (optind != argc - 1 || workers < 1 || workers > MAX_WORKERS || seconds < 1)
		return explain();
	dir = argv[optind];
	make_shared();
	my.id = MAX_TASKS - 1;
	ksft_print_header();
	ksft_set_plan(only < 0 ? P_MAX : P_MAX - P_UMOUNT + (only == ALL_CASES ? NUMBERED : 1));
	t_catch_sigbus();
	find_device();
	find_abilities();
	find_memory();
	kmsg_start();
	take_room();
	if (only < 0)
		run_random();
	for (i = 0; i < NCASES && only >= 0; i++)
		if ((only == i || (only == ALL_CASES && i < NUMBERED)) && !run_case(i))
			break;
	end_all();
	print_props(only < 0 ? 0 : P_UMOUNT);
	ksft_print_cnts();
	fflush(stdout);
	_exit(ksft_get_fail_cnt() ? KSFT_FAIL : KSFT_PASS);
}
