// SPDX-License-Identifier: GPL-2.0
/*
 * The life of what DAX knows of a page: what an operation must not take away
 * from the rest of the file, what waits for a page in use and what does not,
 * and what is seen once a page was replaced.
 *
 *	dax_life [-r TEXT] DIR...	-r: only the rows that have TEXT in their names
 *	dax_life -c DIR...		what a punch costs, where time counts instructions
 *	dax_life -i DIR...		where some files are on DAX: with mount -o dax=inode
 *	dax_life -b DIR...		what goes wrong only on kernels with a test-only
 *					patch: layouts not broken, copies that fail
 *
 * A row runs in processes of its own, which are gone when it is over: it has
 * three minutes.  What keeps it from ending (pins, processes that keep pages
 * mapped) is taken away when it has failed.  A warning of the kernel fails it
 * as well, unless it is the one that the row wants.
 */
#include "dax_test.h"
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <netinet/in.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#ifdef __x86_64__
#include <x86intrin.h>
#else
static inline u64 __rdtsc(void) { return now_us() * 1000; }
#endif

/* xfs_fs.h, which older hosts do not have */
struct xfs_exchange_range {
	int32_t	file1_fd;
	u32	pad;
	u64	file1_offset;
	u64	file2_offset;
	u64	length;
	u64	flags;
};

#ifndef XFS_IOC_EXCHANGE_RANGE
#define XFS_IOC_EXCHANGE_RANGE	_IOW('X', 129, struct xfs_exchange_range)
#endif

struct xfs_swapext {
	int64_t	version;
	int64_t	target;
	int64_t	tmp;
	int64_t	offset;
	int64_t	length;
	char	pad[16];
	struct {			/* of the target, to find it unchanged */
		u64	ino;
		u32	mode_nlink;
		u32	uid;
		u32	gid;
		u32	rdev;
		u64	blksize;
		int64_t	size;
		struct {
			long	sec;
			int32_t	nsec;
		} atime, mtime, ctime;
		char	others[48];
	} stat;
};

#ifndef XFS_IOC_SWAPEXT
#define XFS_IOC_SWAPEXT	_IOWR('X', 109, struct xfs_swapext)
#endif

struct xfs_fsop_resblks {
	u64	resblks;
	u64	resblks_avail;
};

#ifndef XFS_IOC_SET_RESBLKS
#define XFS_IOC_SET_RESBLKS	_IOWR('X', 114, struct xfs_fsop_resblks)
#endif

struct move_extent {
	u32	reserved;
	u32	donor_fd;
	u64	orig_start;
	u64	donor_start;
	u64	len;
	u64	moved_len;
};

#ifndef EXT4_IOC_MOVE_EXT
#define EXT4_IOC_MOVE_EXT	_IOWR('f', 15, struct move_extent)
#endif

#ifndef EXT4_IOC_SWAP_BOOT
#define EXT4_IOC_SWAP_BOOT	_IO('f', 17)
#endif

#ifndef UFFD_FEATURE_WP_UNPOPULATED
#define UFFD_FEATURE_WP_UNPOPULATED	0x2000
#endif
#ifndef UFFD_FEATURE_WP_ASYNC
#define UFFD_FEATURE_WP_ASYNC	0x8000
#endif

#define INSTANCE	TRACING "/instances/dax_life"
#define FILE_NAME	"dax_life"
#define CLONE_NAME	"dax_life2"

#define PMD_PAGES	(PMD / PAGE)
#define NPAGES		(4 * PMD_PAGES)
#define SIZE		(NPAGES * PAGE)
#define LINE		64UL		/* no cache has smaller ones */
#define ROW_SECONDS	180		/* on kernels that check everything, too */

/* What a row's processes tell each other, and the row us */
static struct shared {
	_Atomic u32 touched, stop, gen, wrong, loads, holes;
	_Atomic int verdict;		/* -1: none yet */
	char why[512];
} *sh;

static const char *dir, *fs;
static bool flushes_seen;		/* by a probe of what flushes caches */

static int __printf(2, 3)
say(int verdict, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(sh->why, sizeof(sh->why), fmt, ap);
	va_end(ap);
	return verdict;
}

#define fail(...) say(T_FAIL, __VA_ARGS__)
#define pass(...) say(T_PASS, __VA_ARGS__)
#define skip(...) say(T_SKIP, __VA_ARGS__)

/* Files, mappings and what is done to them */

enum op { PUNCH, ZERO, ALLOC, TRUNCATE, CLONE };

/* The bytes to the same place in another file */
static int clone_part(int fd, off_t off, off_t len)
{
	struct file_clone_range r = {
		.src_fd = fd, .src_offset = off, .src_length = len, .dest_offset = off,
	};
	int to = t_open(dir, CLONE_NAME, 0), ret;

	ret = ioctl(to, FICLONERANGE, &r);
	close(to);
	return ret;
}

static int do_op(int fd, enum op op, off_t off, off_t len)
{
	static const int mode[] = {
		[PUNCH] = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		[ZERO] = FALLOC_FL_ZERO_RANGE,
		[ALLOC] = 0,
	};

	if (op == CLONE)
		return clone_part(fd, off, len);
	return op == TRUNCATE ? ftruncate(fd, off) :
				fallocate(fd, mode[op], off, len);
}

static bool set_knob(const char *name, const char *to)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/module/dax/parameters/%s", name);
	return t_put(path, to);
}

/* Let two files share all blocks.  False, and skipped, where files cannot. */
static bool clone_file(int to, int from)
{
	if (!ioctl(to, FICLONE, from))
		return true;
	if (errno != EOPNOTSUPP && errno != ENOTTY)
		t_bail("FICLONE");
	skip("no shared blocks here");
	return false;
}

/* Processes */

static pid_t start_op(int fd, enum op op, off_t off, off_t len)
{
	pid_t pid = t_start();

	if (!pid)
		_exit(do_op(fd, op, off, len) ? errno : 0);
	return pid;
}

/* Is it asleep, and how long was it in the kernel, in ticks? */
static bool sleeping(pid_t pid, unsigned long *stime)
{
	char path[64], state = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "r");
	if (!f)
		return false;
	if (fscanf(f, "%*d (%*[^)]) %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %lu",
		   &state, stime) != 2)
		state = 0;
	fclose(f);
	return state == 'S' || state == 'D';
}

/*
 * It is asleep and stays so: it has come to where it waits.  Or, if @spins will
 * do, it has been in the kernel for half a second and gets no further.
 */
static bool __waits(pid_t pid, bool spins)
{
	unsigned long stime = 0, limit = sysconf(_SC_CLK_TCK) / 2;
	int i, n = 0;

	for (i = 0; i < 150 && n < 10 && !(spins && stime > limit); i++) {
		usleep(20000);
		/* Who looks again each tick is awake for a moment. */
		if (sleeping(pid, &stime))
			n++;
		else
			n -= n < 2 ? n : 2;
	}
	return n == 10 || (spins && stime > limit);
}

static bool waits(pid_t pid) { return __waits(pid, false); }

static bool comes(const _Atomic u32 *what, int ms)
{
	u64 end = now_us() + ms * 1000ULL;

	while (!*what && now_us() < end)
		usleep(1000);
	return *what;
}

static struct t_pin the_pin;

static void pin(char *page)
{
	t_pin(&the_pin, page);
}

static void unpin(void)
{
	t_unpin(&the_pin);
}

/* Tracing */

static void trace_end(void)
{
	t_put(INSTANCE "/events/fs_dax/dax_writeback_one/enable", "0");
	t_put(INSTANCE "/events/dax_life/flush/enable", "0");
	rmdir(INSTANCE);
	t_put(TRACING "/kprobe_events", "-:dax_life/flush");
}

static void trace_setup(void)
{
	trace_end();	/* what a killed one has left */
	flushes_seen = t_put(TRACING "/kprobe_events",
			     "p:dax_life/flush arch_wb_cache_pmem addr=$arg1:x64 len=$arg2:x64");
	mkdir(INSTANCE, 0755);
	if (!t_put(INSTANCE "/events/fs_dax/dax_writeback_one/enable", "1"))
		t_bail("no tracepoint dax_writeback_one");
	if (flushes_seen)
		flushes_seen = t_put(INSTANCE "/events/dax_life/flush/enable", "1");
}

static void trace_clear(void)
{
	int f = open(INSTANCE "/trace", O_WRONLY | O_TRUNC);

	if (f < 0)
		t_bail("trace");
	close(f);
}

/*
 * What was flushed of a file, line by line: an entry that was written back,
 * and whatever else flushed the memory that the file has there.
 */
static struct {
	struct fiemap map;
	struct fiemap_extent room[64];
} extents;

static bool flushed[SIZE / LINE];
static bool written[NPAGES];		/* back, that is */
static u64 memory;			/* where the device's first byte is */

static void get_extents(int fd)
{
	memset(&extents, 0, sizeof(extents));
	extents.map.fm_length = SIZE;
	extents.map.fm_extent_count = ARRAY_SIZE(extents.room);
	if (ioctl(fd, FS_IOC_FIEMAP, &extents))
		t_bail("FIEMAP");
	if (extents.map.fm_mapped_extents == ARRAY_SIZE(extents.room))
		t_bail("the file is in too many pieces");
}

static void mark(u64 pos, u64 len)
{
	u64 i;

	for (i = pos / LINE; i <= (pos + len - 1) / LINE && i < SIZE / LINE; i++)
		flushed[i] = true;
}

static void mark_memory(u64 addr, u64 len)
{
	u64 start = addr - memory, end = start + len;
	u32 i;

	for (i = 0; i < extents.map.fm_mapped_extents; i++) {
		struct fiemap_extent *x = &extents.room[i];
		u64 from = start > x->fe_physical ? start : x->fe_physical;
		u64 to = x->fe_physical + x->fe_length;

		if (to > end)
			to = end;
		if (from < to)
			mark(x->fe_logical + from - x->fe_physical, to - from);
	}
}

/* Returns the address of the last flush. */
static u64 trace_read(int fd)
{
	unsigned long long pgoff, pglen, addr = 0, len;
	char line[1024], file[64], *s;
	struct stat st;
	FILE *f;

	memset(flushed, 0, sizeof(flushed));
	memset(written, 0, sizeof(written));
	f = fopen(INSTANCE "/trace", "r");
	if (!f || fstat(fd, &st))
		t_bail("trace");
	snprintf(file, sizeof(file), "dax_writeback_one: dev %u:%u ino %#llx pgoff ",
		 major(st.st_dev), minor(st.st_dev), (unsigned long long)st.st_ino);
	while (fgets(line, sizeof(line), f)) {
		if (strstr(line, "[LOST"))
			t_bail("events were lost");
		s = strstr(line, file);
		if (s && sscanf(s + strlen(file), "%llx pglen %llx", &pgoff, &pglen) == 2) {
			mark(pgoff * PAGE, pglen * PAGE);
			for (; pglen-- && pgoff < NPAGES; pgoff++)
				written[pgoff] = true;
		}
		s = strstr(line, "(arch_wb_cache_pmem+0x0");
		if (s && sscanf(s, "%*s addr=%llx len=%llx", &addr, &len) == 2)
			mark_memory(addr, len);
	}
	fclose(f);
	return addr;
}

/* The events that tell who waits.  False where the kernel has none. */
static bool trace_waits(const char *on)
{
	static const char * const events[] = {
		"dax_layout_wait", "dax_layout_wait_done",
		"dax_fault_wait_range", "dax_fault_wait_page",
	};
	char path[128];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(events); i++) {
		snprintf(path, sizeof(path), INSTANCE "/events/fs_dax/%s/enable",
			 events[i]);
		if (!t_put(path, on))
			return false;
	}
	return true;
}

/* How often a file has the event, with this after its inode */
static unsigned int traced(int fd, const char *event, const char *what)
{
	char line[1024], want[256];
	unsigned int n = 0;
	struct stat st;
	FILE *f;

	f = fopen(INSTANCE "/trace", "r");
	if (!f || fstat(fd, &st))
		t_bail("trace");
	snprintf(want, sizeof(want), "%s: dev %u:%u ino %#llx %s", event,
		 major(st.st_dev), minor(st.st_dev),
		 (unsigned long long)st.st_ino, what);
	while (fgets(line, sizeof(line), f))
		if (strstr(line, want))
			n++;
	fclose(f);
	return n;
}

static u64 flush_page(int fd, char *p, unsigned long page)
{
	u64 addr;

	trace_clear();
	*(volatile char *)(p + page * PAGE) = 0;
	if (fsync(fd))
		t_bail("fsync");
	addr = trace_read(fd);
	if (!written[page])
		t_bail("fsync does not flush a page that was stored to");
	return addr;
}

/*
 * Learn where the device's memory is, from what fsync flushes of one page; it
 * must explain what is flushed of another.
 */
static void find_memory(int fd)
{
	char *p = t_map_pages(fd, NPAGES, MAP_SHARED, false);
	u64 addr;

	get_extents(fd);
	memory = flush_page(fd, p, 0) - extents.room[0].fe_physical;
	addr = flush_page(fd, p, NPAGES - 1);
	memset(flushed, 0, sizeof(flushed));
	mark_memory(addr, PAGE);
	if (flushes_seen && !(flushed[(SIZE - PAGE) / LINE] && flushed[SIZE / LINE - 1]))
		t_bail("what is flushed is not where the file is");
	munmap(p, SIZE);
}

