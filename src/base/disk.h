/*
 * disk.h
 *	  How much room is left where a tablespace is?
 */
#ifndef SELFHEAL_DISK_H
#define SELFHEAL_DISK_H

#include "postgres.h"

/* A file system, as far as a server's user may fill it. */
typedef struct Disk
{
	uint64		device;			/* which one: tablespaces may share it */
	int64		free;			/* bytes */
} Disk;

/* Of a tablespace (InvalidOid: the database's own), or of the write-ahead
 * log. False when the system does not say. */
extern bool disk_of_tablespace(Oid tablespace, Disk *disk);
extern bool disk_of_wal(Disk *disk);

#endif							/* SELFHEAL_DISK_H */
