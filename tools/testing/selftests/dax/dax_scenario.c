// SPDX-License-Identifier: GPL-2.0
/*
 * What DAX on a file system does now, for people to read.  What is ok, or not,
 * is what this kernel has to do; lines with a # are how well it does it.
 *
 *	dax_scenario DIR...
 */
#include "dax_util.h"
#include <pthread.h>
#include <stdatomic.h>

#define INSTANCE	TRACING "/instances/dax_scenario"
#define NPAGES		16384UL
#define SIZE		(NPAGES * PAGE)
#define DIRTY		100

static const char *dir;
static bool tracing, range_lock;

#define VERDICTS	10		/* on each file system */

static void __printf(3, 4)
row(int result, const char *what, const char *fmt, ...)
{
	char name[128], why[128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	snprintf(name, sizeof(name), "%s: %s", t_base(dir), what);
	ksft_test_result_code(result, name, "%s", why);
}

#define verdict(ok) ((ok) ? KSFT_PASS : KSFT_FAIL)
#define info(what, fmt, ...) \
	ksft_print_msg("%s: %s: " fmt "\n", t_base(dir), what, ##__VA_ARGS__)

static bool has_range_lock(void)
{
	FILE *f = fopen("/proc/kallsyms", "r");
	char line[512];
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		found = strstr(line, " range_unlock");
	if (f)
		fclose(f);
	return found;
}

static void trace_setup(void)
{
	mkdir(INSTANCE, 0755);
	tracing = t_put(INSTANCE "/events/fs_dax/dax_writeback_one/enable", "1");
	/* Who waits shows on the stack: 2 and 4 are sleeping locks. */
	range_lock = has_range_lock();
	if (range_lock)
		tracing &= t_put(INSTANCE "/events/lock/contention_begin/trigger",
				 "stacktrace if flags == 2 || flags == 4");
}

static void trace_end(void)
{
	t_put(INSTANCE "/events/fs_dax/dax_writeback_one/enable", "0");
	if (range_lock)
		t_put(INSTANCE "/events/lock/contention_begin/trigger",
		      "!stacktrace if flags == 2 || flags == 4");
	rmdir(INSTANCE);
}

static void trace_clear(void)
{
	int f = open(INSTANCE "/trace", O_WRONLY | O_TRUNC);

	if (f >= 0)
		close(f);
}

/* Pages that were written back */
static unsigned long trace_flushed(void)
{
	FILE *f = fopen(INSTANCE "/trace", "r");
	unsigned long n = 0, len;
	char line[1024], *s;

	while (f && fgets(line, sizeof(line), f)) {
		s = strstr(line, "dax_writeback_one") ? strstr(line, "pglen ") : NULL;
		if (s && sscanf(s + 6, "%lx", &len) == 1)
			n += len;
	}
	if (f)
		fclose(f);
	return n;
}

/* How often tasks of this name had to wait for a range */
static unsigned long trace_waits(const char *comm)
{
	FILE *f = fopen(INSTANCE "/trace", "r");
	unsigned long n = 0;
	bool ours = false;
	char line[1024];

	while (f && fgets(line, sizeof(line), f)) {
		if (strstr(line, "<stack trace>")) {
			ours = strstr(line, comm);
		} else if (ours && strstr(line, "=> range_lock")) {
			n++;
			ours = false;
		}
	}
	if (f)
		fclose(f);
	return n;
}

static void punch(int fd, unsigned long page)
{
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		      page * PAGE, PAGE))
		t_bail("punch");
}

static unsigned long flushed(int fd, char *p, bool with_punch)
{
	int i;

	if (fsync(fd))
		t_bail("fsync");
	trace_clear();
	for (i = 0; i < DIRTY; i++)
		p[i * PAGE] = 1;
	if (with_punch)
		punch(fd, NPAGES / 2);
	if (fsync(fd))
		t_bail("fsync");
	return trace_flushed();
}