/* 1, 2: what is dirty and stays is flushed by the next fsync. */
static const struct {
	enum op op;
	off_t off, len;			/* multiples of 8: words are compared */
	bool huge;
	unsigned long first, step, n;	/* pages that are dirty */
} flush_case[] = {
	{ PUNCH,    1000 * PAGE, PAGE, false, 3, 7, 100 },
	{ TRUNCATE, SIZE - PAGE, PAGE, false, 3, 7, 100 },
	{ ZERO,	    1000 * PAGE, PAGE, false, 3, 7, 100 },
	{ ALLOC,    1000 * PAGE, PAGE, false, 3, 7, 100 },
	{ PUNCH,    120 * PAGE + 1000, 3 * PAGE - 496, false, 100, 1, 100 },
	{ ZERO,	    120 * PAGE + 1000, 3 * PAGE - 496, false, 100, 1, 100 },
	{ TRUNCATE, 160 * PAGE + 2504, SIZE, false, 100, 1, 100 },
	/* Two huge pages, the second of which stays for some of them */
	{ PUNCH,    700 * PAGE, PAGE, true, PMD_PAGES, 1, 2 * PMD_PAGES },
	{ PUNCH,    1000 * PAGE + 104, 50 * PAGE + 1896, true, PMD_PAGES, 1, 2 * PMD_PAGES },
	{ ZERO,	    700 * PAGE + 104, PAGE, true, PMD_PAGES, 1, 2 * PMD_PAGES },
	{ TRUNCATE, 1200 * PAGE + 2504, SIZE, true, PMD_PAGES, 1, 2 * PMD_PAGES },
	{ ALLOC,    700 * PAGE, PAGE, true, PMD_PAGES, 1, 2 * PMD_PAGES },
	{ TRUNCATE, 1024 * PAGE + 2504, SIZE, true, PMD_PAGES, 1, 2 * PMD_PAGES },
	{ TRUNCATE, SIZE + PAGE, 0, false, 3, 7, 100 },
	{ ALLOC,    SIZE, PAGE, false, 3, 7, 100 },
	{ CLONE,    1000 * PAGE, PAGE, false, 3, 7, 100 },
	{ TRUNCATE, SIZE + PAGE, 0, true, PMD_PAGES, 1, 2 * PMD_PAGES },
	{ CLONE,    700 * PAGE, PAGE, true, PMD_PAGES, 1, 2 * PMD_PAGES },
};

static bool is_dirty(int c, unsigned long page)
{
	unsigned long k = page - flush_case[c].first;

	return page >= flush_case[c].first && k % flush_case[c].step == 0 &&
	       k / flush_case[c].step < flush_case[c].n;
}

static bool is_removed(int c, off_t pos)
{
	return flush_case[c].op != ALLOC && flush_case[c].op != CLONE && pos >= flush_case[c].off &&
	       pos < flush_case[c].off + flush_case[c].len;
}

static u64 value(u64 pos, int round)
{
	return 0xda00000000000001 + (pos << 16) + (round << 4);
}

static void store(int c, char *p, int round, bool removed_too)
{
	unsigned long i, pos;

	for (i = 0; i < NPAGES; i++)
		for (pos = i * PAGE; is_dirty(c, i) && pos < (i + 1) * PAGE; pos += 8)
			if (removed_too || !is_removed(c, pos))
				*(volatile u64 *)(p + pos) = value(pos, round);
}

/* Pages that fsync has flushed all of that is not removed, of how many */
static unsigned long count(int c, unsigned long *all)
{
	unsigned long i, n = 0, pos;

	*all = 0;
	for (i = 0; i < NPAGES; i++) {
		bool live = false, ok = true;

		for (pos = i * PAGE; is_dirty(c, i) && pos < (i + 1) * PAGE; pos += 8) {
			if (is_removed(c, pos))
				continue;
			live = true;
			ok &= flushed[pos / LINE];
		}
		*all += live;
		n += live && ok;
	}
	return n;
}

/* Position of the first word that is not as it should be, or -1 */
static off_t differs(int c, const char *p, off_t size, int round)
{
	off_t pos;

	for (pos = 0; pos < size; pos += 8) {
		u64 want = is_dirty(c, pos / PAGE) && !is_removed(c, pos) ?
			   value(pos, round) : 0;

		if (*(const volatile u64 *)(p + pos) != want)
			return pos;
	}
	return -1;
}

static int sync_and_count(int c, int fd, const char *p, int round,
			  const char *when, unsigned long *n, unsigned long *all)
{
	unsigned long i, clean = 0;
	struct stat st;
	off_t at;
	char *buf;

	if (fsync(fd) || fstat(fd, &st))
		t_bail("fsync");
	if (st.st_size > (off_t)SIZE)
		st.st_size = SIZE;
	trace_read(fd);
	*n = count(c, all);
	for (i = 0; i < NPAGES && !flush_case[c].huge; i++)
		clean += written[i] && !is_dirty(c, i);
	if (clean)
		return fail("%s: %lu clean pages were written back", when, clean);

	at = differs(c, p, st.st_size & ~7, round);
	if (at >= 0)
		return fail("%s: mapped at %#lx: %llx", when, (long)at,
			    *(unsigned long long *)(p + at));
	buf = malloc(SIZE);
	if (!buf || pread(fd, buf, SIZE, 0) != st.st_size)
		t_bail("pread");
	at = differs(c, buf, st.st_size & ~7, round);
	free(buf);
	if (at >= 0)
		return fail("%s: read at %#lx", when, (long)at);
	return T_PASS;
}

static int flush(int c)
{
	static const char * const when[] = {
		"flushed", "stored again after it", "stored again after fsync",
	};
	unsigned long n[3] = { 0 }, all[3] = { 0 };
	int mode, verdict;
	u64 faults;

	for (mode = 0; mode < 2; mode++) {
		int fd = t_open_written(dir, FILE_NAME, NPAGES);
		char *p = t_map_pages(fd, NPAGES, MAP_SHARED, flush_case[c].huge);

		find_memory(fd);
		trace_clear();
		faults = t_faults();
		store(c, p, mode, true);
		faults = t_faults() - faults;
		if (flush_case[c].huge && faults > 8)
			return fail("no huge pages: %llu faults", (unsigned long long)faults);
		if (do_op(fd, flush_case[c].op, flush_case[c].off, flush_case[c].len))
			return errno == EOPNOTSUPP ? skip("no shared blocks here") :
						     fail("the operation: %s", strerror(errno));

		/*
		 * The operation may flush what it leaves.  If it does, the page
		 * must be able to become dirty again.
		 */
		if (mode) {
			trace_clear();
			store(c, p, mode, false);
		}
		verdict = sync_and_count(c, fd, p, mode, when[mode], &n[mode], &all[mode]);
		if (verdict == T_PASS && mode) {
			trace_clear();
			store(c, p, 2, false);
			verdict = sync_and_count(c, fd, p, 2, when[2], &n[2], &all[2]);
		}
		if (verdict != T_PASS)
			return verdict;
		munmap(p, SIZE);
		close(fd);
	}
	return say(n[0] == all[0] && n[1] == all[1] && n[2] == all[2] ? T_PASS : T_FAIL,
		   "%s: %lu of %lu pages; %s: %lu; %s: %lu%s", when[0], n[0], all[0],
		   when[1], n[1], when[2], n[2],
		   flushes_seen ? "" : "; only what fsync flushed was seen");
}

/* 3: what a punch unmaps, and what it costs */
static const unsigned long mapped_pages[] = { 1024, 4096, 16384, 65536 };

static bool room_for(unsigned long pages)
{
	struct statvfs s;

	return !statvfs(dir, &s) && s.f_bavail * s.f_bsize > 2 * pages * PAGE;
}

static void load_all(const char *p, unsigned long pages, unsigned long but)
{
	unsigned long i;

	for (i = 0; i < pages; i++)
		if (i != but)
			*(volatile const char *)(p + i * PAGE);
}

static int refault(int k)
{
	unsigned long pages = mapped_pages[k], hole = 77;
	u64 faults;
	char *p;
	int fd;

	if (!room_for(pages))
		return skip("the device is too small");
	fd = t_open_written(dir, FILE_NAME, pages);
	p = t_map_pages(fd, pages, MAP_SHARED, false);
	load_all(p, pages, pages);
	if (do_op(fd, PUNCH, hole * PAGE, PAGE))
		return fail("punch: %s", strerror(errno));
	faults = t_faults();
	load_all(p, pages, hole);
	faults = t_faults() - faults;
	return say(faults <= PMD_PAGES ? T_PASS : T_FAIL,
		   "%llu of %lu pages had to be faulted in again, %lu are allowed",
		   (unsigned long long)faults, pages - 1, PMD_PAGES);
}

/* The file is the same each time, only more or fewer pages of it are mapped. */
static int cost(int unused)
{
	const int most = ARRAY_SIZE(mapped_pages) - 1;
	u64 best[ARRAY_SIZE(mapped_pages)], lo = ~0ULL, hi = 0, t, faults;
	int k, i, n = 0;

	if (!room_for(mapped_pages[most]))
		return skip("the device is too small");
	for (k = 0; k <= most; k++) {
		int fd = t_open_written(dir, FILE_NAME, mapped_pages[most]);
		char *p = t_map_pages(fd, mapped_pages[most], MAP_SHARED, false);

		best[k] = ~0ULL;
		/*
		 * The smallest counts: ticks and the journal fall into some.  The
		 * first does not: it costs less, while the inode holds all
		 * extents.  A kernel that unmaps all has to map it all again
		 * each time.
		 */
		faults = t_faults() + 6 * mapped_pages[most];
		for (i = 0; i < 24 && t_faults() < faults; i++) {
			load_all(p, mapped_pages[k], mapped_pages[k]);
			sync();
			t = __rdtsc();
			if (do_op(fd, PUNCH, (100 + 8 * i) * PAGE, PAGE))
				return fail("punch: %s", strerror(errno));
			t = __rdtsc() - t;
			if (i && t < best[k])
				best[k] = t;
		}
		if (best[k] < lo)
			lo = best[k];
		if (best[k] > hi)
			hi = best[k];
		munmap(p, mapped_pages[most] * PAGE);
		close(fd);
		t_unlink(dir, FILE_NAME);
		sync();
		n += snprintf(sh->why + n, sizeof(sh->why) - n, "%lu pages: %llu; ",
			      mapped_pages[k], (unsigned long long)best[k]);
	}
	snprintf(sh->why + n, sizeof(sh->why) - n, "at most 1.10 times as much: %.2f",
		 (double)hi / lo);
	return hi * 10 <= lo * 11 ? T_PASS : T_FAIL;
}

/* 4, 5: who waits for a page in use, and for how long */
#define PINNED	5UL

static const struct {
	enum op op;
	off_t off;
} pin_case[] = {
	{ PUNCH, 1000 * PAGE }, { TRUNCATE, SIZE - PAGE },
	{ PUNCH, PINNED * PAGE }, { TRUNCATE, PINNED * PAGE },
};

static char *pinned_file(int *fd)
{
	char *p;

	*fd = t_open_written(dir, FILE_NAME, NPAGES);
	p = t_map_pages(*fd, NPAGES, MAP_SHARED, false);
	*(volatile u64 *)(p + PINNED * PAGE) = 1;
	pin(p + PINNED * PAGE);
	return p;
}

static int pin_elsewhere(int c)
{
	u64 t = now_us();
	int fd, status;
	pid_t pid;

	pinned_file(&fd);
	t = now_us();
	pid = start_op(fd, pin_case[c].op, pin_case[c].off, PAGE);
	if (!t_ends(pid, 3000, &status)) {
		unpin();
		if (t_ends(pid, 5000, &status))
			return fail("waited for the pin of another page, longer than 3 s");
		kill(pid, SIGKILL);
		return fail("hangs, even without the pin");
	}
	t = now_us() - t;
	unpin();
	if (status)
		return fail("status %x", status);
	return pass("%llu ms", (unsigned long long)t / 1000);
}

static int pin_same(int c)
{
	int fd, status;
	pid_t pid;
	char *p;
	u64 v;

	p = pinned_file(&fd);
	pid = start_op(fd, pin_case[c].op, pin_case[c].off, PAGE);
	if (!waits(pid)) {
		unpin();
		t_ends(pid, 5000, &status);
		return fail("does not wait");
	}
	unpin();
	if (!t_ends(pid, 5000, &status)) {
		kill(pid, SIGKILL);
		return fail("hangs when the pin is gone");
	}
	if (status)
		return fail("status %x", status);
	if (t_load(p + PINNED * PAGE, &v) ? v || pin_case[c].op == TRUNCATE :
					    pin_case[c].op == PUNCH)
		return fail("the page is still there");
	return pass("as long as it is pinned");
}

/* Index and page frame of the pinned page, as the events have them */
static void pinned_page(const char *p, char *what, size_t size)
{
	int f = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	off_t at = ((uintptr_t)p / PAGE + PINNED) * 8;
	u64 entry;

	if (f < 0 || pread(f, &entry, 8, at) != 8 || !(entry >> 63))
		t_bail("pagemap");
	close(f);
	snprintf(what, size, "index %#lx pfn %#llx\n", PINNED,
		 (unsigned long long)entry & ((1ULL << 55) - 1));
}

