/* SPDX-License-Identifier: GPL-2.0 */
/* What the kernel traces of a DAX file: what it flushes, and who waits */
#ifndef DAX_TRACE_H
#define DAX_TRACE_H

#include "dax_harness.h"
#include <linux/fiemap.h>
#include <sys/sysmacros.h>

#define INSTANCE	TRACING "/instances/dax_test"
#define LINE		64UL		/* no cache has smaller ones */

static bool flushes_seen;		/* by a probe of what flushes caches */

static inline void trace_end(void)
{
	t_put(INSTANCE "/events/fs_dax/dax_writeback_one/enable", "0");
	t_put(INSTANCE "/events/dax_test/flush/enable", "0");
	rmdir(INSTANCE);
	t_put(TRACING "/kprobe_events", "-:dax_test/flush");
}

static inline void trace_setup(void)
{
	trace_end();	/* what a killed one has left */
	flushes_seen = t_put(TRACING "/kprobe_events",
			     "p:dax_test/flush arch_wb_cache_pmem addr=$arg1:x64 len=$arg2:x64");
	mkdir(INSTANCE, 0755);
	if (!t_put(INSTANCE "/events/fs_dax/dax_writeback_one/enable", "1"))
		t_bail("no tracepoint dax_writeback_one");
	if (flushes_seen)
		flushes_seen = t_put(INSTANCE "/events/dax_test/flush/enable", "1");
}

static inline void trace_clear(void)
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

static inline void get_extents(int fd)
{
	memset(&extents, 0, sizeof(extents));
	extents.map.fm_length = SIZE;
	extents.map.fm_extent_count = ARRAY_SIZE(extents.room);
	if (ioctl(fd, FS_IOC_FIEMAP, &extents))
		t_bail("FIEMAP");
	if (extents.map.fm_mapped_extents == ARRAY_SIZE(extents.room))
		t_bail("the file is in too many pieces");
}

static inline void mark(u64 pos, u64 len)
{
	u64 i;

	for (i = pos / LINE; i <= (pos + len - 1) / LINE && i < SIZE / LINE; i++)
		flushed[i] = true;
}

static inline void mark_memory(u64 addr, u64 len)
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
static inline u64 trace_read(int fd)
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
static inline bool trace_waits(const char *on)
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
static inline unsigned int traced(int fd, const char *event, const char *what)
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

static inline u64 flush_page(int fd, char *p, unsigned long page)
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
static inline void find_memory(int fd)
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

#endif /* DAX_TRACE_H */
