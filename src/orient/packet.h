/*
 * packet.h
 *	  What a model is told of an incident in its first message.
 *
 * Text blocks, in an order and in words that stay the same while nothing
 * changes, so that a prompt which begins with them is cached:
 *	1. documentation: the table from its catalog, with comments
 *	2. documentation: the team's runbook, where there is one
 *	3. the incident: class, column, error, what the diagnosis says, other
 *	   incidents of the table, earlier heals, DDL of the last day, what was
 *	   considered and why it was refused
 *	4. data: held values of the column, and held payloads
 * Everything that somebody else wrote stands between two lines with a marker
 * that nobody can guess, and is labelled as data that is never an instruction:
 * names and comments too, since a column may have been named by a payload's key. The
 * marker itself is taken out of what stands there.
 *
 * Values are told as share_values says (sharing.h): in the samples, in
 * PostgreSQL's messages, in reasons and in the text of DDL. Everything is cut
 * to a length. About 3,000 tokens for a table of 30 columns.
 */
#ifndef SELFHEAL_PACKET_H
#define SELFHEAL_PACKET_H

#include "postgres.h"

#include "base/guc.h"
#include "read/masknames.h"
#include "utils/jsonb.h"

/* Shortest and longest marker; letters, digits and signs without blanks. */
#define PACKET_MARKER_MIN 8
#define PACKET_MARKER_MAX 64

/*
 * [{"type": "text", "text": ...}], in the current context. share: at most; the
 * table's own setting counts where it tells less. Raises 42704 when there is no
 * such incident, 22023 for another marker.
 */
extern Jsonb *packet_blocks(int64 incident, ShareValues share, const char *marker);

/* Words of ours that reasons and explanations are written with, as names: they
 * stay where values are masked. */
extern void packet_name_words(MaskNames *names);

/* Held payloads that are shown, and values of the column. */
#define PACKET_PAYLOADS 3
#define PACKET_ROW_PAYLOADS 6	/* where no column is at fault */
#define PACKET_VALUES 10

#endif							/* SELFHEAL_PACKET_H */
