// SPDX-License-Identifier: GPL-2.0
/*
 * Pages of a DAX file that are in use, by direct I/O, a pipe or a socket: what
 * waits for them, what does not, and what is traced of it.
 *
 *	dax_pins [options of the harness] DIR
 */
#include "dax_trace.h"
#include <netinet/in.h>

/* Who waits for a page in use, and for how long */
#define PINNED	5UL

FIXTURE_VARIANT(pin) {
	enum op op;
	off_t elsewhere;
};

FIXTURE(pin) {
	struct dax_test test;
};

FIXTURE_SETUP(pin)
{
	dax_setup(&self->test);
}

FIXTURE_TEARDOWN_PARENT(pin)
{
	dax_teardown(_metadata, &self->test);
}

FIXTURE_VARIANT_ADD(pin, punch) {
	.op = PUNCH, .elsewhere = 1000 * PAGE,
};

FIXTURE_VARIANT_ADD(pin, truncate) {
	.op = TRUNCATE, .elsewhere = SIZE - PAGE,
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

TEST_F(pin, while_another_page_is_pinned)
{
	u64 t;
	int fd, status;
	pid_t pid;

	pinned_file(&fd);
	t = now_us();
	pid = start_op(fd, variant->op, variant->elsewhere, PAGE);
	if (!t_ends(pid, 3000, &status)) {
		unpin();
		ASSERT_FALSE(t_ends(pid, 5000, &status))
			SAY("waited for the pin of another page, longer than 3 s");
		ASSERT_TRUE(false)
			SAY("hangs, even without the pin");
	}
	t = now_us() - t;
	unpin();
	ASSERT_EQ(0, status)
		SAY("status %x", status);
	SAY("%llu ms", (unsigned long long)t / 1000);
}

FAILS_ON_BASE(pin, all, while_another_page_is_pinned, "ext4 xfs");

static bool is_gone(const char *page, enum op op)
{
	u64 v;

	return t_load(page, &v) ? !v && op != TRUNCATE : op != PUNCH;
}

TEST_F(pin, of_a_pinned_page_waits)
{
	int fd, status;
	pid_t pid;
	char *p;

	p = pinned_file(&fd);
	pid = start_op(fd, variant->op, PINNED * PAGE, PAGE);
	ASSERT_TRUE(waits(pid))
		SAY("does not wait");
	unpin();
	ASSERT_TRUE(t_ends(pid, 5000, &status))
		SAY("hangs when the pin is gone");
	ASSERT_EQ(0, status)
		SAY("status %x", status);
	ASSERT_TRUE(is_gone(p + PINNED * PAGE, variant->op))
		SAY("the page is still there");
	SAY("as long as it is pinned");
}

/* Nobody may wait for a page not to be mapped, which it may be again. */
static void touched(struct __test_metadata *_metadata, enum op op, bool forever)
{
	pid_t pid, toucher;
	int fd, status;
	char *p;
	u64 v, t;

	p = pinned_file(&fd);
	pid = start_op(fd, op, PINNED * PAGE, PAGE);
	ASSERT_TRUE(waits(pid))
		SAY("does not wait for the pin");
	toucher = t_start();
	if (!toucher) {
		do {
			t_load(p + PINNED * PAGE, &v);
			sh->touched++;
		} while (forever);
		for (;;)
			pause();
	}
	ASSERT_TRUE(comes(&sh->touched, 3000))
		SAY("a fault waits for the pin");
	t = now_us();
	unpin();
	if (!t_ends(pid, 5000, &status)) {
		kill(toucher, SIGKILL);
		t = now_us();
		ASSERT_FALSE(t_ends(pid, 5000, &status))
			SAY("hung for 5 s without a pin, ended %llu ms after the toucher",
			    (unsigned long long)(now_us() - t) / 1000);
		ASSERT_TRUE(false)
			SAY("hangs, even without the toucher");
	}
	t = now_us() - t;
	kill(toucher, SIGKILL);
	ASSERT_EQ(0, status)
		SAY("status %x", status);
	ASSERT_TRUE(is_gone(p + PINNED * PAGE, op))
		SAY("the page is still there");
	SAY("ended %llu ms after the pin", (unsigned long long)t / 1000);
}

TEST_F(pin, of_a_pinned_page_touched_again)
{
	touched(_metadata, variant->op, false);
}

FAILS_ON_BASE(pin, all, of_a_pinned_page_touched_again, "ext4 xfs");

TEST_F(pin, of_a_pinned_page_always_touched)
{
	touched(_metadata, variant->op, true);
}

FAILS_ON_BASE(pin, all, of_a_pinned_page_always_touched, "ext4 xfs");

/* Blocks that files share, a page of which is in use */

FIXTURE(shared) {
	struct dax_test test;
};

FIXTURE_SETUP(shared)
{
	dax_setup(&self->test);
}

FIXTURE_TEARDOWN_PARENT(shared)
{
	dax_teardown(_metadata, &self->test);
}

/*
 * What extends a file zeroes the rest of its last page.  If its blocks are
 * shared that waits for who uses the page, who may need to fault another one.
 */
static void extend_clone(struct __test_metadata *_metadata, bool by_fallocate)
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
	clone_file(_metadata, to, fd);
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
	ASSERT_TRUE(t_ends(toucher, 3000, &status))
		SAY("a fault on another page waits as well");
	unpin();
	ASSERT_EQ(0, status)
		SAY("SIGBUS");
	ASSERT_TRUE(t_ends(pid, 5000, &status) && !status)
		SAY("does not end well when the pin is gone");
	ASSERT_TRUE(t_load(p + 4 * PAGE + 1000, &v) && !v)
		SAY("the rest of the page is not zero");
	ASSERT_TRUE(waited)
		SAY("did not wait");
	SAY("waited for the pin, alone");
}

