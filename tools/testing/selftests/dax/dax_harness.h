/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DAX tests on kselftest's harness: what is around each test, and which must
 * fail on a kernel without the fixes.
 *
 *	PROGRAM [the harness's options, see -h] DIR	which begins with a /
 *
 * A test runs in processes of its own, which are gone when it is over: it has
 * three minutes.  What keeps it from ending (pins, processes that keep pages
 * mapped) goes with them when it has failed.  A warning of the kernel fails it as
 * well, unless it is the one that the test wants.
 *
 * With DAX_BASE=1 the kernel is one without the fixes.  What is FAILS_ON_BASE()
 * must fail there: it is XFAIL if it does, and fails if it passes or is skipped.
 */
#ifndef DAX_HARNESS_H
#define DAX_HARNESS_H

#define TH_LOG_STREAM stdout
#define T_BAIL_OUT "# cannot go on: "	/* others can */
#include "dax_util.h"
#include "kselftest_harness.h"

#define FILE_NAME	"dax_test"
#define CLONE_NAME	"dax_test2"

#define PMD_PAGES	(PMD / PAGE)
#define NPAGES		(4 * PMD_PAGES)
#define SIZE		(NPAGES * PAGE)
#define TEST_SECONDS	180		/* on kernels that check everything, too */

/* What the processes of a test tell each other, and those around it */
struct dax_test {
	_Atomic u32 touched, stop, gen, wrong, loads, holes;
	const char *warns;		/* where the one warning is that it must bring about */
	pid_t group;
};

static struct dax_test *sh;
static const char *dir;			/* where the files are */
static int kmsg;			/* what the kernel says since the test began */

/* A line about the result; several are put together. */
#define SAY(fmt, ...)	dax_say(_metadata, fmt, ##__VA_ARGS__)

static inline void __printf(2, 3)
dax_say(struct __test_metadata *_metadata, const char *fmt, ...)
{
	char *reason = _metadata->results->reason;
	size_t size = sizeof(_metadata->results->reason), n = strlen(reason);
	va_list ap;

	if (n)
		n += snprintf(reason + n, size - n, "; ");
	va_start(ap, fmt);
	if (n < size)
		vsnprintf(reason + n, size - n, fmt, ap);
	va_end(ap);
}

/* Processes */

/* Is it asleep, and how long was it in the kernel, in ticks? */
static inline bool sleeping(pid_t pid, unsigned long *stime)
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
static inline bool waits_or_spins(pid_t pid, bool spins)
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

static inline bool waits(pid_t pid)
{
	return waits_or_spins(pid, false);
}

static inline bool comes(const _Atomic u32 *what, int ms)
{
	u64 end = now_us() + ms * 1000ULL;

	while (!*what && now_us() < end)
		usleep(1000);
	return *what;
}

static struct t_pin the_pin;

static inline void pin(char *page)
{
	t_pin(&the_pin, page);
}

static inline void unpin(void)
{
	t_unpin(&the_pin);
}

/* Files, mappings and what is done to them */

enum op { PUNCH, ZERO, ALLOC, TRUNCATE, CLONE };

/* The bytes to the same place in another file */
static inline int clone_part(int fd, off_t off, off_t len)
{
	struct file_clone_range r = {
		.src_fd = fd, .src_offset = off, .src_length = len, .dest_offset = off,
	};
	int to = t_open(dir, CLONE_NAME, 0), ret;

	ret = ioctl(to, FICLONERANGE, &r);
	close(to);
	return ret;
}

static inline int do_op(int fd, enum op op, off_t off, off_t len)
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

static inline pid_t start_op(int fd, enum op op, off_t off, off_t len)
{
	pid_t pid = t_start();

	if (!pid)
		_exit(do_op(fd, op, off, len) ? errno : 0);
	return pid;
}

/* Let two files share all blocks.  The test is skipped where files cannot. */
static inline void clone_file(struct __test_metadata *_metadata, int to, int from)
{
	if (!ioctl(to, FICLONE, from))
		return;
	if (errno != EOPNOTSUPP && errno != ENOTTY)
		t_bail("FICLONE");
	SKIP(_exit(0), "no shared blocks here");
}

static inline void load_all(const char *p, unsigned long pages, unsigned long but)
{
	unsigned long i;

	for (i = 0; i < pages; i++)
		if (i != but)
			*(volatile const char *)(p + i * PAGE);
}

static inline bool room_for(unsigned long pages)
{
	struct statfs s;

	return !statfs(dir, &s) && s.f_bavail * s.f_bsize > 2 * pages * PAGE;
}

/* Around each test */

/* What the kernel has to say from now on */
static inline int kmsg_open(void)
{
	int f = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	t_put("/sys/kernel/debug/clear_warn_once", "1");
	if (f < 0 || lseek(f, 0, SEEK_END) < 0)
		t_bail("/dev/kmsg");
	return f;
}

/* How many warnings, and the first */
static inline int kmsg_trouble(int f, char *what, size_t size)
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

/* End all that a test has started.  False if something cannot be ended. */
static inline bool reap(pid_t group)
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

/* In the process that runs the test, with those that it starts in one group */
static inline void dax_setup(struct dax_test *test)
{
	int fd;

	sh = test;
	setpgid(0, 0);
	sh->group = getpid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	t_catch_sigbus();
	fd = t_open(dir, FILE_NAME, PAGE);
	if (!t_is_dax(fd))
		t_bail("%s is not on DAX", dir);
	close(fd);
}

/* In its parent, however it has ended */
static inline void dax_teardown(struct __test_metadata *_metadata, struct dax_test *test)
{
	char trouble[160] = "";
	int warnings;

	if (!reap(test->group)) {
		SAY("its processes cannot be killed");
		_metadata->exit_code = KSFT_FAIL;
	}
	t_unlink(dir, FILE_NAME);
	t_unlink(dir, CLONE_NAME);
	warnings = kmsg_trouble(kmsg, trouble, sizeof(trouble));
	if (trouble[0])
		SAY("%s", trouble);
	if (test->warns && warnings != 1)
		SAY("%d warnings", warnings);
	if (warnings != !!test->warns || (test->warns && !strstr(trouble, test->warns)))
		_metadata->exit_code = KSFT_FAIL;
}

/* What must fail on the base */

struct base_failure {
	const char *fixture, *variant, *test;
	const char *on;			/* file systems, "ext4 xfs" */
	struct base_failure *next;
};

static struct base_failure *base_failures;

/* Beside the test.  The variant "all" is each, or none where there are no variants. */
#define FAILS_ON_BASE(fixture_name, variant_name, test_name, file_systems) \
	static void __attribute__((constructor)) \
	_##fixture_name##_##variant_name##_##test_name##_fails_on_base(void) \
	{ \
		static struct base_failure failure = { \
			#fixture_name, #variant_name, #test_name, file_systems, \
		}; \
		failure.next = base_failures; \
		base_failures = &failure; \
	}

/* The harness makes it XFAIL.  Shared: who runs the test may take it back. */
static inline void expect_failure(struct __fixture_variant_metadata *v,
				  struct __test_metadata *t)
{
	struct __test_xfail *x = mmap(NULL, sizeof(*x), PROT_READ | PROT_WRITE,
				      MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (x == MAP_FAILED)
		t_bail("mmap");
	x->variant = v;
	x->test = t;
	__register_xfail(x);
}

static inline void expect_failures(const struct base_failure *b)
{
	struct __fixture_variant_metadata *v;
	struct __fixture_metadata *f;
	struct __test_metadata *t;
	bool found = false;

	for (f = __fixture_list; f && strcmp(f->name, b->fixture); f = f->next)
		;
	for (t = f ? f->tests : NULL; t && strcmp(t->name, b->test); t = t->next)
		;
	for (v = t ? f->variant : NULL; v; v = v->next) {
		if (strcmp(b->variant, "all") && strcmp(b->variant, v->name))
			continue;
		found = true;
		if (t_must_fail(dir, b->on))
			expect_failure(v, t);
	}
	if (!found)
		t_bail("no test %s.%s.%s", b->fixture, b->variant, b->test);
}

static struct {
	struct __test_metadata *test;
	void (*fn)(struct __test_metadata *t, struct __fixture_variant_metadata *v);
} functions[64];

/* In the harness's child */
static inline void run_test(struct __test_metadata *t, struct __fixture_variant_metadata *v)
{
	struct __test_xfail *x;
	int i = 0;

	/* Orphans of a test become ours, to be waited for. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	kmsg = kmsg_open();
	while (functions[i].test != t)
		i++;
	functions[i].fn(t, v);
	for (x = v->xfails; x && x->test != t; x = x->next)
		;
	if (!x || t->exit_code == KSFT_FAIL)
		return;
	x->test = NULL;
	dax_say(t, "%s", t->exit_code == KSFT_PASS ? "passes, which the base cannot" :
						     "not tested");
	t->exit_code = KSFT_FAIL;
}

static inline int dax_main(int argc, char **argv)
{
	struct __fixture_metadata *f;
	struct __test_metadata *t;
	struct base_failure *b;
	unsigned int n = 0;

	dir = argc > 1 && argv[argc - 1][0] == '/' ? argv[--argc] : ".";
	for (f = __fixture_list; f; f = f->next) {
		/* Only what has a variant can be XFAIL: one without a name. */
		if (f->tests && !f->variant) {
			f->variant = calloc(1, sizeof(*f->variant));
			f->variant->name = "";
		}
		for (t = f->tests; t; t = t->next) {
			if (n == ARRAY_SIZE(functions))
				t_bail("too many tests");
			functions[n].test = t;
			functions[n++].fn = t->fn;
			t->fn = run_test;
			t->timeout = TEST_SECONDS;
		}
	}
	for (b = base_failures; b; b = b->next)
		expect_failures(b);
	return test_harness_run(argc, argv);
}

#define DAX_HARNESS_MAIN \
	int main(int argc, char **argv) \
	{ \
		return dax_main(argc, argv); \
	}

#endif /* DAX_HARNESS_H */
