// SPDX-License-Identifier: GPL-2.0
/*
 * Tell tests what state the pages of a DAX device are in.
 *
 *	echo /dev/pmem1 > /sys/kernel/debug/test_fsdax
 *	cat /sys/kernel/debug/test_fsdax
 *
 * The path is that of a block device.  It may be mounted: then pages are in use,
 * but no count is negative.  Once it is not, nothing may be left of the files.
 * The first line that is read has the totals, the others have some offenders: of
 * the negative ones, and of all that are not idle.
 *
 *	echo /mnt/xfs/file > /sys/kernel/debug/test_fsdax_pnfs
 *
 * writes 'Z' to all of the file in the way of a client of pNFS block layouts: gets
 * blocks, writes to the device, and commits.
 */
#include <linux/blkdev.h>
#include <linux/dax.h>
#include <linux/debugfs.h>
#include <linux/exportfs.h>
#include <linux/exportfs_block.h>
#include <linux/fs.h>
#include <linux/iomap.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#define OFFENDERS	16

struct page_state {
	unsigned long pfn, mapping, share, private, flags;
	int count, mapcount;
	unsigned int order;
	char kind;		/* Head, Tail, or '-' for a page of its own */
	bool negative, busy;
};

static struct {
	unsigned long pages, busy, mapped, mapping, share, compound, negative,
		      poisoned, offenders, negatives;
	unsigned long first, last;
	struct page_state offender[OFFENDERS], bad[OFFENDERS];
} seen;

static char report[8192];
static size_t report_size;
static DEFINE_MUTEX(report_lock);

/* Nobody holds the page meanwhile: what is looked at may be torn. */
static void look_at(unsigned long pfn, struct page_state *s)
{
	struct page *page = pfn_to_page(pfn);
	struct folio *folio = (struct folio *)page;

	memset(s, 0, sizeof(*s));
	s->pfn = pfn;
	s->flags = READ_ONCE(page->flags.f);
	s->count = page_ref_count(page);
	s->mapcount = atomic_read(&page->_mapcount) + 1;
	s->kind = '-';
	if (PageTail(page)) {
		s->kind = 'T';
		return;		/* its words mean something else */
	}
	s->mapping = (unsigned long)READ_ONCE(page->mapping);
	s->share = READ_ONCE(page->share);
	s->private = READ_ONCE(page->private);
	if (PageHead(page)) {
		s->kind = 'H';
		s->order = folio_order(folio);
		s->mapcount = folio_large_mapcount(folio);
	}
}

static void judge(struct page_state *s)
{
	/* The share count shares its word with the index in the file. */
	bool shared = !s->mapping && s->share;

	s->negative = s->count < 0 || s->mapcount < 0 ||
		      (shared && (long)s->share < 0) || (long)s->private < 0;
	s->busy = s->count || s->mapcount || s->mapping || s->share ||
		  s->private || s->kind != '-';
	seen.pages++;
	seen.busy += !!s->count;
	seen.mapped += !!s->mapcount;
	seen.mapping += !!s->mapping;
	seen.share += shared;
	seen.compound += s->kind != '-';
	seen.negative += s->negative;
	seen.poisoned += PageHWPoison(pfn_to_page(s->pfn));
	if (s->negative && seen.negatives < OFFENDERS)
		seen.bad[seen.negatives++] = *s;
	else if (s->busy && s->kind != 'T' && seen.offenders < OFFENDERS)
		seen.offender[seen.offenders++] = *s;
}

static void look_at_all(unsigned long pfn, unsigned long nr)
{
	struct page_state s;

	for (; nr--; pfn++) {
		look_at(pfn, &s);
		judge(&s);
		if (pfn % 4096 == 0)
			cond_resched();
	}
}

static int look_at_device(const char *path)
{
	struct dax_device *dax_dev;
	unsigned long pfn = 0;
	struct file *file;
	pgoff_t at = 0;
	u64 start, size;
	long nr = 0;
	int id;

	file = bdev_file_open_by_path(path, BLK_OPEN_READ, NULL, NULL);
	if (IS_ERR(file))
		return PTR_ERR(file);
	dax_dev = fs_dax_get_by_bdev(file_bdev(file), &start, NULL, NULL);
	if (!dax_dev) {
		fput(file);
		return -EOPNOTSUPP;
	}
	size = bdev_nr_bytes(file_bdev(file));
	while (at < size >> PAGE_SHIFT) {
		id = dax_read_lock();
		nr = dax_direct_access(dax_dev, at + (start >> PAGE_SHIFT),
				       (size >> PAGE_SHIFT) - at, DAX_ACCESS,
				       NULL, &pfn);
		dax_read_unlock(id);
		if (nr <= 0)
			break;
		nr = min_t(u64, nr, (size >> PAGE_SHIFT) - at);
		if (!at)
			seen.first = pfn;
		seen.last = pfn + nr - 1;
		look_at_all(pfn, nr);
		at += nr;
	}
	fs_put_dax(dax_dev, NULL);
	fput(file);
	return nr < 0 ? nr : 0;
}