/* Who waits for a page in use says so, and for which; and when that is over. */
static int pin_traced(int kill_it)
{
	unsigned int others, begun, early, done;
	int fd, status = 0;
	bool waited, ended;
	char what[64];
	pid_t pid;
	char *p;

	if (!trace_waits("1"))
		return skip("this kernel does not trace it");
	trace_clear();
	p = pinned_file(&fd);
	pinned_page(p, what, sizeof(what));
	if (do_op(fd, PUNCH, (PINNED + 1) * PAGE, PAGE))
		t_bail("punch");
	others = traced(fd, "dax_layout_wait", "");
	pid = start_op(fd, PUNCH, PINNED * PAGE, PAGE);
	waited = waits(pid);
	begun = traced(fd, "dax_layout_wait", what);
	early = traced(fd, "dax_layout_wait_done", "");
	if (kill_it)
		kill(pid, SIGKILL);
	else
		unpin();
	ended = t_ends(pid, 5000, &status);
	if (kill_it)
		unpin();
	snprintf(what, sizeof(what), "index %#lx error %d\n", PINNED,
		 kill_it ? -512 /* ERESTARTSYS */ : 0);
	done = traced(fd, "dax_layout_wait_done", what);
	trace_waits("0");

	if (!waited || !ended || (status && !kill_it))
		return fail("does not wait, or not end well");
	if (others)
		return fail("a punch of another page is said to wait");
	if (!begun)
		return fail("no event with the page and its frame");
	if (early || done != 1)
		return fail("%u events of an end too early, %u at the end",
			    early, done);
	return pass("%u looks", begun);
}

/* Nobody may wait for a page not to be mapped, which it may be again. */
static int pin_touched(int c, bool forever)
{
	pid_t pid, toucher;
	int fd, status;
	char *p;
	u64 v, t;

	p = pinned_file(&fd);
	pid = start_op(fd, pin_case[c].op, pin_case[c].off, PAGE);
	if (!waits(pid)) {
		unpin();
		t_ends(pid, 5000, &status);
		return fail("does not wait for the pin");
	}
	toucher = t_start();
	if (!toucher) {
		do {
			t_load(p + PINNED * PAGE, &v);
			sh->touched++;
		} while (forever);
		for (;;)
			pause();
	}
	if (!comes(&sh->touched, 3000)) {
		unpin();
		kill(toucher, SIGKILL);
		t_ends(pid, 5000, &status);
		return fail("a fault waits for the pin");
	}
	t = now_us();
	unpin();
	if (!t_ends(pid, 5000, &status)) {
		kill(toucher, SIGKILL);
		t = now_us();
		if (t_ends(pid, 5000, &status))
			return fail("hung for 5 s without a pin, ended %llu ms after the toucher",
				    (unsigned long long)(now_us() - t) / 1000);
		kill(pid, SIGKILL);
		return fail("hangs, even without the toucher");
	}
	t = now_us() - t;
	kill(toucher, SIGKILL);
	if (status)
		return fail("status %x", status);
	if (t_load(p + PINNED * PAGE, &v) ? v || pin_case[c].op == TRUNCATE :
					    pin_case[c].op == PUNCH)
		return fail("the page is still there");
	return pass("ended %llu ms after the pin", (unsigned long long)t / 1000);
}

static int pin_touched_once(int c) { return pin_touched(c, false); }
static int pin_touched_forever(int c) { return pin_touched(c, true); }

/* 6: two files, one of which has a page in use, and the process is killed */
static int remap(bool exchange, int from, int to)
{
	struct xfs_exchange_range x = { .file1_fd = from, .length = SIZE };
	struct file_clone_range r = { .src_fd = from, .src_length = SIZE };

	return exchange ? ioctl(to, XFS_IOC_EXCHANGE_RANGE, &x) :
			  ioctl(to, FICLONERANGE, &r);
}

static int remap_killed(int exchange)
{
	int fd[2], status;
	struct stat st[2];
	pid_t pid;
	char *p;
	u64 t;

	/* The page is in the file that is locked last, of higher inode number. */
	fd[0] = t_open_written(dir, FILE_NAME, NPAGES);
	fd[1] = t_open_written(dir, CLONE_NAME, NPAGES);
	if (fstat(fd[0], &st[0]) || fstat(fd[1], &st[1]))
		t_bail("fstat");
	if (st[0].st_ino > st[1].st_ino) {
		int low = fd[1];

		fd[1] = fd[0];
		fd[0] = low;
	}
	if (remap(exchange, fd[0], fd[1])) {
		if (errno == EOPNOTSUPP || errno == ENOTTY)
			return skip("this file system cannot: %s", strerror(errno));
		return fail("without a pin: %s", strerror(errno));
	}
	p = t_map_pages(fd[1], NPAGES, MAP_SHARED, false);
	*(volatile u64 *)(p + PINNED * PAGE) = 1;
	pin(p + PINNED * PAGE);

	pid = t_start();
	if (!pid)
		_exit(remap(exchange, fd[0], fd[1]) ? errno : 0);
	if (!__waits(pid, true)) {
		unpin();
		t_ends(pid, 5000, &status);
		return fail("does not wait for the pin: status %x", status);
	}
	t = now_us();
	kill(pid, SIGKILL);
	if (!t_ends(pid, 2000, &status)) {
		unpin();
		if (t_ends(pid, 5000, &status))
			return fail("alive 2 s after SIGKILL, dead without the pin");
		return fail("alive, even without the pin");
	}
	t = now_us() - t;
	unpin();
	if (remap(exchange, fd[0], fd[1]))
		return fail("not even once more, without a pin: %s", strerror(errno));
	return pass("dead %llu ms after SIGKILL", (unsigned long long)t / 1000);
}

/* 7: all mappings show what write(2) has put in their place */
static int expect_words(const char *p, const char *which, off_t from, off_t to,
			u64 old, u64 new)
{
	off_t pos;
	u64 v;

	for (pos = 0; pos < (off_t)PMD; pos += 8) {
		u64 want = pos >= from && pos < to ? new : old;

		if (!t_load(p + pos, &v))
			return fail("SIGBUS %s", which);
		if (v != want)
			return fail("%s: %llx instead of %llx at %#lx", which,
				    (unsigned long long)v, (unsigned long long)want, (long)pos);
	}
	return T_PASS;
}

/*
 * Write to [from, to) of what has been mapped in two processes, shared and
 * private, and seen to be @old.
 */
static int write_mapped(int fd, bool huge, off_t from, off_t to, u64 old, u64 new)
{
	char *p = t_map_pages(fd, PMD_PAGES, MAP_SHARED, huge);
	char *q = t_map_pages(fd, PMD_PAGES, MAP_PRIVATE, huge);
	int verdict, status, i;
	u64 *buf;
	pid_t pid;

	verdict = expect_words(p, "before", 0, 0, old, 0) ?:
		  expect_words(q, "private, before", 0, 0, old, 0);
	if (verdict)
		return verdict;
	sh->touched = 0;
	sh->stop = 0;
	pid = t_start();
	if (!pid) {
		verdict = expect_words(p, "in another process, before", 0, 0, old, 0);
		sh->touched = 1;
		while (!sh->stop)
			usleep(1000);
		_exit(verdict ?: expect_words(p, "in another process", from, to, old, new));
	}
	if (!comes(&sh->touched, 30000))
		return fail("cannot be mapped by another process");
	buf = malloc(to - from);
	for (i = 0; buf && i < (to - from) / 8; i++)
		buf[i] = new;
	if (!buf || pwrite(fd, buf, to - from, from) != to - from)
		return fail("pwrite: %s", strerror(errno));
	free(buf);
	sh->stop = 1;
	if (!t_ends(pid, 30000, &status))
		return fail("another process hangs");
	if (status)
		return T_FAIL;	/* it has said why */
	verdict = expect_words(p, "shared", from, to, old, new) ?:
		  expect_words(q, "private", from, to, old, new);
	munmap(p, PMD);
	munmap(q, PMD);
	return verdict;
}

static int write_hole(int huge)
{
	static const off_t range[][2] = {
		{ 9 * PAGE, 10 * PAGE }, { 9 * PAGE + 1000, 11 * PAGE + 504 }, { 0, PMD },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(range); i++) {
		int fd = t_open(dir, FILE_NAME, PMD);
		int verdict = write_mapped(fd, huge, range[i][0], range[i][1], 0, 0xda0000 + i);

		close(fd);
		if (verdict)
			return verdict;
	}
	return pass("seen in two processes, shared and private");
}

/*
 * The same where the blocks came with those of a page nearby, by write(2) or by
 * a store: ext4 converts a short unwritten extent as a whole.
 */
static int write_near(int store)
{
	int fd = t_open(dir, FILE_NAME, PMD);
	char *p = t_map_pages(fd, PMD_PAGES, MAP_SHARED, false);
	u64 buf[PAGE / 8] = { 0 };
	unsigned long i;
	int verdict;

	if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 8 * PAGE))
		return fail("fallocate: %s", strerror(errno));
	load_all(p, 8, 8);
	if (store)
		*(volatile u64 *)(p + 2 * PAGE) = 0;
	else if (pwrite(fd, buf, PAGE, 2 * PAGE) != PAGE)
		return fail("pwrite: %s", strerror(errno));
	for (i = 0; i < ARRAY_SIZE(buf); i++)
		buf[i] = 0xda;
	if (pwrite(fd, buf, PAGE, 5 * PAGE) != PAGE)
		return fail("pwrite: %s", strerror(errno));
	verdict = expect_words(p, "mapped", 5 * PAGE, 6 * PAGE, 0, 0xda);
	close(fd);
	return verdict ?: pass("seen");
}

static int write_clone(int huge)
{
	static const off_t range[][2] = {
		{ 9 * PAGE, 10 * PAGE }, { 9 * PAGE + 1000, 11 * PAGE + 504 }, { 0, PMD },
	};
	unsigned long i, k;

	for (i = 0; i < ARRAY_SIZE(range); i++) {
		int fd = t_open_written(dir, FILE_NAME, PMD_PAGES), verdict;
		int to = t_open(dir, CLONE_NAME, 0);
		char *p = t_map_pages(fd, PMD_PAGES, MAP_SHARED, huge), *c;

		/* Dirty, so that it is known what becomes of that as well */
		for (k = 0; k < PMD; k += 8)
			*(volatile u64 *)(p + k) = 0x01d;
		if (!clone_file(to, fd))
			return T_SKIP;
		verdict = write_mapped(fd, huge, range[i][0], range[i][1], 0x01d, 0xda0000 + i);
		if (verdict)
			return verdict;
		c = t_map_pages(to, PMD_PAGES, MAP_SHARED, huge);
		verdict = expect_words(c, "the clone", 0, 0, 0x01d, 0) ?:
			  expect_words(p, "mapped before it was cloned", range[i][0],
				       range[i][1], 0x01d, 0xda0000 + i);
		if (verdict)
			return verdict;
		munmap(c, PMD);
		munmap(p, PMD);
		close(fd);
		close(to);
	}
	return pass("new in all mappings, old in the clone");
}

/*
 * From the file's own mapping, so that the copy faults on what it replaces:
 * page 4 gets what page 5 had, and page 5 what page 6 had.
 */
static int write_clone_self(int arg)
{
	int fd = t_open_written(dir, FILE_NAME, PMD_PAGES), to = t_open(dir, CLONE_NAME, 0);
	char *p = t_map_pages(fd, PMD_PAGES, MAP_SHARED, false);
	u64 v[8];
	int i;

	for (i = 0; i < 8; i++)
		*(volatile u64 *)(p + i * PAGE) = i;
	if (!clone_file(to, fd))
		return T_SKIP;
	if (pwrite(fd, p + 5 * PAGE, 2 * PAGE, 4 * PAGE) != 2 * PAGE)
		return fail("pwrite: %s", strerror(errno));
	for (i = 0; i < 8; i++)
		if (!t_load(p + i * PAGE, &v[i]))
			return fail("SIGBUS");
	if (v[4] != 5 || v[5] != 6 || v[6] != 6)
		return fail("pages 4 to 6 are %llu, %llu, %llu instead of 5, 6, 6",
			    (unsigned long long)v[4], (unsigned long long)v[5],
			    (unsigned long long)v[6]);
	close(fd);
	close(to);
	return pass("new data");
}

/*
 * The same while others fault: they must see the latest generation when none
 * is being written (odd).
 */
#define RACE_PAGES	64UL

static void race_reader(int fd, u64 seed)
{
	char *p = t_map_pages(fd, RACE_PAGES, MAP_SHARED, false);
	u64 v;

	while (!sh->stop) {
		unsigned long i = rnd(&seed) % RACE_PAGES;
		u32 gen = sh->gen;
		bool ok = t_load(p + i * PAGE, &v);

		if (!(gen & 1) && sh->gen == gen && (!ok || v != gen))
			sh->wrong++;
		if (ok && !v)
			sh->holes++;
		sh->loads++;
		if (rnd(&seed) % 8 == 0)
			madvise(p, RACE_PAGES * PAGE, MADV_DONTNEED);
	}
	_exit(0);
}

