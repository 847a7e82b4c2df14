// SPDX-License-Identifier: GPL-2.0
/*
 * Instructions per DAX fault, and per write(2) of a page that has its block, for
 * a VM in which time counts instructions (qemu -accel tcg -icount
 * shift=0,sleep=off -smp 1): rdtsc counts them there.
 *
 *	dax_cost DIR [pages [repetitions]]
 *
 * Prints "cost <file system> <kind> <instructions>", the smallest mean of a
 * repetition: ticks and journal commits fall into some of them.
 */
#include "dax_util.h"
#ifdef __x86_64__
#include <x86intrin.h>
#else
static inline u64 __rdtsc(void) { return now_us() * 1000; }
#endif

/* PWRITE_HOLE comes last: it maps a hole in the file, which tells on all writes. */
enum {
	READ, WRITE, MKWRITE, COW, HOLE, READ_BESIDE, WRITE_BESIDE, PMD_READ,
	PMD_WRITE, FIRST_STORE, FIRST_STORE_APART, PWRITE_NEW, PWRITE_8,
	PWRITE_4K, PWRITE_HOLE, KINDS
};

static const char * const kind_name[KINDS] = {
	"read", "write", "mkwrite", "cow", "hole", "read_beside_pmd",
	"write_beside_pmd", "pmd_read", "pmd_write", "first_store",
	"first_store_apart", "pwrite_new", "pwrite_8", "pwrite_4k",
	"pwrite_4k_hole",
};

#define NPMD	16

/* A fault for each step; the whole of it in cycles. */
static u64 touch(volatile char *p, size_t len, size_t step, bool write)
{
	volatile char *end = p + len;
	u64 start = __rdtsc();

	if (write)
		for (; p < end; p += step)
			*p = 1;
	else
		for (; p < end; p += step)
			*p;
	return __rdtsc() - start;
}

static double one_pwrite(int fd, size_t len, size_t size)
{
	static char buf[PAGE];
	u64 start = __rdtsc();
	size_t pos;

	for (pos = 0; pos < len; pos += PAGE)
		if (pwrite(fd, buf, size, pos) != (ssize_t)size)
			t_bail("pwrite");
	return (double)(__rdtsc() - start) / (len / PAGE);
}

/* To new blocks of a file that nobody maps */
static double one_pwrite_new(int fd, size_t len)
{
	double t;

	if (ftruncate(fd, 0))
		t_bail("ftruncate");
	sync();
	t = one_pwrite(fd, len, PAGE);
	return t;
}

/*
 * Stores to blocks that are allocated, but not written: one after the other, or
 * each at a distance to those before it.
 */
static double one_first_store(int fd, size_t len, bool apart)
{
	size_t pages = len / PAGE, i, step = apart ? 33 : 1;
	char *p;
	u64 t;

	if (ftruncate(fd, 0) || fallocate(fd, 0, 0, len))
		t_bail("fallocate");
	sync();
	p = t_map_pages(fd, pages, MAP_SHARED, false);
	t = __rdtsc();
	for (i = 0; i < pages; i++)
		*(volatile char *)(p + i * step % pages * PAGE) = 1;
	t = __rdtsc() - t;
	munmap(p, len);
	return (double)t / pages;
}

/* A page past all others, looked at before it has a block */
static void map_hole(int fd, size_t len)
{
	char *p;

	if (ftruncate(fd, len + PAGE))
		t_bail("ftruncate");
	p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, len);
	if (p == MAP_FAILED)
		t_bail("mmap");
	touch(p, PAGE, PAGE, false);
	munmap(p, PAGE);
}

/* An entry of a PMD, which faults on other pages of the file have to look for */
static void map_pmd(int fd, off_t off)
{
	char *p = t_map(fd, PMD, PROT_READ, MAP_SHARED, off);
	u64 faults;

	if (!p)
		t_bail("mmap");
	madvise(p, PMD, MADV_HUGEPAGE);
	faults = t_faults();
	touch(p, PMD, PAGE, false);
	if (t_faults() - faults > 4)
		t_bail("the file system gives no huge page");
	munmap(p, PMD);
}