static void print_page(const char *what, const struct page_state *s)
{
	report_size += scnprintf(report + report_size,
				 sizeof(report) - report_size,
				 "%s pfn %#lx kind %c order %u count %d mapcount %d mapping %#lx share %ld keep %ld flags %#lx\n",
				 what, s->pfn, s->kind, s->order, s->count,
				 s->mapcount, s->mapping, (long)s->share,
				 (long)s->private, s->flags);
}

static void print_report(void)
{
	unsigned long i;

	report_size = scnprintf(report, sizeof(report),
				"pages %lu busy %lu mapped %lu mapping %lu share %lu compound %lu negative %lu poisoned %lu first %#lx last %#lx\n",
				seen.pages, seen.busy, seen.mapped, seen.mapping,
				seen.share, seen.compound, seen.negative,
				seen.poisoned, seen.first, seen.last);
	for (i = 0; i < seen.negatives; i++)
		print_page("negative", &seen.bad[i]);
	for (i = 0; i < seen.offenders; i++)
		print_page("busy", &seen.offender[i]);
}

static ssize_t test_fsdax_write(struct file *file, const char __user *buf,
				size_t len, loff_t *pos)
{
	char *path = memdup_user_nul(buf, min(len, PATH_MAX - 1UL));
	int error;

	if (IS_ERR(path))
		return PTR_ERR(path);
	mutex_lock(&report_lock);
	memset(&seen, 0, sizeof(seen));
	report_size = 0;
	error = look_at_device(strim(path));
	if (!error)
		print_report();
	mutex_unlock(&report_lock);
	kfree(path);
	return error ?: len;
}

static ssize_t test_fsdax_read(struct file *file, char __user *buf, size_t len,
			       loff_t *pos)
{
	ssize_t ret;

	mutex_lock(&report_lock);
	ret = simple_read_from_buffer(buf, len, pos, report, report_size);
	mutex_unlock(&report_lock);
	return ret;
}

static const struct file_operations test_fsdax_fops = {
	.owner	= THIS_MODULE,
	.open	= simple_open,
	.read	= test_fsdax_read,
	.write	= test_fsdax_write,
	.llseek	= default_llseek,
};

#ifdef CONFIG_EXPORTFS_BLOCK_OPS
static int fill_blocks(struct super_block *sb, const struct iomap *iomap)
{
	struct dax_device *dax_dev;
	void *kaddr;
	long nr;
	u64 start;
	int id;

	dax_dev = fs_dax_get_by_bdev(sb->s_bdev, &start, NULL, NULL);
	if (!dax_dev)
		return -EOPNOTSUPP;
	id = dax_read_lock();
	nr = dax_direct_access(dax_dev, PHYS_PFN(start + iomap->addr),
			       PHYS_PFN(iomap->length), DAX_ACCESS, &kaddr, NULL);
	if (nr >= (long)PHYS_PFN(iomap->length))
		memset(kaddr, 'Z', iomap->length);
	else
		nr = nr < 0 ? nr : -EIO;
	dax_read_unlock(id);
	fs_put_dax(dax_dev, NULL);
	return nr < 0 ? nr : 0;
}

static int write_by_layout(struct inode *inode)
{
	const struct exportfs_block_ops *ops = NULL;
	loff_t pos = 0, size = i_size_read(inode);
	struct iomap iomap = {};
	u32 generation;
	int error = 0;

	if (inode->i_sb->s_export_op)
		ops = inode->i_sb->s_export_op->block_ops;
	if (!ops)
		return -EOPNOTSUPP;
	while (pos < size && !error) {
		error = ops->map_blocks(inode, pos, size - pos, &iomap, true,
					&generation);
		if (!error)
			error = fill_blocks(inode->i_sb, &iomap);
		if (!error)
			error = ops->commit_blocks(inode, &iomap, 1, size);
		pos = iomap.offset + iomap.length;
	}
	return error;
}

static ssize_t pnfs_write(struct file *file, const char __user *buf, size_t len,
			  loff_t *pos)
{
	char *path = memdup_user_nul(buf, min(len, PATH_MAX - 1UL));
	struct file *target;
	int error;

	if (IS_ERR(path))
		return PTR_ERR(path);
	target = filp_open(strim(path), O_RDWR, 0);
	kfree(path);
	if (IS_ERR(target))
		return PTR_ERR(target);
	error = write_by_layout(file_inode(target));
	fput(target);
	return error ?: len;
}

static const struct file_operations pnfs_fops = {
	.owner	= THIS_MODULE,
	.open	= simple_open,
	.write	= pnfs_write,
};
#endif

static struct dentry *test_fsdax_file, *pnfs_file;

static int __init test_fsdax_init(void)
{
	test_fsdax_file = debugfs_create_file("test_fsdax", 0600, NULL, NULL,
					      &test_fsdax_fops);
#ifdef CONFIG_EXPORTFS_BLOCK_OPS
	pnfs_file = debugfs_create_file("test_fsdax_pnfs", 0200, NULL, NULL,
					&pnfs_fops);
#endif
	return 0;
}
module_init(test_fsdax_init);

static void __exit test_fsdax_exit(void)
{
	debugfs_remove(pnfs_file);
	debugfs_remove(test_fsdax_file);
}
module_exit(test_fsdax_exit);

MODULE_DESCRIPTION("State of the pages of a DAX device, for tests");
MODULE_LICENSE("GPL");
