/*
 * disk.c
 *	  How much room is left where a tablespace is?
 *
 * Paths are relative to the data directory, which is where a server process
 * stands; links to other places are followed by the system.
 */
#include "postgres.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include "access/xlog_internal.h"
#include "base/disk.h"
#include "catalog/pg_tablespace_d.h"
#include "miscadmin.h"

static bool
disk_of(const char *path, Disk *disk)
{
	struct stat st;
	struct statvfs fs;

	if (stat(path, &st) != 0 || statvfs(path, &fs) != 0)
		return false;
	disk->device = (uint64) st.st_dev;
	/* what root keeps for himself is not ours */
	disk->free = (int64) fs.f_bavail * (int64) fs.f_frsize;
	return true;
}

bool
disk_of_tablespace(Oid tablespace, Disk *disk)
{
	char		path[64];

	if (!OidIsValid(tablespace))
		tablespace = MyDatabaseTableSpace;
	if (tablespace == DEFAULTTABLESPACE_OID)
		return disk_of("base", disk);
	if (tablespace == GLOBALTABLESPACE_OID)
		return disk_of("global", disk);
	snprintf(path, sizeof(path), "pg_tblspc/%u", tablespace);
	return disk_of(path, disk);
}

bool
disk_of_wal(Disk *disk)
{
	return disk_of(XLOGDIR, disk);
}