static void durability(int fd)
{
	char *p = t_map_pages(fd, NPAGES, MAP_SHARED, false);
	unsigned long n;

	if (!tracing) {
		row(KSFT_FAIL, "fsync flushes what was stored", "the tracepoints cannot be used");
		row(KSFT_FAIL, "the same, another page punched before", "nor here");
		return;
	}
	n = flushed(fd, p, false);
	row(verdict(n == DIRTY), "fsync flushes what was stored",
	    "%lu of %d pages", n, DIRTY);
	n = flushed(fd, p, true);
	row(verdict(n == DIRTY), "the same, another page punched before",
	    "%lu of %d pages", n, DIRTY);
	munmap(p, SIZE);
}

static void refault(int fd)
{
	char *p = t_map_pages(fd, NPAGES, MAP_SHARED, false);
	unsigned long i;
	u64 faults, t;

	for (i = 0; i < NPAGES; i++)
		*(volatile char *)(p + i * PAGE);
	t = now_us();
	punch(fd, 77);
	t = now_us() - t;
	faults = t_faults();
	for (i = 0; i < NPAGES; i++)
		if (i != 77)
			*(volatile char *)(p + i * PAGE);
	faults = t_faults() - faults;
	/* An entry of 2 MiB goes as a whole. */
	row(verdict(faults <= 512), "one page punched: pages to be faulted again",
	    "%llu of %lu; punch took %llu us", (unsigned long long)faults,
	    NPAGES - 1, (unsigned long long)t);
	munmap(p, SIZE);
}

/* Faults as fast as can be */
struct load {
	pthread_t thread;
	char *p;
	unsigned long pages, n;
};

static _Atomic bool stop;

static void *fault_loop(void *arg)
{
	struct load *l = arg;
	u64 v;
	unsigned long i;

	prctl(PR_SET_NAME, "fault");
	while (!stop) {
		madvise(l->p, l->pages * PAGE, MADV_DONTNEED);
		for (i = 0; i < l->pages && !stop; i++)
			l->n += t_load(l->p + i * PAGE, &v);
	}
	return NULL;
}

static double per_second(struct load *l, int n)
{
	u64 t = now_us();
	unsigned long sum = 0;
	int i;

	stop = false;
	for (i = 0; i < n; i++) {
		l[i].n = 0;
		if (pthread_create(&l[i].thread, NULL, fault_loop, &l[i]))
			t_bail("pthread_create");
	}
	usleep(1000000);
	stop = true;
	for (i = 0; i < n; i++) {
		pthread_join(l[i].thread, NULL);
		sum += l[i].n;
	}
	return sum * 1e6 / (now_us() - t);
}

static void speed(int fd)
{
	int fd2 = t_open_written(dir, "dax_scenario2", 1024);
	char *p = t_map_pages(fd, NPAGES, MAP_SHARED, false);
	char *q = t_map_pages(fd2, 1024, MAP_SHARED, false);
	struct load l[2] = { { .p = p, .pages = 1024 },
			     { .p = p + 2048 * PAGE, .pages = 1024 } };
	double one, same, apart;

	trace_clear();
	one = per_second(l, 1);
	same = per_second(l, 2);
	l[1].p = q;
	apart = per_second(l, 2);
	info("read faults a second, one thread", "%.0f", one);
	info("two threads, one file, different pages", "%.0f", same);
	info("two threads, a file each", "%.0f", apart);
	if (range_lock) {
		unsigned long n = trace_waits("fault-");

		row(verdict(!n), "faults on different pages never wait",
		    "%lu waits for a range", n);
	} else {
		row(KSFT_SKIP, "faults on different pages never wait",
		    "this kernel has no range lock");
	}
	munmap(p, SIZE);
	munmap(q, 1024 * PAGE);
	close(fd2);
	t_unlink(dir, "dax_scenario2");
}