TEST_F(shared, write_past_the_end_of_shared_blocks_page_pinned)
{
	extend_clone(_metadata, false);
}

FAILS_ON_BASE(shared, all, write_past_the_end_of_shared_blocks_page_pinned, "xfs");

TEST_F(shared, fallocate_past_the_end_of_shared_blocks_page_pinned)
{
	extend_clone(_metadata, true);
}

/*
 * A write(2) to shared blocks of which a page is in use waits, without anything
 * that others may want; a signal that does not kill does not end it.
 */
static void on_alarm(int sig) { }

static void write_in_use(struct __test_metadata *_metadata, bool kill_it)
{
	struct sigaction sa = { .sa_handler = on_alarm };
	int fd = t_open_written(dir, FILE_NAME, NPAGES), status, other;
	int to = t_open(dir, CLONE_NAME, 0);
	char *p = t_map_pages(fd, NPAGES, MAP_SHARED, false);
	u64 v = 77, w;
	pid_t pid;

	if (pwrite(fd, &v, 8, PINNED * PAGE) != 8)
		t_bail("pwrite");
	clone_file(_metadata, to, fd);
	pin(p + PINNED * PAGE);
	pid = t_start();
	if (!pid) {
		v = 78;
		sigaction(SIGALRM, &sa, NULL);
		alarm(1);
		_exit(pwrite(fd, &v, 8, PINNED * PAGE) == 8 ? 0 : errno);
	}
	ASSERT_TRUE(waits(pid))
		SAY("does not wait");
	other = t_start();
	if (!other)
		_exit(pwrite(fd, &v, 8, 0) != 8 || pread(fd, &w, 8, PINNED * PAGE) != 8 ||
		      w != 77);
	ASSERT_TRUE(t_ends(other, 3000, &status) && !status)
		SAY("who writes or reads another page waits as well");
	ASSERT_FALSE(t_ends(pid, 1500, &status))
		SAY("ended by an alarm: %s", strerror(WEXITSTATUS(status)));
	if (kill_it) {
		kill(pid, SIGKILL);
		ASSERT_TRUE(t_ends(pid, 2000, &status))
			SAY("alive 2 s after SIGKILL");
		unpin();
		ASSERT_TRUE(t_load(p + PINNED * PAGE, &v) && v == 77)
			SAY("the page has %llu", (unsigned long long)v);
		SAY("dead");
		return;
	}
	unpin();
	ASSERT_TRUE(t_ends(pid, 3000, &status) && !status)
		SAY("does not end well when the pin is gone");
	ASSERT_TRUE(t_load(p + PINNED * PAGE, &v) && v == 78 &&
		    pread(to, &w, 8, PINNED * PAGE) == 8 && w == 77)
		SAY("%llu, and %llu in the clone", (unsigned long long)v,
		    (unsigned long long)w);
	SAY("waited, alone");
}

