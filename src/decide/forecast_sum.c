/*
 * forecast_sum.c
 *	  What a plan costs in all: sums over the tree, the disk, and what the
 *	  trial on a clone saw beyond the catalog.
 *
 * The catalog cannot know all: an operator class for any type makes
 * PostgreSQL build an index anew that it would keep for another, an event
 * trigger may do what it likes after an ALTER. The clone shows it. A clone has
 * no foreign keys and may lack partitions, so what it did not show is not
 * taken off.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "base/disk.h"
#include "catalog/pg_class.h"
#include "decide/forecast.h"
#include "utils/lsyscache.h"

/* New files must leave this share of their size free. */
#define DISK_MARGIN 0.2

/* A file system that would take new files. */
typedef struct Target
{
	Disk		disk;
	double		files;			/* bytes */
	double		wal;
} Target;

bool
forecast_has(const List *list, const char *text)
{
	ListCell   *lc;

	foreach(lc, list)
	{
		if (strcmp(lfirst(lc), text) == 0)
			return true;
	}
	return false;
}

/* The entry of this file system. */
static Target *
target_of(List **targets, const Disk *disk)
{
	ListCell   *lc;
	Target	   *target;

	foreach(lc, *targets)
	{
		target = lfirst(lc);
		if (target->disk.device == disk->device)
			return target;
	}
	target = palloc0(sizeof(Target));
	target->disk = *disk;
	*targets = lappend(*targets, target);
	return target;
}

static void
add_file(List **targets, Oid tablespace, int64 bytes)
{
	Disk		disk;

	if (bytes > 0 && disk_of_tablespace(tablespace, &disk))
		target_of(targets, &disk)->files += (double) bytes;
}

/*
 * Do the new files fit? The old ones stay until the commit, so all of the new
 * ones come on top, and about as many bytes of write-ahead log, which is
 * recycled from max_wal_size on. What is said is said of the tightest of the
 * file systems. What a tablespace does not say is taken to fit.
 */
static void
sum_disk(Forecast *f)
{
	List	   *targets = NIL;
	Disk		disk;
	double		worst = 0;
	double		written = 0;
	ListCell   *lc;
	ListCell   *lc2;

	f->disk_free = -1;
	f->disk_needed = 0;
	f->disk_short = false;
	if (disk_of_tablespace(InvalidOid, &disk))
		f->disk_free = disk.free;
	foreach(lc, f->members)
	{
		const ForecastMember *m = lfirst(lc);

		if (m->extent == NULL)
			continue;
		if (m->rewrite)
			add_file(&targets, m->extent->tablespace, m->extent->heap + m->extent->toast);
		foreach(lc2, m->extent->indexes)
		{
			const ExtentIndex *index = lfirst(lc2);

			if (m->rewrite || forecast_has(m->indexes, index->name))
				add_file(&targets, index->tablespace, index->bytes);
		}
	}
	/* where materialized views are is not looked at: where most tables are */
	add_file(&targets, InvalidOid, f->rebuilt_bytes);
	foreach(lc, targets)
		written += ((Target *) lfirst(lc))->files;
	if (written > 0 && disk_of_wal(&disk))
		target_of(&targets, &disk)->wal = Min(written, max_wal_size_mb * 1024.0 * 1024.0);
	foreach(lc, targets)
	{
		const Target *target = lfirst(lc);
		double		needed = target->files + target->wal;
		double		tight = needed * (1 + DISK_MARGIN) / Max((double) target->disk.free, 1);

		if (target->files > 0 && f->disk_needed == 0)
		{
			/* the table's own place, unless another is tighter */
			f->disk_free = target->disk.free;
			f->disk_needed = (int64) needed;
		}
		if (tight <= worst)
			continue;
		worst = tight;
		f->disk_free = target->disk.free;
		f->disk_needed = (int64) needed;
	}
	f->disk_short = worst > 1;
}