static void truncate_race(int fd)
{
	char *p = t_map_pages(fd, NPAGES, MAP_SHARED, false);
	struct load l[2] = { { .p = p, .pages = 256 }, { .p = p, .pages = 256 } };
	unsigned long cuts = 0, stale = 0, zero = 0, waited;
	u64 seed = 1, v, end;
	int i;

	trace_clear();
	stop = false;
	for (i = 0; i < 2; i++)
		if (pthread_create(&l[i].thread, NULL, fault_loop, &l[i]))
			t_bail("pthread_create");
	prctl(PR_SET_NAME, "truncate");
	for (end = now_us() + 1000000; now_us() < end; cuts++) {
		unsigned long k = rnd(&seed) % 256, j;

		/* Something to be stale */
		for (j = k; j < k + 8; j++)
			t_store(p + j * PAGE, 0xbad);
		if (ftruncate(fd, k * PAGE))
			t_bail("ftruncate");
		for (j = k; j < k + 8; j++)
			stale += t_load(p + j * PAGE, &v);
		if (ftruncate(fd, 512 * PAGE))
			t_bail("ftruncate");
		for (j = k; j < k + 8; j++)
			zero += !t_load(p + j * PAGE, &v) || v != 0;
	}
	prctl(PR_SET_NAME, "dax_scenario");
	stop = true;
	for (i = 0; i < 2; i++)
		pthread_join(l[i].thread, NULL);
	row(verdict(!stale && cuts && l[0].n && l[1].n),
	    "truncate against faults: SIGBUS past EOF",
	    "%lu truncations, %lu faults, %lu stale pages", cuts,
	    l[0].n + l[1].n, stale);
	row(verdict(!zero), "zeroes where the file grows again", "%lu stale pages", zero);
	if (range_lock) {
		waited = trace_waits("truncate-");
		info("conflicts: waits for a range", "%lu of truncate, %lu of faults",
		    waited, trace_waits("fault-"));
	} else {
		info("conflicts", "this kernel has no range lock");
	}
	munmap(p, SIZE);
}

static void cow(int fd)
{
	char *p = t_map_pages(fd, 512, MAP_PRIVATE, true);
	u64 v = 0;
	bool past, kept, gone;

	if (ftruncate(fd, 512 * PAGE) || !t_store(p + 5 * PAGE, 5) ||
	    !t_store(p + 300 * PAGE, 6))
		t_bail("private stores");
	punch(fd, 5);
	kept = t_load(p + 5 * PAGE, &v) && v == 5;
	if (ftruncate(fd, 256 * PAGE))
		t_bail("ftruncate");
	past = !t_store(p + 400 * PAGE, 7);
	gone = !t_load(p + 300 * PAGE, &v);
	row(verdict(past), "private store past EOF", "%s", past ? "SIGBUS" : "no SIGBUS");
	row(verdict(kept), "private copy of a punched page", "%s", kept ? "stays" : "lost");
	row(verdict(gone), "private copy of a truncated page", "%s", gone ? "gone" : "stays");
	munmap(p, 512 * PAGE);
}

static void map_sync(int fd)
{
	unsigned long bad = 0, i;
	u64 v;
	char *p;

	/* Blocks that are not there yet, so that each fault syncs the file */
	if (ftruncate(fd, 0) || ftruncate(fd, 64 * PAGE))
		t_bail("ftruncate");
	p = t_map_pages(fd, 64, MAP_SHARED_VALIDATE | MAP_SYNC, false);
	for (i = 0; i < 64; i++)
		if (!t_store(p + i * PAGE, i + 1) ||
		    pread(fd, &v, 8, i * PAGE) != 8 || v != i + 1)
			bad++;
	row(verdict(!bad), "MAP_SYNC stores are in the file", "%lu of 64", 64 - bad);
	munmap(p, 64 * PAGE);
}

int main(int argc, char **argv)
{
	int i;

	if (argc < 2) {
		fprintf(stderr, "usage: dax_scenario DIR...\n");
		return KSFT_FAIL;
	}
	t_catch_sigbus();
	ksft_print_header();
	ksft_set_plan(VERDICTS * (argc - 1));
	trace_setup();
	for (i = 1; i < argc; i++) {
		int fd;

		dir = argv[i];
		ksft_print_msg("DAX on %s (%s), range lock: %s\n", t_base(dir), dir,
			       range_lock ? "yes" : "no");
		fd = t_open_written(dir, "dax_scenario", NPAGES);
		durability(fd);
		refault(fd);
		speed(fd);
		truncate_race(fd);
		cow(fd);
		map_sync(fd);
		close(fd);
		t_unlink(dir, "dax_scenario");
	}
	trace_end();
	ksft_finished();
}