TEST_F(shared, write_to_shared_blocks_in_use)
{
	write_in_use(_metadata, false);
}

FAILS_ON_BASE(shared, all, write_to_shared_blocks_in_use, "xfs");

TEST_F(shared, write_to_shared_blocks_in_use_killed)
{
	write_in_use(_metadata, true);
}

FAILS_ON_BASE(shared, all, write_to_shared_blocks_in_use_killed, "xfs");

/* A store to shared blocks of which a page is in use waits, and can be killed. */
static void store_in_use(struct __test_metadata *_metadata, bool kill_it)
{
	int fd = t_open_written(dir, FILE_NAME, NPAGES), status, other;
	int to = t_open(dir, CLONE_NAME, 0);
	char *p = t_map_pages(fd, NPAGES, MAP_SHARED, false);
	u64 v = 77, w;
	pid_t pid;

	if (pwrite(fd, &v, 8, PINNED * PAGE) != 8)
		t_bail("pwrite");
	clone_file(_metadata, to, fd);
	pin(p + PINNED * PAGE);
	pid = t_start();
	if (!pid)
		_exit(!t_store(p + PINNED * PAGE, 78));
	ASSERT_TRUE(waits(pid))
		SAY("does not wait");
	other = t_start();
	if (!other)
		_exit(!t_store(p, 1) || !t_load(p + PINNED * PAGE, &w) || w != 77 ||
		      do_op(fd, PUNCH, PAGE, PAGE));
	ASSERT_TRUE(t_ends(other, 3000, &status) && !status)
		SAY("others wait as well");
	if (kill_it) {
		kill(pid, SIGKILL);
		ASSERT_TRUE(t_ends(pid, 2000, &status))
			SAY("alive 2 s after SIGKILL");
	}
	unpin();
	ASSERT_FALSE(!kill_it && (!t_ends(pid, 3000, &status) || status))
		SAY("does not end well when the pin is gone");
	ASSERT_FALSE(!t_load(p + PINNED * PAGE, &v) || v != (kill_it ? 77 : 78) ||
		     pread(to, &w, 8, PINNED * PAGE) != 8 || w != 77)
		SAY("%llu, and %llu in the clone", (unsigned long long)v,
		    (unsigned long long)w);
	SAY("%s", kill_it ? "dead" : "waited, alone");
}

TEST_F(shared, store_to_shared_blocks_in_use)
{
	store_in_use(_metadata, false);
}

FAILS_ON_BASE(shared, all, store_to_shared_blocks_in_use, "xfs");

TEST_F(shared, store_to_shared_blocks_in_use_killed)
{
	store_in_use(_metadata, true);
}

FAILS_ON_BASE(shared, all, store_to_shared_blocks_in_use_killed, "xfs");

/* Pages that are in use by who may only read */

FIXTURE(piped) {
	struct dax_test test;
};

FIXTURE_SETUP(piped)
{
	dax_setup(&self->test);
}

FIXTURE_TEARDOWN_PARENT(piped)
{
	dax_teardown(_metadata, &self->test);
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

static void piped(struct __test_metadata *_metadata, enum piped op)
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
		clone_file(_metadata, to, fd);
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
	ASSERT_TRUE(ended)
		SAY("waits as long as the page is in the pipe");
	ASSERT_EQ(0, status)
		SAY("status %x", status);
	ASSERT_EQ(77, buf[0])
		SAY("the pipe has %llu", (unsigned long long)buf[0]);
	SAY("and the pipe gives what was put into it");
}

TEST_F(piped, write_to_shared_blocks_a_page_in_a_pipe)
{
	piped(_metadata, PIPED_WRITE);
}

FAILS_ON_BASE(piped, all, write_to_shared_blocks_a_page_in_a_pipe, "xfs");