/* Sums over steps and members, made anew. */
void
forecast_sum(Forecast *f)
{
	ListCell   *lc;
	ListCell   *lc2;

	f->indexes = NIL;
	f->bytes = f->bytes_written = f->rebuilt_bytes;
	f->bytes_read = 0;
	memset(&f->work, 0, sizeof(f->work));
	foreach(lc, f->steps)
	{
		const ForecastStep *step = lfirst(lc);

		f->rewrite |= step->rewrite;
		f->scan |= step->scan;
		foreach(lc2, step->indexes)
			forecast_add_once(&f->indexes, lfirst(lc2));
	}
	foreach(lc, f->members)
	{
		const ForecastMember *m = lfirst(lc);

		foreach(lc2, m->indexes)
			forecast_add_once(&f->indexes, lfirst(lc2));
		if (m->extent == NULL || (!m->rewrite && !m->scan && m->indexes == NIL))
			continue;
		f->bytes += m->extent->heap + (m->rewrite ? m->extent->toast : 0);
		extent_work(m->extent, m->rewrite, m->scan, m->indexes,
					&f->work, &f->bytes_read, &f->bytes_written);
	}
	if (f->seen != NULL)
		foreach(lc, f->seen->made)
			forecast_add_once(&f->indexes, psprintf("%s (made on the clone)", (char *) lfirst(lc)));
	sum_disk(f);
}

/*
 * Lay what was built on the clone over one table of the tree. An index is
 * known by what it is, since a clone chooses names of its own; two alike are
 * taken for both. *unseen: the catalog's word on an index that the clone has
 * and did not build.
 */
static void
correct_indexes(Forecast *f, ForecastMember *m, const Traced *seen, bool *unseen)
{
	ListCell   *lc;

	foreach(lc, m->extent->indexes)
	{
		const ExtentIndex *index = lfirst(lc);
		bool		expected = forecast_has(f->indexes, index->name);

		if (index->key == NULL)
			continue;
		if (forecast_has(seen->built, index->key))
		{
			forecast_add_once(&f->seen_indexes, index->name);
			forecast_add_once(&m->indexes, index->name);
			f->agreed &= expected;
		}
		else if (expected && forecast_has(seen->kept, index->key))
			*unseen = true;
	}
}

/* See the header. */
void
forecast_correct(Forecast *f, const Traced *seen)
{
	/* an index that is made reads all rows */
	bool		scan = seen->scan || seen->made != NIL;
	bool		unseen = f->rewrite && !seen->rewrite;
	int			tables = 0;
	ListCell   *lc;

	f->seen = seen;
	f->agreed = (!seen->rewrite || f->rewrite) && (!scan || f->scan || f->rewrite) &&
		seen->made == NIL;
	foreach(lc, f->members)
	{
		ForecastMember *m = lfirst(lc);

		tables += get_rel_relkind(m->relid) == RELKIND_RELATION;
		if (m->extent == NULL && (seen->rewrite || scan || seen->built != NIL))
			m->extent = extent_of(m->relid);
		if (m->extent == NULL)
			continue;
		correct_indexes(f, m, seen, &unseen);
		m->rewrite |= seen->rewrite;
		m->scan |= scan;
	}
	/* a constraint of a partition that the clone lacks is not seen there */
	if (f->scan && !f->checks_keys && !scan && !seen->rewrite && seen->tables >= tables)
		unseen = true;
	f->agreed &= !unseen;
	f->rewrite |= seen->rewrite;
	f->scan |= scan && !f->rewrite;
	forecast_sum(f);
	f->json = NULL;
}

/* A true or a list's text in a stored forecast. */
static bool
stood_there(const Jsonb *json, const char *key)
{
	JsonbValue	value;

	return getKeyJsonValueFromContainer(unconstify(JsonbContainer *, &json->root), key,
										(int) strlen(key), &value) != NULL &&
		value.type == jbvBool && value.val.boolean;
}

static bool
listed_there(const Jsonb *json, const char *key, char *text)
{
	JsonbValue	value;
	JsonbValue	item = {.type = jbvString};

	if (getKeyJsonValueFromContainer(unconstify(JsonbContainer *, &json->root), key,
									 (int) strlen(key), &value) == NULL ||
		value.type != jbvBinary)
		return false;
	item.val.string.val = text;
	item.val.string.len = (int) strlen(text);
	return findJsonbValueFromContainer(value.val.binary.data, JB_FARRAY, &item) != NULL;
}

/* See the header. */
char *
forecast_beyond(const Forecast *f, const Jsonb *approved)
{
	bool		rewrite = stood_there(approved, "rewrite");
	ListCell   *lc;

	if (f->rewrite && !rewrite)
		return "the table is written anew";
	if (f->scan && !rewrite && !stood_there(approved, "scan"))
		return "the table is read as a whole";
	foreach(lc, f->indexes)
	{
		if (!rewrite && !listed_there(approved, "indexes", lfirst(lc)))
			return psprintf("index %s is built anew", (char *) lfirst(lc));
	}
	return NULL;
}