static int write_race(int seconds)
{
	int fd = t_open(dir, FILE_NAME, RACE_PAGES * PAGE), i, status;
	u64 *buf = malloc(RACE_PAGES * PAGE), end;
	u32 before, k;
	pid_t pid[2];

	if (!buf)
		t_bail("malloc");
	sh->gen = 1;
	for (i = 0; i < 2; i++) {
		pid[i] = t_start();
		if (!pid[i])
			race_reader(fd, i);
	}
	end = now_us() + seconds * 1000000ULL;
	for (;;) {
		u32 gen = sh->gen + 1;

		for (i = 0; i < (int)(RACE_PAGES * PAGE / 8); i++)
			buf[i] = gen;
		if (ftruncate(fd, 0) || ftruncate(fd, RACE_PAGES * PAGE))
			t_bail("ftruncate");
		/* Let them map holes. */
		before = sh->holes;
		for (k = 0; k < 250 && sh->holes == before; k++)
			usleep(200);
		if (pwrite(fd, buf, RACE_PAGES * PAGE, 0) != (ssize_t)(RACE_PAGES * PAGE))
			t_bail("pwrite");
		sh->gen = gen;
		usleep(200);
		if (now_us() > end)
			break;
		sh->gen = gen + 1;
	}
	sh->stop = 1;
	for (i = 0; i < 2; i++)
		if (!t_ends(pid[i], 30000, &status) || status)
			return fail("a reader hangs or has died");
	free(buf);
	return say(sh->wrong || !sh->holes ? T_FAIL : T_PASS,
		   "%u writes into holes, %u loads, %u of holes, %u wrong",
		   sh->gen / 2, sh->loads, sh->holes, sh->wrong);
}

/*
 * What extends a file zeroes the rest of its last page.  If its blocks are
 * shared that waits for who uses the page, who may need to fault another one.
 */
static int extend_clone(int by_fallocate)
{
	off_t size = 4 * PAGE + 1000, more = 10 * PAGE;
	int fd = t_open_written(dir, FILE_NAME, PMD_PAGES);
	int to = t_open(dir, CLONE_NAME, 0), status;
	pid_t pid, toucher;
	bool waited;
	u64 v = 0, w;
	char *p;

	if (ftruncate(fd, size) || pwrite(fd, &size, 8, 0) != 8)
		t_bail("pwrite");
	if (!clone_file(to, fd))
		return T_SKIP;
	p = t_map_pages(to, 64, MAP_SHARED, false);
	if (!t_load(p + 4 * PAGE, &v))
		t_bail("SIGBUS");
	pin(p + 4 * PAGE);
	pid = t_start();
	if (!pid) {
		if (by_fallocate)
			_exit(fallocate(to, 0, more, PAGE) ? errno : 0);
		_exit(pwrite(to, &v, 8, more) == 8 ? 0 : errno);
	}
	waited = waits(pid);
	toucher = t_start();
	if (!toucher)
		_exit(!t_load(p + PAGE, &w));
	if (!t_ends(toucher, 3000, &status)) {
		unpin();
		t_ends(pid, 5000, &status);
		return fail("a fault on another page waits as well");
	}
	unpin();
	if (status)
		return fail("SIGBUS");
	if (!t_ends(pid, 5000, &status) || status)
		return fail("does not end well when the pin is gone");
	if (!t_load(p + 4 * PAGE + 1000, &v) || v)
		return fail("the rest of the page is not zero");
	return waited ? pass("waited for the pin, alone") : fail("did not wait");
}

/*
 * A page of the file that somebody who may read it has put into a pipe, and does
 * not read from there: it keeps nobody from anything.
 */
enum piped { PIPED_PUNCH, PIPED_TRUNCATE, PIPED_UNLINK, PIPED_WRITE, PIPED_STORE };

static void piped_op(int fd, char *p, enum piped op)
{
	u64 v = 78;

	/* The last who has the file open, except the pipe */
	while (!sh->gen)
		usleep(1000);
	switch (op) {
	case PIPED_PUNCH:
		_exit(do_op(fd, PUNCH, PINNED * PAGE, PAGE) ? errno : 0);
	case PIPED_TRUNCATE:
		_exit(do_op(fd, TRUNCATE, PINNED * PAGE, 0) ? errno : 0);
	case PIPED_UNLINK:
		munmap(p, SIZE);
		close(fd);
		t_unlink(dir, FILE_NAME);
		_exit(0);
	case PIPED_WRITE:
		_exit(pwrite(fd, &v, 8, PINNED * PAGE) == 8 ? 0 : errno);
	case PIPED_STORE:
		_exit(!t_store(p + PINNED * PAGE, v));
	}
}

static int piped(int op)
{
	bool shared = op == PIPED_WRITE || op == PIPED_STORE, ended;
	int fd = t_open_written(dir, FILE_NAME, NPAGES), to, status, pipe_fd[2];
	char *p = t_map_pages(fd, NPAGES, MAP_SHARED, false);
	struct iovec iov = { p + PINNED * PAGE, PAGE };
	u64 buf[PAGE / 8];
	pid_t pid;

	*(volatile u64 *)iov.iov_base = 77;
	if (shared) {
		to = t_open(dir, CLONE_NAME, 0);
		if (!clone_file(to, fd))
			return T_SKIP;
	}
	if (pipe(pipe_fd) || vmsplice(pipe_fd[1], &iov, 1, 0) != (ssize_t)PAGE)
		t_bail("vmsplice");
	pid = t_start();
	if (!pid)
		piped_op(fd, p, op);
	munmap(p, SIZE);
	close(fd);
	sh->gen = 1;
	ended = t_ends(pid, 2000, &status);
	if (read(pipe_fd[0], buf, PAGE) != (ssize_t)PAGE)
		t_bail("read from the pipe");
	if (!ended) {
		t_ends(pid, 5000, &status);
		return fail("waits as long as the page is in the pipe");
	}
	if (status)
		return fail("status %x", status);
	if (buf[0] != 77)
		return fail("the pipe has %llu", (unsigned long long)buf[0]);
	return pass("and the pipe gives what was put into it");
}

/* The same with a page that was sent to somebody who does not receive it */
static int stuck_socket(const char *page)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t len = sizeof(at);
	int l, s, r, one = 1, sent = 0;

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	l = socket(AF_INET, SOCK_STREAM, 0);
	s = socket(AF_INET, SOCK_STREAM, 0);
	if (l < 0 || s < 0 || bind(l, (void *)&at, len) || listen(l, 1) ||
	    getsockname(l, (void *)&at, &len) || connect(s, (void *)&at, len))
		return -1;
	r = accept(l, NULL, NULL);
	if (r < 0 || setsockopt(s, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)))
		return -1;
	while (send(s, page, PAGE, MSG_ZEROCOPY | MSG_DONTWAIT) > 0)
		sent++;
	return sent ? s : -1;
}

static int sent(int op)
{
	int fd = t_open_written(dir, FILE_NAME, NPAGES), s, status;
	char *p = t_map_pages(fd, NPAGES, MAP_SHARED, false);
	pid_t pid;

	*(volatile u64 *)(p + PINNED * PAGE) = 77;
	s = stuck_socket(p + PINNED * PAGE);
	if (s < 0)
		return skip("no network");
	sh->gen = 1;
	pid = t_start();
	if (!pid)
		piped_op(fd, p, op);
	if (!t_ends(pid, 2000, &status)) {
		shutdown(s, SHUT_RDWR);
		return fail("waits as long as nobody receives the page");
	}
	return status ? fail("status %x", status) : pass("waits for nobody");
}

/*
 * A write(2) to shared blocks of which a page is in use waits, without anything
 * that others may want; a signal that does not kill does not end it.
 */
static void on_alarm(int sig) { }

static int write_in_use(int kill_it)
{
	struct sigaction sa = { .sa_handler = on_alarm };
	int fd = t_open_written(dir, FILE_NAME, NPAGES), status, other;
	int to = t_open(dir, CLONE_NAME, 0);
	char *p = t_map_pages(fd, NPAGES, MAP_SHARED, false);
	u64 v = 77, w;
	pid_t pid;

	if (pwrite(fd, &v, 8, PINNED * PAGE) != 8)
		t_bail("pwrite");
	if (!clone_file(to, fd))
		return T_SKIP;
	pin(p + PINNED * PAGE);
	pid = t_start();
	if (!pid) {
		v = 78;
		sigaction(SIGALRM, &sa, NULL);
		alarm(1);
		_exit(pwrite(fd, &v, 8, PINNED * PAGE) == 8 ? 0 : errno);
	}
	if (!waits(pid)) {
		unpin();
		t_ends(pid, 5000, &status);
		return fail("does not wait");
	}
	other = t_start();
	if (!other)
		_exit(pwrite(fd, &v, 8, 0) != 8 || pread(fd, &w, 8, PINNED * PAGE) != 8 ||
		      w != 77);
	if (!t_ends(other, 3000, &status) || status) {
		unpin();
		return fail("who writes or reads another page waits as well");
	}
	if (t_ends(pid, 1500, &status)) {
		unpin();
		return fail("ended by an alarm: %s", strerror(WEXITSTATUS(status)));
	}
	if (kill_it) {
		kill(pid, SIGKILL);
		if (!t_ends(pid, 2000, &status)) {
			unpin();
			return fail("alive 2 s after SIGKILL");
		}
		unpin();
		if (!t_load(p + PINNED * PAGE, &v) || v != 77)
			return fail("the page has %llu", (unsigned long long)v);
		return pass("dead");
	}
	unpin();
	if (!t_ends(pid, 3000, &status) || status)
		return fail("does not end well when the pin is gone");
	if (!t_load(p + PINNED * PAGE, &v) || v != 78 ||
	    pread(to, &w, 8, PINNED * PAGE) != 8 || w != 77)
		return fail("%llu, and %llu in the clone", (unsigned long long)v,
			    (unsigned long long)w);
	return pass("waited, alone");
}

/* A store to shared blocks of which a page is in use waits, and can be killed. */
static int store_in_use(int kill_it)
{
	int fd = t_open_written(dir, FILE_NAME, NPAGES), status, other;
	int to = t_open(dir, CLONE_NAME, 0);
	char *p = t_map_pages(fd, NPAGES, MAP_SHARED, false);
	u64 v = 77, w;
	pid_t pid;

	if (pwrite(fd, &v, 8, PINNED * PAGE) != 8)
		t_bail("pwrite");
	if (!clone_file(to, fd))
		return T_SKIP;
	pin(p + PINNED * PAGE);
	pid = t_start();
	if (!pid)
		_exit(!t_store(p + PINNED * PAGE, 78));
	if (!waits(pid)) {
		unpin();
		t_ends(pid, 5000, &status);
		return fail("does not wait");
	}
	other = t_start();
	if (!other)
		_exit(!t_store(p, 1) || !t_load(p + PINNED * PAGE, &w) || w != 77 ||
		      do_op(fd, PUNCH, PAGE, PAGE));
	if (!t_ends(other, 3000, &status) || status) {
		unpin();
		return fail("others wait as well");
	}
	if (kill_it) {
		kill(pid, SIGKILL);
		if (!t_ends(pid, 2000, &status)) {
			unpin();
			return fail("alive 2 s after SIGKILL");
		}
	}
	unpin();
	if (!kill_it && (!t_ends(pid, 3000, &status) || status))
		return fail("does not end well when the pin is gone");
	if (!t_load(p + PINNED * PAGE, &v) || v != (kill_it ? 77 : 78) ||
	    pread(to, &w, 8, PINNED * PAGE) != 8 || w != 77)
		return fail("%llu, and %llu in the clone", (unsigned long long)v,
			    (unsigned long long)w);
	return pass(kill_it ? "dead" : "waited, alone");
}

/*
 * Who has to replace a page in use says so.  He holds its range for a moment each
 * time, as others may use it meanwhile, and a fault that comes then waits for it.
 */
static int in_use_traced(int by_store)
{
	int fd = t_open_written(dir, FILE_NAME, NPAGES), status = 0;
	const char *event = by_store ? "dax_fault_wait_page" : "dax_layout_wait";
	int to = t_open(dir, CLONE_NAME, 0), i;
	char *p = t_map_pages(fd, NPAGES, MAP_SHARED, false);
	unsigned int begun, ranges = 0;
	char page[64], range[64];
	bool waited, ended;
	u64 v = 77, end;
	pid_t pid;

	if (pwrite(fd, &v, 8, PINNED * PAGE) != 8)
		t_bail("pwrite");
	if (!clone_file(to, fd))
		return T_SKIP;
	if (!trace_waits("1"))
		return skip("this kernel does not trace it");
	trace_clear();
	pin(p + PINNED * PAGE);
	pinned_page(p, page, sizeof(page));
	snprintf(range, sizeof(range), "first %#lx last %#lx\n", PINNED, PINNED);
	pid = t_start();
	if (!pid) {
		v = 78;
		if (by_store)
			_exit(!t_store(p + PINNED * PAGE, v));
		_exit(pwrite(fd, &v, 8, PINNED * PAGE) == 8 ? 0 : errno);
	}
	waited = waits(pid);
	begun = traced(fd, event, page);
	end = now_us() + 10000000;
	while (waited && !ranges && now_us() < end) {
		for (i = 0; i < 100; i++) {
			madvise(p + PINNED * PAGE, PAGE, MADV_DONTNEED);
			t_load(p + PINNED * PAGE, &v);
		}
		ranges = traced(fd, "dax_fault_wait_range", range);
	}
	unpin();
	ended = t_ends(pid, 5000, &status);
	trace_waits("0");

	if (!waited || !ended || status)
		return fail("does not wait, or not end well");
	if (!begun)
		return fail("no event with the page and its frame");
	if (!ranges)
		return fail("no event of faults that wait for the range");
	return pass("%u looks, and who waits for the range", begun);
}

/* What is written where there is room, so that a block that was freed shows it */
static void use_all_room(void)
{
	struct xfs_fsop_resblks none = { .resblks = 16 };
	int fd = t_open(dir, "dax_life3", 0);
	char *trash = malloc(PMD);
	off_t at = 0;
	ssize_t n;

	if (!trash)
		t_bail("memory");
	/* xfs, which is asked alone, keeps some room for itself. */
	ioctl(fd, XFS_IOC_SET_RESBLKS, &none);
	memset(trash, 0xee, PMD);
	while ((n = pwrite(fd, trash, PMD, at)) > 0)
		at += n;
	free(trash);
	close(fd);
	t_unlink(dir, "dax_life3");
	sync();
}