static double one(int fd, int kind, size_t len, bool *odd)
{
	bool huge = kind == PMD_READ || kind == PMD_WRITE;
	size_t step = huge ? PMD : PAGE;
	u64 t, faults;
	char *p;

	if (kind == FIRST_STORE || kind == FIRST_STORE_APART)
		return one_first_store(fd, len, kind == FIRST_STORE_APART);
	if (kind == PWRITE_NEW)
		return one_pwrite_new(fd, len);
	if (kind >= PWRITE_8)
		return one_pwrite(fd, len, kind == PWRITE_8 ? 8 : PAGE);
	p = t_map(fd, len, PROT_READ | PROT_WRITE,
		  kind == COW ? MAP_PRIVATE : MAP_SHARED, 0);
	if (!p)
		t_bail("mmap");
	if (!huge)
		madvise(p, len, MADV_NOHUGEPAGE);
	else
		madvise(p, len, MADV_HUGEPAGE);
	if (kind == MKWRITE)
		touch(p, len, step, false);
	faults = t_faults();
	t = touch(p, len, step, kind != READ && kind != HOLE &&
		  kind != READ_BESIDE && kind != PMD_READ);
	faults = t_faults() - faults;
	if (faults < len / step || faults > len / step + 4)
		*odd = true;
	munmap(p, len);
	return (double)t / (len / step);
}

static int cmp(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	size_t pages = argc > 2 ? atoi(argv[2]) : 1024, len;
	int reps = argc > 3 ? atoi(argv[3]) : 12, kind, i;
	int fd, huge_fd, hole_fd, beside_fd, new_fd, of_kind[KINDS];
	double *v = calloc(reps, sizeof(*v));
	const char *fs;
	char *buf;

	if (argc < 2 || reps < 1 || !pages) {
		fprintf(stderr, "usage: dax_cost DIR [pages [repetitions]]\n");
		return KSFT_FAIL;
	}
	fs = t_base(argv[1]);
	len = pages * PAGE;

	/* Blocks there, written, and on the medium: faults only map them. */
	fd = t_open(argv[1], "dax_cost", 0);
	huge_fd = t_open(argv[1], "dax_cost_huge", 0);
	hole_fd = t_open(argv[1], "dax_cost_hole", len);
	new_fd = t_open(argv[1], "dax_cost_new", 0);
	beside_fd = t_open_written(argv[1], "dax_cost_beside",
				   (len + 2 * PMD - 1) / PMD * PMD / PAGE);
	map_pmd(beside_fd, (len + PMD - 1) / PMD * PMD);
	buf = calloc(1, PMD);
	if (!v || !buf)
		t_bail("calloc");
	if (fallocate(fd, 0, 0, len) || fallocate(huge_fd, 0, 0, NPMD * PMD))
		t_bail("fallocate");
	for (i = 0; (size_t)i < pages; i++)
		if (pwrite(fd, buf, PAGE, i * PAGE) != PAGE)
			t_bail("pwrite");
	for (i = 0; i < NPMD; i++)
		if (pwrite(huge_fd, buf, PMD, i * PMD) != (ssize_t)PMD)
			t_bail("pwrite");
	if (fsync(fd) || fsync(huge_fd))
		t_bail("fsync");

	for (kind = 0; kind < KINDS; kind++)
		of_kind[kind] = fd;
	of_kind[HOLE] = hole_fd;
	of_kind[READ_BESIDE] = beside_fd;
	of_kind[WRITE_BESIDE] = beside_fd;
	of_kind[PMD_READ] = huge_fd;
	of_kind[PMD_WRITE] = huge_fd;
	of_kind[FIRST_STORE] = new_fd;
	of_kind[FIRST_STORE_APART] = new_fd;
	of_kind[PWRITE_NEW] = new_fd;

	for (kind = 0; kind < KINDS; kind++) {
		bool huge = kind == PMD_READ || kind == PMD_WRITE, odd = false;

		if (kind == PWRITE_HOLE)
			map_hole(fd, len);
		sync();
		for (i = -2; i < reps; i++) {
			double t;

			if (i <= 0)	/* the others are not counted */
				odd = false;
			t = one(of_kind[kind], kind, huge ? NPMD * PMD : len,
				&odd);
			if (i >= 0)	/* warm by then */
				v[i] = t;
		}
		qsort(v, reps, sizeof(*v), cmp);
		printf("cost %s %s %.0f\n", fs, kind_name[kind], v[0]);
		printf("# %s %s: median %.0f, largest %.0f%s\n", fs, kind_name[kind],
		       v[reps / 2], v[reps - 1], odd ? ", with an odd number of faults" : "");
		fflush(stdout);
		if (odd) {
			printf("# %s %s is not what it says\n", fs, kind_name[kind]);
			return KSFT_FAIL;
		}
	}
	close(fd);
	close(huge_fd);
	close(hole_fd);
	close(beside_fd);
	close(new_fd);
	t_unlink(argv[1], "dax_cost");
	t_unlink(argv[1], "dax_cost_huge");
	t_unlink(argv[1], "dax_cost_hole");
	t_unlink(argv[1], "dax_cost_beside");
	t_unlink(argv[1], "dax_cost_new");
	return KSFT_PASS;
}