TEST_F(piped, store_to_shared_blocks_a_page_in_a_pipe)
{
	piped(_metadata, PIPED_STORE);
}

FAILS_ON_BASE(piped, all, store_to_shared_blocks_a_page_in_a_pipe, "xfs");

TEST_F(piped, punch_of_a_page_in_a_pipe)
{
	piped(_metadata, PIPED_PUNCH);
}

FAILS_ON_BASE(piped, all, punch_of_a_page_in_a_pipe, "ext4 xfs");

TEST_F(piped, truncate_of_a_page_in_a_pipe)
{
	piped(_metadata, PIPED_TRUNCATE);
}

FAILS_ON_BASE(piped, all, truncate_of_a_page_in_a_pipe, "ext4 xfs");

TEST_F(piped, unlink_by_who_has_a_page_in_a_pipe)
{
	piped(_metadata, PIPED_UNLINK);
}

FAILS_ON_BASE(piped, all, unlink_by_who_has_a_page_in_a_pipe, "ext4 xfs");

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

TEST_F(piped, punch_of_a_page_that_nobody_receives)
{
	int fd = t_open_written(dir, FILE_NAME, NPAGES), s, status;
	char *p = t_map_pages(fd, NPAGES, MAP_SHARED, false);
	pid_t pid;

	*(volatile u64 *)(p + PINNED * PAGE) = 77;
	s = stuck_socket(p + PINNED * PAGE);
	if (s < 0)
		SKIP(return, "no network");
	sh->gen = 1;
	pid = t_start();
	if (!pid)
		piped_op(fd, p, PIPED_PUNCH);
	ASSERT_TRUE(t_ends(pid, 2000, &status))
		SAY("waits as long as nobody receives the page");
	ASSERT_EQ(0, status);
	SAY("waits for nobody");
}

FAILS_ON_BASE(piped, all, punch_of_a_page_that_nobody_receives, "ext4 xfs");

/* The events of who waits */

FIXTURE(traced) {
	struct dax_test test;
};

FIXTURE_SETUP(traced)
{
	dax_setup(&self->test);
	trace_setup();
}

FIXTURE_TEARDOWN_PARENT(traced)
{
	dax_teardown(_metadata, &self->test);
	trace_end();
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
static void pin_traced(struct __test_metadata *_metadata, bool kill_it)
{
	unsigned int others, begun, early, done;
	int fd, status = 0;
	bool waited, ended;
	char what[64];
	pid_t pid;
	char *p;

	if (!trace_waits("1"))
		SKIP(return, "this kernel does not trace it");
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

	ASSERT_FALSE(!waited || !ended || (status && !kill_it))
		SAY("does not wait, or not end well");
	ASSERT_EQ(0, others)
		SAY("a punch of another page is said to wait");
	ASSERT_TRUE(begun)
		SAY("no event with the page and its frame");
	ASSERT_TRUE(!early && done == 1)
		SAY("%u events of an end too early, %u at the end",
		    early, done);
	SAY("%u looks", begun);
}

TEST_F(traced, punch_of_a_pinned_page_is_traced)
{
	pin_traced(_metadata, false);
}

TEST_F(traced, punch_of_a_pinned_page_is_traced_killed)
{
	pin_traced(_metadata, true);
}

/*
 * Who has to replace a page in use says so.  He holds its range for a moment each
 * time, as others may use it meanwhile, and a fault that comes then waits for it.
 */
static void in_use_traced(struct __test_metadata *_metadata, bool by_store)
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
	clone_file(_metadata, to, fd);
	if (!trace_waits("1"))
		SKIP(return, "this kernel does not trace it");
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

	ASSERT_TRUE(waited && ended && !status)
		SAY("does not wait, or not end well");
	ASSERT_TRUE(begun)
		SAY("no event with the page and its frame");
	ASSERT_TRUE(ranges)
		SAY("no event of faults that wait for the range");
	SAY("%u looks, and who waits for the range", begun);
}

TEST_F(traced, write_to_shared_blocks_in_use_is_traced)
{
	in_use_traced(_metadata, false);
}

TEST_F(traced, store_to_shared_blocks_in_use_is_traced)
{
	in_use_traced(_metadata, true);
}

DAX_HARNESS_MAIN