/* A process that does something each time it is told to, and says so */
static pid_t start_steps(bool (*step)(void *arg, u32 gen), void *arg)
{
	pid_t pid = t_start();
	u32 gen;

	if (pid)
		return pid;
	for (gen = 1; !sh->stop; gen++) {
		while (sh->gen < gen && !sh->stop)
			;
		if (!step(arg, gen))
			_exit(1);
		sh->touched = gen;
	}
	_exit(0);
}

/* Tell it, and be not always at the same distance. */
static void next_step(u32 gen)
{
	u32 i;

	sh->gen = gen;
	for (i = gen % 64; i; i--)
		sh->loads++;
}

static bool truncate_step(void *fd, u32 gen)
{
	return !ftruncate(*(int *)fd, 0);
}

static bool store_step(void *page, u32 gen)
{
	t_store(page, gen);
	return true;
}

/* A write(2) to shared blocks, while who shares them lets them go */
static int write_and_truncate(int seconds)
{
	int fd = t_open_written(dir, FILE_NAME, PMD_PAGES), to = t_open(dir, CLONE_NAME, 0);
	u64 buf[PAGE / 16], end = now_us() + seconds * 1000000ULL, old[4] = {}, w[6];
	u32 gen, i;
	int status;
	pid_t pid;

	use_all_room();
	pid = start_steps(truncate_step, &to);
	for (gen = 1; now_us() < end; gen++) {
		for (i = 0; i < ARRAY_SIZE(buf); i++)
			buf[i] = gen;
		if (!clone_file(to, fd))
			return T_SKIP;
		next_step(gen);
		if (pwrite(fd, buf, PAGE / 2, (4 + gen % 4) * PAGE + PAGE / 2) != (ssize_t)PAGE / 2)
			t_bail("pwrite");
		old[gen % 4] = gen;
		while (sh->touched < gen)
			;
		for (i = 0; i < 4; i++) {
			if (pread(fd, &w[0], 8, (4 + i) * PAGE) != 8 ||
			    pread(fd, &w[1], 8, (4 + i) * PAGE + PAGE / 2) != 8 ||
			    pread(fd, &w[2], 8, (5 + i) * PAGE - 8) != 8)
				t_bail("pread");
			if (w[0] || w[1] != old[i] || w[2] != old[i])
				return fail("after %u writes a page has %#llx, %#llx, %#llx for 0, %llu",
					    gen, (unsigned long long)w[0],
					    (unsigned long long)w[1],
					    (unsigned long long)w[2],
					    (unsigned long long)old[i]);
		}
	}
	sh->stop = 1;
	if (!t_ends(pid, 5000, &status) || status)
		return fail("the other hangs, or fails");
	return pass("%u times", gen - 1);
}

/*
 * A read(2) of shared blocks sleeps in its midst, as a page of its buffer is
 * missing.  Meanwhile the file gets other blocks, and the old ones are the clone's
 * alone, which writes to them.
 */
static int read_shared(int unused)
{
	int fd = t_open_written(dir, FILE_NAME, PMD_PAGES), to = t_open(dir, CLONE_NAME, 0);
	char *p = t_map_pages(fd, PMD_PAGES, MAP_SHARED, false), *buf, *trash = malloc(PMD);
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct uffdio_zeropage zero = {};
	int status, i, uffd;
	struct uffd_msg msg;
	pid_t other;

	if (!trash)
		t_bail("memory");
	memset(p, 0x11, PMD);
	memset(trash, 0xee, PMD);
	if (!clone_file(to, fd))
		return T_SKIP;
	buf = t_map(-1, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, 0);
	uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	reg.range.start = (uintptr_t)buf + 2 * PAGE;
	reg.range.len = PAGE;
	if (!buf || uffd < 0 || ioctl(uffd, UFFDIO_API, &api) ||
	    ioctl(uffd, UFFDIO_REGISTER, &reg))
		return skip("no userfaultfd");
	/* Faults of this address space alone go there. */
	other = t_start();
	if (!other) {
		if (read(uffd, &msg, sizeof(msg)) != sizeof(msg))
			_exit(1);
		sh->touched = 1;
		for (i = 0; i < (int)PMD_PAGES; i++)
			if (!t_store(p + i * PAGE, 0x22))
				_exit(2);
		/* They are no longer shared: written in place. */
		if (pwrite(to, trash, PMD, 0) != (ssize_t)PMD)
			_exit(3);
		sh->touched = 2;
		zero.range = reg.range;
		_exit(ioctl(uffd, UFFDIO_ZEROPAGE, &zero) ? 4 : 0);
	}
	if (pread(fd, buf, 4 * PAGE, 8 * PAGE) != 4 * (ssize_t)PAGE)
		return fail("read: %s", strerror(errno));
	if (!t_ends(other, 20000, &status) || status || sh->touched != 2)
		return fail("the other hangs, or fails with %x at %u", status, sh->touched);
	for (i = 0; i < 4 * (int)PAGE; i++)
		if (buf[i] != 0x11 && (i % PAGE >= 8 || (buf[i] && buf[i] != 0x22)))
			return fail("byte %d is %#hhx", i, buf[i]);
	return pass("what the file had or has");
}

/* A write(2) to shared blocks that others always read, and use for a moment */
static int write_while_read(int unused)
{
	int fd = t_open_written(dir, FILE_NAME, NPAGES), to = t_open(dir, CLONE_NAME, 0);
	char *p = t_map_pages(fd, NPAGES, MAP_SHARED, false), *buf = malloc(SIZE), out[16];
	pid_t reader[2], pid, self = getpid();
	struct iovec local = { out, sizeof(out) }, remote = { NULL, sizeof(out) };
	u64 began, seed;
	int i, status;

	if (!buf)
		t_bail("memory");
	memset(buf, 0x33, SIZE);
	load_all(p, NPAGES, NPAGES);
	if (!clone_file(to, fd))
		return T_SKIP;
	for (i = 0; i < 2; i++) {
		reader[i] = t_start();
		if (reader[i])
			continue;
		seed = i + 1;
		for (;;) {
			remote.iov_base = p + rnd(&seed) % NPAGES * PAGE;
			if (process_vm_readv(self, &local, 1, &remote, 1, 0) < 0)
				_exit(1);
		}
	}
	began = now_us();
	pid = t_start();
	if (!pid)
		_exit(pwrite(fd, buf, SIZE, 0) != (ssize_t)SIZE);
	status = t_ends(pid, 20000, &i) ? i : -1;
	for (i = 0; i < 2; i++)
		kill(reader[i], SIGKILL);
	for (i = 0; i < 2; i++)
		waitpid(reader[i], NULL, 0);
	if (status)
		return fail("it does not end well: %d", status);
	if (pread(fd, buf, SIZE, 0) != (ssize_t)SIZE)
		t_bail("pread");
	for (i = 0; i < (int)SIZE; i++)
		if (buf[i] != 0x33)
			return fail("byte %d is %#hhx", i, buf[i]);
	return pass("%llu ms", (unsigned long long)(now_us() - began) / 1000);
}

/* A write(2) to a shared page whose buffer ends before it should */
static int write_short(int unused)
{
	int fd = t_open_written(dir, FILE_NAME, PMD_PAGES), to = t_open(dir, CLONE_NAME, 0);
	char buf[100];
	struct iovec iov[] = { { buf, sizeof(buf) }, { NULL, 200 } };
	char *p = t_map_pages(fd, PMD_PAGES, MAP_SHARED, false);
	unsigned long i;

	use_all_room();
	memset(p, 0x11, PMD);
	memset(buf, 0x22, sizeof(buf));
	if (!clone_file(to, fd))
		return T_SKIP;
	if (pwritev(fd, iov, 2, 9 * PAGE + 50) != 100)
		return fail("pwrite does not end where the buffer does");
	for (i = 0; i < PAGE; i++) {
		char want = i >= 50 && i < 150 ? 0x22 : 0x11;

		if (p[9 * PAGE + i] != want)
			return fail("byte %lu is %#hhx instead of %#hhx", i, p[9 * PAGE + i], want);
	}
	return pass("the rest is as it was");
}

/* A write(2) and a store to one page with shared blocks, at the same time */
static int write_and_store(int seconds)
{
	int fd = t_open_written(dir, FILE_NAME, PMD_PAGES), to = t_open(dir, CLONE_NAME, 0);
	char *p = t_map_pages(fd, PMD_PAGES, MAP_SHARED, false);
	u64 buf[PAGE / 16], v, w, end = now_us() + seconds * 1000000ULL;
	u32 gen, lost = 0, i;
	int status;
	pid_t pid;

	pid = start_steps(store_step, p + 5 * PAGE);
	for (gen = 1; now_us() < end; gen++) {
		for (i = 0; i < ARRAY_SIZE(buf); i++)
			buf[i] = gen;
		if (!clone_file(to, fd))
			return T_SKIP;
		next_step(gen);
		if (pwrite(fd, buf, PAGE / 2, 5 * PAGE + PAGE / 2) != (ssize_t)PAGE / 2)
			t_bail("pwrite");
		while (sh->touched < gen)
			;
		if (!t_load(p + 5 * PAGE, &v) || !t_load(p + 6 * PAGE - 8, &w))
			return fail("SIGBUS");
		lost += v != gen || w != gen;
	}
	sh->stop = 1;
	if (!t_ends(pid, 5000, &status))
		return fail("the other hangs");
	return say(lost ? T_FAIL : T_PASS, "%u times, %u lost", gen - 1, lost);
}

/*
 * Blocks that were shared are mapped by huge pages.  While they are, it is by pages,
 * which both files find to be right.
 */
static int clone_huge(int unused)
{
	int fd = t_open_written(dir, FILE_NAME, NPAGES), to = t_open(dir, CLONE_NAME, 0);
	char *p = t_map_pages(fd, NPAGES, MAP_SHARED, true), *q;
	u64 faults, v, w;
	unsigned long i;

	for (i = 0; i < NPAGES; i++)
		*(volatile u64 *)(p + i * PAGE) = i + 1;
	if (!clone_file(to, fd))
		return T_SKIP;
	if (ftruncate(to, 0))
		t_bail("ftruncate");
	faults = t_faults();
	load_all(p, NPAGES, NPAGES);
	faults = t_faults() - faults;
	if (!clone_file(to, fd))
		return T_SKIP;
	q = t_map_pages(to, NPAGES, MAP_SHARED, true);
	for (i = 0; i < NPAGES; i++)
		if (!t_load(p + i * PAGE, &v) || !t_load(q + i * PAGE, &w) ||
		    v != i + 1 || w != i + 1)
			return fail("page %lu: %llu and %llu", i, (unsigned long long)v,
				    (unsigned long long)w);
	return say(faults <= 8 ? T_PASS : T_FAIL, "%llu faults for 8 MiB",
		   (unsigned long long)faults);
}

/* A client of pNFS fills a hole, while somebody looks at it. */
static int pnfs_hole(int seconds)
{
	int fd = t_open(dir, FILE_NAME, PMD), knob, status;
	char *p = t_map_pages(fd, PMD_PAGES, MAP_SHARED, false), path[4096];
	u64 end = now_us() + seconds * 1000000ULL, v;
	u32 gen, i;
	pid_t pid;

	knob = open("/sys/kernel/debug/test_fsdax_pnfs", O_WRONLY);
	if (knob < 0)
		return skip("this kernel has no test of it");
	snprintf(path, sizeof(path), "%s/%s", dir, FILE_NAME);
	pid = t_start();
	if (!pid) {
		for (gen = 0; !sh->stop; gen++) {
			while (sh->gen == gen && !sh->stop)
				for (i = 0; i < PMD_PAGES; i++)
					t_load(p + i * PAGE, &v);
			for (i = 0; i < PMD_PAGES && !sh->stop; i++)
				if (!t_load(p + i * PAGE, &v) || v != 0x5a5a5a5a5a5a5a5aULL)
					sh->wrong++;
			sh->touched = gen + 1;
		}
		_exit(0);
	}
	for (gen = 1; now_us() < end; gen++) {
		usleep(1000 * (gen % 4));
		if (write(knob, path, strlen(path)) < 0)
			return errno == EOPNOTSUPP ? T_SKIP : fail("pNFS: %s", strerror(errno));
		sh->gen = gen;
		while (sh->touched < gen)
			usleep(100);
		if (do_op(fd, PUNCH, 0, PMD))
			t_bail("punch");
	}
	sh->stop = 1;
	if (!t_ends(pid, 5000, &status))
		return fail("the other hangs");
	return say(sh->wrong ? T_FAIL : T_PASS, "%u times, %u pages stayed a hole", gen - 1,
		   sh->wrong);
}

