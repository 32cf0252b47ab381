/*
 * options.h
 *	  What the owner of a watched table asks for: mode, what becomes of a row
 *	  that meets a stored one, how many rows a load may hold.
 *
 * Each is a word in selfheal.watched and a value in C; here they are turned
 * into each other and checked, with one message each.
 */
#ifndef SELFHEAL_OPTIONS_H
#define SELFHEAL_OPTIONS_H

#include "postgres.h"

#include "base/guc.h"
#include "write/conflict.h"

typedef enum WatchMode
{
	WATCH_OBSERVE,				/* hold and record, plan nothing */
	WATCH_PROPOSE,				/* plans wait for a person */
	WATCH_AUTO					/* policy decides */
} WatchMode;

/* Past how many held rows a load fails as a whole. */
typedef struct RejectLimit
{
	enum
	{
		REJECT_NONE,			/* it never does */
		REJECT_ROWS,			/* more than rows */
		REJECT_PERCENT			/* more than percent of the rows it brought */
	}			kind;
	int64		rows;
	double		percent;
} RejectLimit;

/* Of which rows the bytes are kept once they are stored (kept.h). */
typedef enum KeepPayload
{
	KEEP_TRANSFORMED,			/* that came by a mapping */
	KEEP_ALL,
	KEEP_NONE
} KeepPayload;

/* What is told of its values; SHARE_BY_SETTING: what selfheal.share_values
 * says. */
#define SHARE_BY_SETTING (-1)

/* By name; anything else raises 22023 with the names that there are. */
extern WatchMode options_mode(const char *name);
extern RowConflict options_conflict(const char *name);
extern KeepPayload options_keep(const char *name);
extern int	options_share(const char *name);	/* or SHARE_BY_SETTING */

extern const char *options_mode_name(WatchMode mode);
extern const char *options_conflict_name(RowConflict conflict);
extern const char *options_keep_name(KeepPayload keep);
extern const char *options_share_name(int share);

/*
 * '1000', '10 %', '0.5%', 'none'; raises 22023 for anything else. The text of
 * a limit is canonical and reads back as the same one; NULL for none.
 */
extern RejectLimit options_reject_limit(const char *text);
extern char *options_reject_text(const RejectLimit *limit);

/*
 * Can this table do what is asked of a row that meets a stored one? "update"
 * needs a primary key that is checked at once: 55000.
 */
extern void options_check_conflict(Oid relid, RowConflict conflict);

/* Has this table a key by which the row of a statement that is sent again
 * meets the first one? Else 55000. */
extern void options_check_replay(Oid relid);

#endif							/* SELFHEAL_OPTIONS_H */
