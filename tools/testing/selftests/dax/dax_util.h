/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the DAX tests share: files, mappings, SIGBUS, pages in use, processes.
 * Those on kselftest's harness include dax_harness.h instead.
 */
#ifndef DAX_UTIL_H
#define DAX_UTIL_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/nbd.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kselftest.h"

#ifndef MAP_SYNC
#define MAP_SYNC 0x80000
#endif
#ifndef MAP_SHARED_VALIDATE
#define MAP_SHARED_VALIDATE 3
#endif
#ifndef FALLOC_FL_KEEP_SIZE
#define FALLOC_FL_KEEP_SIZE 1
#define FALLOC_FL_PUNCH_HOLE 2
#endif
#ifndef FALLOC_FL_ZERO_RANGE
#define FALLOC_FL_ZERO_RANGE 0x10
#endif
#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif

/* Who cannot go on says so, and exits with a status that is not that of a test */
#ifndef T_BAIL_OUT
#define T_BAIL_OUT "Bail out! "
#endif
#define T_BAIL	99

typedef uint64_t u64;
typedef uint32_t u32;

#define TRACING	"/sys/kernel/tracing"
#define PAGE	4096UL
#define PMD	(2UL << 20)

static inline u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static inline u64 now_us(void)
{
	return now_ns() / 1000;
}

/* Why a case has failed or was skipped, or what it has to say */
static char t_why[256];
static bool t_skipped;

static inline bool __printf(2, 3) t_fail(int line, const char *fmt, ...)
{
	int n = snprintf(t_why, sizeof(t_why), "line %d: ", line);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(t_why + n, sizeof(t_why) - n, fmt, ap);
	va_end(ap);
	return false;
}

/* For cases, which are functions that return whether all is right */
#define CHECK(cond, ...) do {						\
	if (!(cond))							\
		return t_fail(__LINE__, __VA_ARGS__);			\
} while (0)

#define SKIP_CASE(...) do {						\
	snprintf(t_why, sizeof(t_why), __VA_ARGS__);			\
	t_skipped = true;						\
	return true;							\
} while (0)

/* Reports a case that began at @start. */
static inline void t_case(bool ok, const char *name, const char *on, u64 start)
{
	if (ok && t_skipped)
		ksft_test_result_code(KSFT_SKIP, name, "%s: %s", on, t_why);
	else
		ksft_test_result_code(ok ? KSFT_PASS : KSFT_FAIL, name, "%s, %llu ms %s", on,
				      (unsigned long long)(now_us() - start) / 1000, t_why);
}

/* What makes all the rest senseless. */
static inline void __attribute__((noreturn)) __printf(1, 2)
t_bail(const char *fmt, ...)
{
	int err = errno;
	va_list ap;

	printf(T_BAIL_OUT);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf(" (%s)\n", strerror(err));
	fflush(stdout);
	_exit(T_BAIL);
}

/* With DAX_BASE=1, the kernel is the base: must a test fail on @dir there? */
static inline bool t_must_fail(const char *dir, const char *on)
{
	const char *base = getenv("DAX_BASE");
	struct statfs s;

	if (!on || !base || strcmp(base, "1"))
		return false;
	if (statfs(dir, &s))
		t_bail("%s", dir);
	return (s.f_type == EXT4_SUPER_MAGIC && strstr(on, "ext4")) ||
	       (s.f_type == XFS_SUPER_MAGIC && strstr(on, "xfs"));
}

/* The result of a test that must fail on the base, on these file systems */
static inline int t_judge(int code, const char *dir, const char *on)
{
	if (!t_must_fail(dir, on))
		return code;
	if (code == KSFT_FAIL)
		return KSFT_XFAIL;
	ksft_print_msg("it passes or is skipped, which the base cannot\n");
	return KSFT_FAIL;
}