/* userfaultfd has a mark where a page was that is to be written to. */
static int uffd_marks(int by_punch)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_WP_ASYNC |
							       UFFD_FEATURE_WP_UNPOPULATED };
	int fd = t_open_written(dir, FILE_NAME, NPAGES), status, uffd;
	char *p = t_map_pages(fd, NPAGES, MAP_SHARED, false);
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_WP };
	struct uffdio_writeprotect wp = { .mode = UFFDIO_WRITEPROTECT_MODE_WP };
	pid_t pid;
	u64 v;

	load_all(p, NPAGES, NPAGES);
	reg.range.start = (uintptr_t)p;
	reg.range.len = SIZE;
	wp.range = reg.range;
	pid = t_start();
	if (!pid) {
		uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
		if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api) ||
		    ioctl(uffd, UFFDIO_REGISTER, &reg) ||
		    ioctl(uffd, UFFDIO_WRITEPROTECT, &wp))
			_exit(T_SKIP);
		if (by_punch ? do_op(fd, PUNCH, 5 * PAGE, 2 * PAGE) :
			       madvise(p + 5 * PAGE, 2 * PAGE, MADV_DONTNEED))
			_exit(2);
		if (!t_load(p + 5 * PAGE, &v) || v)
			_exit(3);
		if (!t_store(p + 5 * PAGE, 77) || !t_store(p + 6 * PAGE, 78) ||
		    !t_load(p + 5 * PAGE, &v) || v != 77 ||
		    !t_load(p + 6 * PAGE, &v) || v != 78)
			_exit(5);
		_exit(0);
	}
	if (!t_ends(pid, 5000, &status))
		return fail("spins");
	if (WEXITSTATUS(status) == T_SKIP)
		return skip("no userfaultfd for write protection");
	if (status)
		return fail("%s", WEXITSTATUS(status) == 2 ? "cannot take the pages away" :
				  WEXITSTATUS(status) == 3 ? "load" : "store");
	return pass("loaded and stored to");
}

/* First stores to pages that are mapped as a hole, and writes beside them */
static void first_storer(int fd, int nr)
{
	char *p = t_map_pages(fd, RACE_PAGES, MAP_SHARED, false);
	u32 gen = 1;
	u64 v;
	int i;

	for (;; gen++) {
		while (sh->gen < gen)
			if (sh->stop)
				_exit(0);
		for (i = 0; i < (int)RACE_PAGES; i++)
			t_load(p + i * PAGE, &v);
		for (i = 0; i < (int)RACE_PAGES; i++)
			if (!t_store(p + i * PAGE + 8 * nr, gen))
				sh->wrong++;
		sh->touched++;
	}
}

static int store_holes(int seconds)
{
	u64 end = now_us() + seconds * 1000000ULL, v, w;
	int fd = t_open(dir, FILE_NAME, RACE_PAGES * PAGE), i, status;
	u32 gen, lost = 0;
	pid_t pid[2];

	for (i = 0; i < 2; i++) {
		pid[i] = t_start();
		if (!pid[i])
			first_storer(fd, i);
	}
	for (gen = 1; now_us() < end; gen++) {
		if (do_op(fd, PUNCH, 0, RACE_PAGES * PAGE))
			t_bail("punch");
		sh->gen = gen;
		for (i = 0; i < (int)RACE_PAGES; i++) {
			v = gen;
			if (pwrite(fd, &v, 8, i * PAGE + 16) != 8)
				t_bail("pwrite");
		}
		while (sh->touched < 2 * gen && now_us() < end + 5000000)
			;
		for (i = 0; i < (int)(3 * RACE_PAGES); i++)
			if (pread(fd, &w, 8, i / 3 * PAGE + 8 * (i % 3)) != 8 || w != gen)
				lost++;
	}
	sh->stop = 1;
	for (i = 0; i < 2; i++)
		if (!t_ends(pid[i], 10000, &status) || status)
			return fail("a process hangs or has died");
	return say(sh->wrong || lost ? T_FAIL : T_PASS, "%u rounds, %u SIGBUS, %u lost",
		   gen - 1, sh->wrong, lost);
}

