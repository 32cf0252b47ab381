/*
 * unseen.c
 *	  Characters that a person who reads a name does not see.
 *
 * Who approves a change reads a name on a screen. A name that holds a line
 * break, or turns the direction of what follows, or is another by a blank
 * without width, shows him something else than what would be made.
 */
#include "postgres.h"

#include "read/unseen.h"
#include "mb/pg_wchar.h"

/* Ranges of Unicode, first and last. */
static const pg_wchar unseen[][2] = {
	{0x0001, 0x001f},			/* controls */
	{0x007f, 0x009f},
	{0x00ad, 0x00ad},			/* soft hyphen */
	{0x061c, 0x061c},			/* direction */
	{0x180e, 0x180e},
	{0x200b, 0x200b},			/* no width */
	{0x200e, 0x200f},			/* direction */
	{0x2028, 0x202e},			/* line ends, direction */
	{0x2060, 0x206f},			/* no width, direction */
	{0xfeff, 0xfeff},
	{0xfff9, 0xfffb},
	{0xe0000, 0xe007f},			/* tags */
};

/* See the header. */
bool
unseen_in(const char *name)
{
	bool		utf8 = GetDatabaseEncoding() == PG_UTF8;
	const unsigned char *p = (const unsigned char *) name;

	while (*p != '\0')
	{
		pg_wchar	c = utf8 ? utf8_to_unicode(p) : *p;

		/*
		 * of another encoding we know what ASCII has: no byte of a longer
		 * character is below 0x80 in a server
		 */
		for (int i = 0; i < (int) lengthof(unseen); i++)
			if (c >= unseen[i][0] && c <= unseen[i][1] && (utf8 || c < 0x80))
				return true;
		p += utf8 ? pg_utf_mblen(p) : 1;
	}
	return false;
}