/* splitmix64: all of it follows from the seed */
static inline u64 rnd(u64 *state)
{
	u64 z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* Loads and stores that report SIGBUS instead of dying of it. */
static __thread sigjmp_buf t_jmp;
static __thread volatile sig_atomic_t t_armed;

static void t_sigbus(int sig, siginfo_t *si, void *ctx)
{
	if (!t_armed) {
		static const char msg[] = T_BAIL_OUT "unexpected SIGBUS\n";

		if (write(1, msg, sizeof(msg) - 1) < 0)
			_exit(KSFT_SKIP);
		_exit(T_BAIL);
	}
	siglongjmp(t_jmp, 1);
}

static inline void t_catch_sigbus(void)
{
	struct sigaction sa = { .sa_sigaction = t_sigbus,
				.sa_flags = SA_SIGINFO | SA_NODEFER };

	sigaction(SIGBUS, &sa, NULL);
}

/* False if there was a SIGBUS. */
static inline bool t_load(const void *p, u64 *val)
{
	bool ok = false;

	if (!sigsetjmp(t_jmp, 0)) {
		t_armed = 1;
		*val = *(const volatile u64 *)p;
		ok = true;
	}
	t_armed = 0;
	return ok;
}

static inline bool t_store(void *p, u64 val)
{
	bool ok = false;

	if (!sigsetjmp(t_jmp, 0)) {
		t_armed = 1;
		*(volatile u64 *)p = val;
		ok = true;
	}
	t_armed = 0;
	return ok;
}

/*
 * Map at a multiple of 2 MiB, so that huge pages fit.  The place stays taken all
 * the time: another thread may be looking for one.
 */
static inline char *t_map(int fd, size_t len, int prot, int flags, off_t off)
{
	char *hint, *p;

	hint = mmap(NULL, len + PMD, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (hint == MAP_FAILED)
		return NULL;
	p = (char *)(((uintptr_t)hint + PMD - 1) & ~(PMD - 1));
	if (mmap(p, len, prot, flags | MAP_FIXED, fd, off) == MAP_FAILED) {
		munmap(hint, len + PMD);
		return NULL;
	}
	if (p > hint)
		munmap(hint, p - hint);
	if (p < hint + PMD)
		munmap(p + len, hint + PMD - p);
	return p;
}

static inline char *t_map_pages(int fd, unsigned long pages, int flags, bool huge)
{
	char *p = t_map(fd, pages * PAGE, PROT_READ | PROT_WRITE, flags, 0);

	if (!p)
		t_bail("mmap");
	madvise(p, pages * PAGE, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	return p;
}

/* A process that does not outlive this one */
static inline pid_t t_start(void)
{
	pid_t pid = fork();

	if (pid < 0)
		t_bail("fork");
	if (!pid)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

/* False if the process does not end in time. */
static inline bool t_ends(pid_t pid, int ms, int *status)
{
	u64 end = now_us() + ms * 1000ULL;

	while (waitpid(pid, status, WNOHANG) != pid) {
		if (now_us() > end)
			return false;
		usleep(1000);
	}
	return true;
}

static inline int t_open(const char *dir, const char *name, off_t size)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(path);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		t_bail("%s", path);
	if (ftruncate(fd, size))
		t_bail("ftruncate %s", path);
	return fd;
}

/* Blocks there and written, in extents that huge pages fit, and clean */
static inline int t_open_written(const char *dir, const char *name,
				 unsigned long pages)
{
	int fd = t_open(dir, name, 0);
	char *zero = calloc(1, PMD);
	unsigned long off;

	if (!zero || fallocate(fd, 0, 0, pages * PAGE))
		t_bail("fallocate");
	for (off = 0; off < pages * PAGE; off += PMD)
		if (pwrite(fd, zero, PMD, off) != (ssize_t)PMD)
			t_bail("pwrite");
	free(zero);
	if (fsync(fd))
		t_bail("fsync");
	return fd;
}

static inline void t_unlink(const char *dir, const char *name)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(path);
}

/* A file that does not map with MAP_SYNC is not on DAX at all. */
static inline bool t_is_dax(int fd)
{
	void *p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED_VALIDATE | MAP_SYNC,
		       fd, 0);

	if (p == MAP_FAILED)
		return false;
	munmap(p, PAGE);
	return true;
}

/* A line for a file of tracefs, or of another that takes lines */
static inline bool t_put(const char *path, const char *text)
{
	int f = open(path, O_WRONLY | O_APPEND);
	bool ok = f >= 0 && write(f, text, strlen(text)) == (ssize_t)strlen(text);

	if (f >= 0)
		close(f);
	return ok;
}

/*
 * A page in use, until somebody says otherwise: direct I/O writes it to a network
 * block device whose server, that is we, does not answer.
 */
struct t_pin {
	char *page;
	char path[16];
	int dev, sock[2];
	char handle[8];
	pthread_t nbd, io;
};

struct t_nbd_request {
	uint32_t magic, type;
	char handle[8];
	uint64_t from;
	uint32_t len;
} __attribute__((packed));

static inline void *t_pin_nbd(void *arg)
{
	struct t_pin *pin = arg;

	ioctl(pin->dev, NBD_DO_IT);
	return NULL;
}

static inline void *t_pin_io(void *arg)
{
	struct t_pin *pin = arg;
	int fd = open(pin->path, O_RDWR | O_DIRECT | O_CLOEXEC);

	if (fd < 0 || pwrite(fd, pin->page, PAGE, 0) != (ssize_t)PAGE)
		t_bail("%s: direct I/O", pin->path);
	close(fd);
	return NULL;
}

static inline void t_nbd_all(int fd, bool out, void *buf, size_t len)
{
	ssize_t n;

	for (; len; buf = (char *)buf + n, len -= n) {
		n = out ? write(fd, buf, len) : read(fd, buf, len);
		if (n <= 0)
			t_bail("socket of the block device");
	}
}

static inline void t_nbd_reply(struct t_pin *pin, const char *handle)
{
	struct {
		uint32_t magic, error;
		char handle[8];
	} reply = { .magic = htobe32(NBD_REPLY_MAGIC) };

	memcpy(reply.handle, handle, 8);
	t_nbd_all(pin->sock[1], true, &reply, sizeof(reply));
}

/* Serve until there is the one write. */
static inline void t_nbd_serve(struct t_pin *pin)
{
	struct t_nbd_request r;
	static char buf[1 << 20];

	for (;;) {
		t_nbd_all(pin->sock[1], false, &r, sizeof(r));
		r.len = be32toh(r.len);
		if (r.len > sizeof(buf))
			t_bail("a request of %u bytes", r.len);
		switch (be32toh(r.type) & 0xffff) {
		case NBD_CMD_READ:
			memset(buf, 0, r.len);
			t_nbd_reply(pin, r.handle);
			t_nbd_all(pin->sock[1], true, buf, r.len);
			break;
		case NBD_CMD_WRITE:
			t_nbd_all(pin->sock[1], false, buf, r.len);
			memcpy(pin->handle, r.handle, 8);
			return;
		default:
			t_nbd_reply(pin, r.handle);
		}
	}
}

static inline void t_pin(struct t_pin *pin, char *page)
{
	u64 size = 0;
	int i, n;

	pin->page = page;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pin->sock))
		t_bail("socketpair");
	for (i = 0; i < 16; i++) {
		snprintf(pin->path, sizeof(pin->path), "/dev/nbd%d", i);
		pin->dev = open(pin->path, O_RDWR | O_CLOEXEC);
		if (pin->dev < 0)
			t_bail("%s: no network block devices", pin->path);
		if (!ioctl(pin->dev, NBD_SET_SOCK, pin->sock[0]))
			break;
		close(pin->dev);
	}
	if (i == 16 || ioctl(pin->dev, NBD_SET_BLKSIZE, PAGE) ||
	    ioctl(pin->dev, NBD_SET_SIZE_BLOCKS, 16UL) ||
	    pthread_create(&pin->nbd, NULL, t_pin_nbd, pin))
		t_bail("network block device");
	for (n = 0; n < 1000 && !size; n++) {
		usleep(1000);
		if (ioctl(pin->dev, BLKGETSIZE64, &size))
			t_bail("BLKGETSIZE64");
	}
	/* Who opens it looks for partitions, and has to be served. */
	if (!size || pthread_create(&pin->io, NULL, t_pin_io, pin))
		t_bail("%s", pin->path);
	t_nbd_serve(pin);
}

static inline void t_unpin(struct t_pin *pin)
{
	t_nbd_reply(pin, pin->handle);
	pthread_join(pin->io, NULL);
	ioctl(pin->dev, NBD_CLEAR_SOCK);
	shutdown(pin->sock[1], SHUT_RDWR);
	pthread_join(pin->nbd, NULL);
	close(pin->dev);
	close(pin->sock[0]);
	close(pin->sock[1]);
}

static inline const char *t_base(const char *path)
{
	const char *p = strrchr(path, '/');

	return p ? p + 1 : path;
}

static inline u64 t_faults(void)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	return ru.ru_minflt + ru.ru_majflt;
}

#endif /* DAX_UTIL_H */