/* Direct I/O from the file's pages to a disk while they are punched */
static int loop_disk(void)
{
	int ctl = open("/dev/loop-control", O_RDWR), back, loop, n;
	char path[32];

	back = open("/tmp/dax_life.disk", O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (ctl < 0 || back < 0 || ftruncate(back, 4 << 20))
		return -1;
	n = ioctl(ctl, LOOP_CTL_GET_FREE);
	snprintf(path, sizeof(path), "/dev/loop%d", n);
	loop = n < 0 ? -1 : open(path, O_RDWR | O_DIRECT);
	if (loop < 0 || ioctl(loop, LOOP_SET_FD, back))
		return -1;
	close(back);
	close(ctl);
	return loop;
}

static int punch_direct(int seconds)
{
	int fd = t_open_written(dir, FILE_NAME, NPAGES), disk = loop_disk(), status, op;
	char *p = t_map_pages(fd, NPAGES, MAP_SHARED, false);
	u32 punches = 0;
	u64 end, seed = 1;
	pid_t pid[2];
	int i;

	if (disk < 0)
		return skip("no loop device");
	for (i = 0; i < 2; i++) {
		pid[i] = t_start();
		if (pid[i])
			continue;
		for (seed = i; !sh->stop; sh->loads++)
			if (pwrite(disk, p + rnd(&seed) % 60 * PAGE, 4 * PAGE, 0) < 0)
				_exit(errno);
		_exit(0);
	}
	op = t_start();
	if (!op) {
		end = now_us() + seconds * 1000000ULL;
		for (; now_us() < end; sh->touched++)
			if (do_op(fd, PUNCH, rnd(&seed) % 64 * PAGE, PAGE))
				_exit(errno);
		_exit(0);
	}
	if (!t_ends(op, (seconds + 20) * 1000, &status)) {
		sh->stop = 1;
		return fail("a punch hangs, after %u punches", sh->touched);
	}
	punches = sh->touched;
	sh->stop = 1;
	for (i = 0; i < 2; i++)
		if (!t_ends(pid[i], 5000, &status) || status)
			return fail("direct I/O: %x", status);
	ioctl(disk, LOOP_CLR_FD);
	return pass("%u punches, %u writes to the disk", punches, sh->loads);
}

/* The file's blocks go to the boot loader's inode, and come back. */
static int swap_boot(int unused)
{
	int fd = t_open_written(dir, FILE_NAME, NPAGES);
	char *p = t_map_pages(fd, NPAGES, MAP_SHARED, false);
	u64 v;

	*(volatile u64 *)(p + 5 * PAGE) = 77;
	if (ioctl(fd, EXT4_IOC_SWAP_BOOT))
		return errno == ENOTTY ? skip("ext4 only") :
					 fail("EXT4_IOC_SWAP_BOOT: %s", strerror(errno));
	if (t_load(p + 5 * PAGE, &v))
		return fail("blocks of another inode are still mapped");
	if (ioctl(fd, EXT4_IOC_SWAP_BOOT))
		return fail("EXT4_IOC_SWAP_BOOT, again: %s", strerror(errno));
	if (!t_load(p + 5 * PAGE, &v) || v != 77)
		return fail("what was stored before is lost");
	return pass("unmapped");
}

/* Two files exchange all their blocks, one of which somebody uses. */
static int swap_extents(int unused)
{
	struct xfs_swapext sx = { .length = SIZE };
	int fd = t_open_written(dir, FILE_NAME, NPAGES);
	int to = t_open_written(dir, CLONE_NAME, NPAGES);
	char *p = t_map_pages(fd, NPAGES, MAP_SHARED, false);
	char *q = t_map_pages(to, NPAGES, MAP_SHARED, false);
	struct stat st;
	int status;
	bool waited;
	pid_t pid;
	u64 v, w;

	*(volatile u64 *)(p + 5 * PAGE) = 77;
	*(volatile u64 *)(q + 5 * PAGE) = 78;
	pin(p + 5 * PAGE);
	if (fstat(fd, &st))
		t_bail("fstat");
	sx.target = fd;
	sx.tmp = to;
	sx.stat.mtime.sec = st.st_mtim.tv_sec;
	sx.stat.mtime.nsec = st.st_mtim.tv_nsec;
	sx.stat.ctime.sec = st.st_ctim.tv_sec;
	sx.stat.ctime.nsec = st.st_ctim.tv_nsec;
	pid = t_start();
	if (!pid)
		_exit(ioctl(fd, XFS_IOC_SWAPEXT, &sx) ? errno : 0);
	waited = waits(pid);
	unpin();
	if (!t_ends(pid, 5000, &status))
		return fail("does not end when the pin is gone");
	if (WEXITSTATUS(status) == ENOTTY)
		return skip("xfs only");
	if (status)
		return fail("XFS_IOC_SWAPEXT: status %x", status);
	if (!waited)
		return fail("does not wait for a page in use");
	if (!t_load(p + 5 * PAGE, &v) || !t_load(q + 5 * PAGE, &w) ||
	    v != 78 || w != 77)
		return fail("old blocks are still mapped");
	return pass("waited for the pin, and unmapped");
}

/*
 * The other file is not on DAX: it lies where nothing has said so, in the
 * directory above.
 */
static int exchange_half(int unused)
{
	int fd = t_open_written(dir, FILE_NAME, NPAGES), to, status;
	char *p = t_map_pages(fd, NPAGES, MAP_SHARED, false), path[256];
	bool waited;
	pid_t pid;
	u64 v, w;

	snprintf(path, sizeof(path), "%s/..", dir);
	to = t_open_written(path, CLONE_NAME, NPAGES);
	t_unlink(path, CLONE_NAME);
	if (t_is_dax(to))
		return skip("all files are on DAX");
	v = 78;
	if (pwrite(to, &v, 8, PINNED * PAGE) != 8 || fsync(to))
		t_bail("pwrite");
	*(volatile u64 *)(p + PINNED * PAGE) = 77;
	pin(p + PINNED * PAGE);
	pid = t_start();
	if (!pid)
		_exit(remap(true, fd, to) ? errno : 0);
	waited = waits(pid);
	unpin();
	if (!t_ends(pid, 5000, &status))
		return fail("does not end when the pin is gone");
	if (WEXITSTATUS(status) == ENOTTY || WEXITSTATUS(status) == EOPNOTSUPP)
		return skip("this file system cannot");
	if (status)
		return fail("XFS_IOC_EXCHANGE_RANGE: status %x", status);
	if (!waited)
		return fail("does not wait for a page in use");
	if (!t_load(p + PINNED * PAGE, &v) || v != 78 ||
	    pread(to, &w, 8, PINNED * PAGE) != 8 || w != 77)
		return fail("not exchanged");
	return pass("waited for the pin");
}

/*
 * What is done to two files, one of which is on DAX.  It may be refused.  Either
 * way each file has what it should, and who stores to a page of one that he mapped
 * before does not store to the other.
 */
enum pair_op { MOVE, EXCHANGE, SWAPEXT, CLONE_TO, DEDUPE, COPY };

#define PAIR_PAGES	16

static int pair_exchange(int a, int b, bool old)
{
	struct xfs_exchange_range x = { .file1_fd = b, .length = PAIR_PAGES * PAGE };
	struct xfs_swapext sx = { .length = PAIR_PAGES * PAGE, .target = a, .tmp = b };
	struct stat st;

	if (!old)
		return ioctl(a, XFS_IOC_EXCHANGE_RANGE, &x);
	if (fstat(a, &st))
		t_bail("fstat");
	sx.stat.mtime.sec = st.st_mtim.tv_sec;
	sx.stat.mtime.nsec = st.st_mtim.tv_nsec;
	sx.stat.ctime.sec = st.st_ctim.tv_sec;
	sx.stat.ctime.nsec = st.st_ctim.tv_nsec;
	return ioctl(a, XFS_IOC_SWAPEXT, &sx);
}

static int pair_dedupe(int a, int b)
{
	struct file_dedupe_range *r = calloc(1, sizeof(*r) + sizeof(r->info[0]));

	r->src_length = PAIR_PAGES * PAGE;
	r->dest_count = 1;
	r->info[0].dest_fd = b;
	if (ioctl(a, FIDEDUPERANGE, r))
		return -1;
	errno = r->info[0].status < 0 ? -r->info[0].status : 0;
	return r->info[0].status < 0 ? -1 : 0;
}

static int pair_do(enum pair_op op, int a, int b)
{
	struct move_extent m = { .donor_fd = b, .len = PAIR_PAGES };
	loff_t from = 0, to = 0;

	switch (op) {
	case MOVE:
		return ioctl(a, EXT4_IOC_MOVE_EXT, &m);
	case EXCHANGE:
	case SWAPEXT:
		return pair_exchange(a, b, op == SWAPEXT);
	case CLONE_TO:
		return ioctl(b, FICLONE, a);
	case DEDUPE:
		return pair_dedupe(a, b);
	case COPY:
		return copy_file_range(a, &from, b, &to, PAIR_PAGES * PAGE, 0) ==
		       (ssize_t)(PAIR_PAGES * PAGE) ? 0 : -1;
	}
	return -1;
}

static int pair_check(int fd, char *p, u64 tag, const char *which)
{
	u64 v, w;
	int i;

	for (i = 0; i < PAIR_PAGES; i++) {
		if (pread(fd, &v, 8, i * PAGE) != 8 || !t_load(p + i * PAGE, &w))
			return fail("%s: pread, or SIGBUS", which);
		if (v != tag + i || w != v)
			return fail("%s: page %d is %llx, mapped %llx, instead of %llx", which,
				    i, (unsigned long long)v, (unsigned long long)w,
				    (unsigned long long)tag + i);
	}
	return T_PASS;
}

static int pair(int arg)
{
	enum pair_op op = arg / 2;
	const u64 tag[2] = { 0xa00, op == DEDUPE ? 0xa00 : 0xb00 };
	u64 want[2], v = 0x99;
	char path[256], *p[2];
	int fd[2], i, k, verdict, err;

	snprintf(path, sizeof(path), "%s/..", dir);
	for (i = 0; i < 2; i++) {
		fd[i] = t_open_written(i == arg % 2 ? dir : path, i ? CLONE_NAME : FILE_NAME,
				       PAIR_PAGES);
		t_unlink(i == arg % 2 ? dir : path, i ? CLONE_NAME : FILE_NAME);
		if (t_is_dax(fd[i]) != (i == arg % 2))
			return skip("all files are on DAX, or none");
		if (ftruncate(fd[i], PAIR_PAGES * PAGE))
			t_bail("ftruncate");
		p[i] = t_map_pages(fd[i], PAIR_PAGES, MAP_SHARED, false);
		for (k = 0; k < PAIR_PAGES; k++)
			*(volatile u64 *)(p[i] + k * PAGE) = tag[i] + k;
		want[i] = tag[i];
	}
	if (fsync(fd[0]) || fsync(fd[1]))
		t_bail("fsync");
	err = pair_do(op, fd[0], fd[1]) ? errno : 0;
	if (err == ENOTTY)
		return skip("this file system cannot");
	if (!err && (op == EXCHANGE || op == SWAPEXT))
		want[0] = tag[1];
	if (!err && op != MOVE)
		want[1] = tag[0];
	/* What the donor of a move has afterwards is nobody's business. */
	verdict = pair_check(fd[0], p[0], want[0], "the first");
	if (verdict == T_PASS && (err || op != MOVE))
		verdict = pair_check(fd[1], p[1], want[1], "the second");
	for (i = 0; i < 2 && verdict == T_PASS; i++) {
		*(volatile u64 *)(p[i] + 5 * PAGE) = want[i] + 5;
		for (k = 0; k < PAIR_PAGES; k++)
			*(volatile u64 *)(p[i] + k * PAGE + 8) = v;
		for (k = 0; k < PAIR_PAGES && verdict == T_PASS; k++)
			if (pread(fd[!i], &v, 8, k * PAGE + 8) != 8 || v == 0x99 + i)
				verdict = fail("a store to one is in the other, page %d", k);
		v = 0x9a;
	}
	if (verdict != T_PASS)
		return verdict;
	if (fsync(fd[0]) || fsync(fd[1]))
		return fail("fsync: %s", strerror(errno));
	return err ? pass("refused: %s", strerror(err)) : pass("done, and they stay apart");
}

/* A page of blocks that two files share is mapped by one, the PMD by the other. */
static int share_huge(int unused)
{
	static const off_t other[] = { 0, PMD + 5 * PAGE };
	int fd = t_open_written(dir, FILE_NAME, NPAGES);
	int to = t_open(dir, CLONE_NAME, 0);
	char *p, *q;
	u64 v = 77;
	int i;

	for (i = 0; i < 2; i++)
		if (pwrite(fd, &v, 8, other[i]) != 8)
			t_bail("pwrite");
	if (!clone_file(to, fd))
		return T_SKIP;
	p = t_map_pages(fd, NPAGES, MAP_SHARED, true);
	q = t_map_pages(to, NPAGES, MAP_SHARED, false);
	for (i = 0; i < 2; i++) {
		if (!t_load(q + other[i], &v) || v != 77)
			return fail("the clone: SIGBUS or %llu", (unsigned long long)v);
		if (!t_load(p + other[i] / PMD * PMD, &v) ||
		    !t_load(p + other[i], &v) || v != 77)
			return fail("SIGBUS in the first PMD but %d, or %llu", i,
				    (unsigned long long)v);
		*(volatile u64 *)(q + other[i]) = 78;
		if (!t_load(p + other[i], &v) || v != 77)
			return fail("a store to the clone is seen");
		if (do_op(to, PUNCH, other[i], PAGE))
			return fail("punch: %s", strerror(errno));
		if (!t_load(p + other[i], &v) || v != 77 ||
		    !t_load(q + other[i], &v) || v)
			return fail("wrong after a punch");
	}
	return pass("each reads its own");
}

/* Huge pages of a file are mapped while a clone of it comes to share them. */
static int share_race(int unused)
{
	const int n = 100;		/* extents, with holes between them */
	int fd = t_open(dir, FILE_NAME, 2 * n * PMD);
	int to = t_open(dir, CLONE_NAME, 0), i, round, status, rounds = 12;
	char *zero = calloc(1, PMD), *p, *q;
	u64 v = 77;
	pid_t pid;

	if (!room_for((n + 10) * PMD_PAGES))
		return skip("the device is too small");
	for (i = 0; i < n; i++)
		if (!zero || pwrite(fd, zero, PMD, 2 * i * PMD) != (ssize_t)PMD ||
		    pwrite(fd, &v, 8, 2 * i * PMD + 5 * PAGE) != 8)
			t_bail("pwrite");
	if (fsync(fd))
		t_bail("fsync");
	for (round = 0; round < rounds; round++) {
		sh->touched = 0;
		sh->stop = 0;
		pid = t_start();
		if (!pid) {
			p = t_map(fd, 2 * n * PMD, PROT_READ, MAP_SHARED, 0);
			if (!p || madvise(p, 2 * n * PMD, MADV_HUGEPAGE))
				_exit(1);
			for (i = 0; !sh->stop; i = (i + 1) % n) {
				if (!t_load(p + 2 * i * PMD + 5 * PAGE, &v) || v != 77)
					_exit(2);
				if (i == n - 1)
					madvise(p, 2 * n * PMD, MADV_DONTNEED);
				sh->touched++;
			}
			_exit(0);
		}
		if (!comes(&sh->touched, 5000))
			return fail("the reader does not come to it");
		if (!clone_file(to, fd))
			return T_SKIP;
		sh->stop = 1;
		if (!t_ends(pid, 10000, &status) || status)
			return fail("the reader: SIGBUS, or a wrong value");
		q = t_map_pages(to, 2 * n * PMD_PAGES, MAP_SHARED, false);
		for (i = 0; i < n; i++)
			if (!t_load(q + 2 * i * PMD + 5 * PAGE, &v) || v != 77)
				return fail("the clone: SIGBUS or %llu", (unsigned long long)v);
		munmap(q, 2 * n * PMD);
		if (ftruncate(to, 0))
			t_bail("ftruncate");
	}
	return pass("%d clones", rounds);
}

/* The copy that a store to shared blocks makes fails. */
static int copy_fails(int huge)
{
	int fd = t_open_written(dir, FILE_NAME, NPAGES);
	int to = t_open(dir, CLONE_NAME, 0);
	u64 v = 77, faults;
	unsigned long i;
	char *p;

	if (pwrite(fd, &v, 8, 5 * PAGE) != 8)
		t_bail("pwrite");
	if (!clone_file(to, fd))
		return T_SKIP;
	p = t_map_pages(fd, NPAGES, MAP_SHARED, huge);
	if (fsync(fd))
		t_bail("fsync");
	trace_clear();
	if (t_store(p + 5 * PAGE, 1))
		return fail("a store goes to blocks that nothing was copied to");
	if (fsync(fd))
		return fail("fsync: %s", strerror(errno));
	trace_read(fd);
	if (written[5])
		return fail("fsync flushes blocks that the file has not got");
	if (!t_load(p + 5 * PAGE, &v) || v != 77)
		return fail("SIGBUS, or %llu, for what was there", (unsigned long long)v);

	/* Was it a huge fault?  Those next to it are, when copying works. */
	set_knob("fail_copy", "0");
	faults = t_faults();
	for (i = 0; i < PMD_PAGES; i++)
		*(volatile u64 *)(p + PMD + i * PAGE) = i;
	faults = t_faults() - faults;
	if (huge != (faults <= 8))
		return fail("%llu faults in 2 MiB", (unsigned long long)faults);
	return pass("SIGBUS, and nothing is changed");
}

/* The copy is made, but does not become the file's. */
static int end_fails(int huge)
{
	int fd = t_open_written(dir, FILE_NAME, NPAGES);
	int to = t_open(dir, CLONE_NAME, 0);
	u64 v = 77, w;
	char *p;

	if (pwrite(fd, &v, 8, 5 * PAGE) != 8)
		t_bail("pwrite");
	if (!clone_file(to, fd))
		return T_SKIP;
	p = t_map_pages(fd, NPAGES, MAP_SHARED, huge);
	if (!t_load(p + 5 * PAGE, &v) || v != 77)
		t_bail("SIGBUS");
	if (t_store(p + 5 * PAGE, 1))
		return fail("a store goes to blocks that are not the file's");
	if (pwrite(fd, &w, 8, 5 * PAGE) != -1 || errno != EIO)
		return fail("write(2) reports nothing");
	set_knob("fail_end", "0");
	if (!t_load(p + 5 * PAGE, &v) || v != 77 || pread(to, &w, 8, 5 * PAGE) != 8 || w != 77)
		return fail("SIGBUS, or %llu, for what was there", (unsigned long long)v);
	if (!t_store(p + 5 * PAGE, 78) || pread(fd, &v, 8, 5 * PAGE) != 8 || v != 78)
		return fail("no store afterwards");
	return pass("SIGBUS, and nothing is changed");
}

/* A store to a page that is mapped for reading waits for another fault on it. */
static int mkwrite_killed(int unused)
{
	int fd = t_open_written(dir, FILE_NAME, PMD_PAGES), status;
	char *p = t_map_pages(fd, PMD_PAGES, MAP_SHARED, false);
	pid_t slow, pid;
	u64 v;

	pid = t_start();
	if (!pid) {
		t_load(p + 5 * PAGE, &v);
		sh->touched = 1;
		while (!sh->stop)
			;
		t_store(p + 5 * PAGE, 1);
		_exit(0);
	}
	if (!comes(&sh->touched, 3000))
		return fail("no load");
	set_knob("delay_fault", "4000");
	slow = t_start();
	if (!slow) {
		prctl(PR_SET_NAME, "slow");
		t_store(p + 5 * PAGE, 2);
		_exit(0);
	}
	if (!waits(slow))
		return fail("the slow one does not wait");
	sh->stop = 1;
	if (!waits(pid))
		return fail("does not wait");
	kill(pid, SIGKILL);
	if (!t_ends(pid, 2000, &status))
		return fail("alive 2 s after SIGKILL");
	return pass("dead");
}

/*
 * Truncation of pages whose layout nobody has broken: the kernel says so, once,
 * and does it all the same.
 */
static const struct {
	enum op op;
	bool huge, pinned;
} unbroken_case[] = {
	{ PUNCH }, { TRUNCATE }, { PUNCH, .huge = true },
	{ TRUNCATE, .huge = true }, { PUNCH, .pinned = true },
	{ TRUNCATE, .pinned = true },
};

static int unbroken(int c)
{
	bool cut = unbroken_case[c].op == TRUNCATE, waited;
	int fd = t_open_written(dir, FILE_NAME, NPAGES), status;
	char *p = t_map_pages(fd, NPAGES, MAP_SHARED, unbroken_case[c].huge);
	u64 v, faults = t_faults();
	unsigned int i;
	pid_t pid;

	for (i = 0; i < 16; i++)
		*(volatile u64 *)(p + i * PAGE) = i + 1;
	faults = t_faults() - faults;
	if (unbroken_case[c].huge != (faults <= 8))
		return fail("%llu faults in 64 KiB", (unsigned long long)faults);
	if (unbroken_case[c].pinned)
		pin(p + 8 * PAGE);
	pid = t_start();
	if (!pid)	/* twice, to be reported once */
		_exit(do_op(fd, unbroken_case[c].op, 12 * PAGE, 2 * PAGE) ||
		      do_op(fd, unbroken_case[c].op, 8 * PAGE, 4 * PAGE));
	if (unbroken_case[c].pinned) {
		waited = waits(pid);
		unpin();
		if (!waited)
			return fail("does not wait for a page in use");
	}
	if (!t_ends(pid, 5000, &status) || status)
		return fail("does not end well");
	if (cut && ftruncate(fd, SIZE))
		return fail("ftruncate: %s", strerror(errno));
	for (i = 0; i < 16; i++) {
		bool gone = i >= 8 && (cut || i < 14);

		if (!t_load(p + i * PAGE, &v) || v != (gone ? 0 : i + 1))
			return fail("page %u: %llu", i, (unsigned long long)v);
		*(volatile u64 *)(p + i * PAGE) = i + 100;
	}
	if (fsync(fd))
		return fail("fsync: %s", strerror(errno));
	for (i = 0; i < 16; i++)
		if (pread(fd, &v, 8, i * PAGE) != 8 || v != i + 100)
			return fail("page %u, stored to again: %llu", i,
				    (unsigned long long)v);
	return pass("done, and reported");
}

/* 8: a private copy of a page costs nobody else his huge page */
static u64 faults_elsewhere(int fd, off_t off)
{
	int status;
	pid_t pid = t_start();

	if (!pid) {
		char *p = t_map(fd, PMD, PROT_READ, MAP_SHARED, off);
		u64 n;

		if (!p)
			t_bail("mmap");
		t_faults();	/* for the stack's own */
		n = t_faults();
		load_all(p, PMD_PAGES, PMD_PAGES);
		sh->touched = t_faults() - n;
		_exit(0);
	}
	if (!t_ends(pid, 30000, &status) || status)
		t_bail("a reader hangs or has died");
	return sh->touched;
}

static int private_copy(int huge)
{
	int fd = t_open_written(dir, FILE_NAME, NPAGES);
	char *q = t_map_pages(fd, NPAGES, MAP_PRIVATE, huge);
	u64 without, with, again;

	*(volatile u64 *)(q + 5 * PAGE) = 1;
	without = faults_elsewhere(fd, PMD);
	with = faults_elsewhere(fd, 0);
	again = faults_elsewhere(fd, 0);
	return say(with == 1 && again == 1 && without == 1 ? T_PASS : T_FAIL,
		   "%llu faults to read the block, then %llu, %llu without a private copy",
		   (unsigned long long)with, (unsigned long long)again,
		   (unsigned long long)without);
}

/* All rows, and how they are run */
struct row {
	const char *name;
	int (*run)(int arg);
	int arg;
	const char *knob;	/* of the kernel, that is on meanwhile */
	const char *warns;	/* where the one warning is that it must bring about */
};

static const struct row rows[] = {
	{ "fsync after punch of another page", flush, 0 },
	{ "fsync after truncate by a page", flush, 1 },
	{ "fsync after zero range of another page", flush, 2 },
	{ "fsync after fallocate inside the file", flush, 3 },
	{ "fsync after unaligned punch", flush, 4 },
	{ "fsync after unaligned zero range", flush, 5 },
	{ "fsync after unaligned truncate", flush, 6 },
	{ "fsync after punch in a huge page", flush, 7 },
	{ "fsync after punch across huge pages", flush, 8 },
	{ "fsync after zero range in a huge page", flush, 9 },
	{ "fsync after truncate in a huge page", flush, 10 },
	{ "fsync after fallocate inside a huge page", flush, 11 },
	{ "fsync after truncate at the start of a huge page", flush, 12 },
	{ "fsync after truncate upwards", flush, 13 },
	{ "fsync after fallocate past the end", flush, 14 },
	{ "fsync after clone of another page", flush, 15 },
	{ "fsync after truncate upwards, huge pages", flush, 16 },
	{ "fsync after clone of a part of a huge page", flush, 17 },
	{ "faults after punch, 1024 pages mapped", refault, 0 },
	{ "faults after punch, 4096 pages mapped", refault, 1 },
	{ "faults after punch, 16384 pages mapped", refault, 2 },
	{ "faults after punch, 65536 pages mapped", refault, 3 },
	{ "punch while another page is pinned", pin_elsewhere, 0 },
	{ "truncate while another page is pinned", pin_elsewhere, 1 },
	{ "punch of a pinned page waits", pin_same, 2 },
	{ "truncate of a pinned page waits", pin_same, 3 },
	{ "punch of a pinned page is traced", pin_traced, false },
	{ "punch of a pinned page is traced, killed", pin_traced, true },
	{ "punch of a pinned page, touched again", pin_touched_once, 2 },
	{ "punch of a pinned page, always touched", pin_touched_forever, 2 },
	{ "truncate of a pinned page, touched again", pin_touched_once, 3 },
	{ "clone killed while a page is pinned", remap_killed, false },
	{ "exchange killed while a page is pinned", remap_killed, true },
	{ "write into a mapped hole", write_hole, false },
	{ "write into a mapped huge hole", write_hole, true },
	{ "write into a hole while it is mapped", write_race, 5 },
	{ "write into a mapped hole near a write", write_near, false },
	{ "write into a mapped hole near a store", write_near, true },
	{ "write to shared blocks while mapped", write_clone, false },
	{ "write to shared blocks mapped huge", write_clone, true },
	{ "write to shared blocks from their mapping", write_clone_self, 0 },
	{ "write past the end of shared blocks, page pinned", extend_clone, false },
	{ "fallocate past the end of shared blocks, page pinned", extend_clone, true },
	{ "write to shared blocks, the buffer ends early", write_short, 0 },
	{ "write to shared blocks beside a store to the page", write_and_store, 5 },
	{ "write to shared blocks beside a truncation of the clone", write_and_truncate, 5 },
	{ "write to shared blocks that are always read", write_while_read, 0 },
	{ "read of shared blocks that others write to", read_shared, 0 },
	{ "write to shared blocks in use", write_in_use, false },
	{ "write to shared blocks in use, killed", write_in_use, true },
	{ "store to shared blocks in use", store_in_use, false },
	{ "store to shared blocks in use, killed", store_in_use, true },
	{ "write to shared blocks in use is traced", in_use_traced, false },
	{ "store to shared blocks in use is traced", in_use_traced, true },
	{ "write to shared blocks, a page in a pipe", piped, PIPED_WRITE },
	{ "store to shared blocks, a page in a pipe", piped, PIPED_STORE },
	{ "punch of a page in a pipe", piped, PIPED_PUNCH },
	{ "truncate of a page in a pipe", piped, PIPED_TRUNCATE },
	{ "unlink by who has a page in a pipe", piped, PIPED_UNLINK },
	{ "punch of a page that nobody receives", sent, PIPED_PUNCH },
	{ "huge pages of blocks that were shared", clone_huge, 0 },
	{ "hole that a client of pNFS fills", pnfs_hole, 5 },
	{ "page with a mark of userfaultfd", uffd_marks, false },
	{ "punched page with a mark of userfaultfd", uffd_marks, true },
	{ "first stores to holes beside writes", store_holes, 5 },
	{ "punch of pages under direct I/O", punch_direct, 5 },
	{ "swap with the boot loader while mapped", swap_boot, 0 },
	{ "swap of all extents while a page is pinned", swap_extents, 0 },
	{ "huge page beside a private copy", private_copy, true },
	{ "huge page of shared blocks beside a page of the clone", share_huge, 0 },
	{ "huge pages mapped while they are cloned", share_race, 0 },
};

static const struct row inode_rows[] = {
	{ "exchange with a file that is not on DAX, page pinned", exchange_half, 0 },
	{ "move extents, the first on DAX", pair, 2 * MOVE },
	{ "exchange, the second on DAX", pair, 2 * EXCHANGE + 1 },
	{ "exchange, the first on DAX", pair, 2 * EXCHANGE },
	{ "swap of all extents, the second on DAX", pair, 2 * SWAPEXT + 1 },
	{ "swap of all extents, the first on DAX", pair, 2 * SWAPEXT },
	{ "clone, the second on DAX", pair, 2 * CLONE_TO + 1 },
	{ "clone, the first on DAX", pair, 2 * CLONE_TO },
	{ "dedupe, the second on DAX", pair, 2 * DEDUPE + 1 },
	{ "dedupe, the first on DAX", pair, 2 * DEDUPE },
	{ "copy, the second on DAX", pair, 2 * COPY + 1 },
	{ "copy, the first on DAX", pair, 2 * COPY },
	{ "swap with the boot loader", swap_boot, 0 },
	/* Last, as it may kill the kernel */
	{ "move extents, the second on DAX", pair, 2 * MOVE + 1 },
};

#define UNBROKEN(name, c) \
	{ name ", layout not broken", unbroken, c, "skip_break", " at dax_truncate_range+" }

static const struct row knob_rows[] = {
	UNBROKEN("punch", 0),
	UNBROKEN("truncate", 1),
	UNBROKEN("punch in a huge page", 2),
	UNBROKEN("truncate in a huge page", 3),
	UNBROKEN("punch of a pinned page", 4),
	UNBROKEN("truncate of a pinned page", 5),
	{ "store to shared blocks, the copy fails", copy_fails, false, "fail_copy" },
	{ "store to shared huge blocks, the copy fails", copy_fails, true, "fail_copy" },
	{ "store to shared blocks, the end fails", end_fails, false, "fail_end" },
	{ "store to shared huge blocks, the end fails", end_fails, true, "fail_end" },
	{ "store to a page that is read, killed", mkwrite_killed, 0, "delay_fault" },
};

static const struct row cost_row = { "cost of a punch by pages mapped", cost, 0 };

/* A directory whose files are on DAX */
static const char *dax_dir(const char *in)
{
	static char path[256];
	struct fsxattr x;
	int f;

	snprintf(path, sizeof(path), "%s/dax_life.d", in);
	if (mkdir(path, 0700) && errno != EEXIST)
		t_bail("%s", path);
	f = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f < 0 || ioctl(f, FS_IOC_FSGETXATTR, &x))
		t_bail("%s", path);
	x.fsx_xflags |= FS_XFLAG_DAX;
	if (ioctl(f, FS_IOC_FSSETXATTR, &x))
		t_bail("FS_XFLAG_DAX");
	close(f);
	return path;
}

/* What the kernel has to say from now on */
static int kmsg_open(void)
{
	int f = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	t_put("/sys/kernel/debug/clear_warn_once", "1");
	if (f < 0 || lseek(f, 0, SEEK_END) < 0)
		t_bail("/dev/kmsg");
	return f;
}

/* How many warnings, and the first */
static int kmsg_trouble(int f, char *what, size_t size)
{
	static const char * const signs[] = {
		"WARNING: ", "BUG: ", "Oops: ", "UBSAN: ", "INFO: ",
	};
	char buf[8192], *s;
	unsigned int i;
	int found = 0;
	ssize_t n;

	while ((n = read(f, buf, sizeof(buf) - 1)) > 0 || (n < 0 && errno == EPIPE)) {
		if (n < 0)
			continue;
		buf[n] = 0;
		for (i = 0, s = NULL; i < ARRAY_SIZE(signs) && !s; i++)
			s = strstr(buf, signs[i]);
		if (s && !found++)
			snprintf(what, size, "%.*s", (int)strcspn(s, "\n"), s);
	}
	close(f);
	return found;
}

/* End all that a row has started.  False if something cannot be ended. */
static bool reap(pid_t group)
{
	u64 end = now_us() + 10000000;

	while (now_us() < end) {
		kill(-group, SIGKILL);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD)
			return true;
		usleep(1000);
	}
	return false;
}

static bool run(const struct row *r)
{
	int kmsg = kmsg_open(), status = 0, warnings;
	char name[128], trouble[160] = "";
	u64 began = now_us();
	bool ended, gone;
	pid_t pid;

	memset(sh, 0, sizeof(*sh));
	sh->verdict = -1;
	if (r->knob && !set_knob(r->knob, "1"))
		t_bail("%s cannot be set", r->knob);
	pid = fork();
	if (pid < 0)
		t_bail("fork");
	if (!pid) {
		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		sh->verdict = r->run(r->arg);
		_exit(0);
	}
	setpgid(pid, pid);
	ended = t_ends(pid, ROW_SECONDS * 1000, &status);
	gone = reap(pid);
	if (r->knob)
		set_knob(r->knob, "0");
	t_unlink(dir, FILE_NAME);
	t_unlink(dir, CLONE_NAME);
	if (ended && sh->verdict < 0 && WIFEXITED(status))
		return false;	/* it has bailed out */

	if (!ended)
		say(sh->verdict = T_FAIL, "has not ended");
	else if (sh->verdict < 0)
		say(sh->verdict = T_FAIL, "has died of signal %d", WTERMSIG(status));
	warnings = kmsg_trouble(kmsg, trouble, sizeof(trouble));
	if (r->warns && warnings != 1)
		snprintf(trouble, sizeof(trouble), "%d warnings", warnings);
	if (!gone || warnings != !!r->warns ||
	    (r->warns && !strstr(trouble, r->warns)))
		sh->verdict = T_FAIL;
	snprintf(name, sizeof(name), "%s: %s", fs, r->name);
	t_result(sh->verdict != T_FAIL, name, "%s%s%s%s%s, %llu ms",
		 sh->verdict == T_SKIP ? "SKIP " : "", sh->why,
		 gone ? "" : "; its processes cannot be killed", trouble[0] ? "; " : "", trouble,
		 (unsigned long long)(now_us() - began) / 1000);
	return true;
}

int main(int argc, char **argv)
{
	const struct row *all = rows, *todo[ARRAY_SIZE(rows)];
	int n = 0, of = ARRAY_SIZE(rows), opt, i, k;
	const char *only = "";
	bool ok = true;

	while ((opt = getopt(argc, argv, "bcir:")) != -1) {
		if (opt == 'b') {
			all = knob_rows;
			of = ARRAY_SIZE(knob_rows);
		} else if (opt == 'c') {
			all = &cost_row;
			of = 1;
		} else if (opt == 'i') {
			all = inode_rows;
			of = ARRAY_SIZE(inode_rows);
		} else if (opt == 'r') {
			only = optarg;
		} else {
			return T_FAIL;
		}
	}
	for (i = 0; i < of; i++)
		if (strstr(all[i].name, only))
			todo[n++] = &all[i];
	if (optind == argc || !n) {
		fprintf(stderr, "usage: dax_life [-b | -c | -i] [-r TEXT] DIR...\n");
		return T_FAIL;
	}
	if (all == knob_rows && !set_knob(all->knob, "0")) {
		printf("TAP version 13\n1..0 # SKIP this kernel has no dax.%s\n", all->knob);
		return T_SKIP;
	}
	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sh == MAP_FAILED)
		t_bail("mmap");
	/* Orphans of a row become ours, to be waited for. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	t_plan(n * (argc - optind));
	t_catch_sigbus();
	for (k = optind; k < argc; k++) {
		int fd;

		dir = all == inode_rows ? dax_dir(argv[k]) : argv[k];
		fd = t_open(dir, FILE_NAME, PAGE);
		if (!t_is_dax(fd))
			t_bail("%s is not on DAX", dir);
		close(fd);
	}
	trace_setup();
	for (k = optind; k < argc && ok; k++) {
		dir = all == inode_rows ? dax_dir(argv[k]) : argv[k];
		fs = t_base(argv[k]);
		for (i = 0; i < n && ok; i++)
			ok = run(todo[i]);
	}
	trace_end();
	return ok && !t_failed ? T_PASS : T_FAIL;
}
