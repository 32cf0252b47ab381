/*
 * guc_claude.h
 *	  Settings of how Claude is asked: where, as whom, which model, how much.
 *
 * The key itself is no setting (secret.h): SHOW would print it.
 */
#ifndef SELFHEAL_GUC_CLAUDE_H
#define SELFHEAL_GUC_CLAUDE_H

#include "postgres.h"

typedef enum ApiAuth
{
	API_AUTH_X_API_KEY,			/* header x-api-key */
	API_AUTH_BEARER,			/* header authorization: Bearer */
	API_AUTH_NONE				/* no key is needed: a server of one's own */
} ApiAuth;

/* What a server may refuse of a request (selfheal.api_omit), as bits. */
typedef enum ApiOmit
{
	API_OMIT_STRICT = 1,		/* "strict" of tools */
	API_OMIT_CACHE_CONTROL = 2,
	API_OMIT_OUTPUT_CONFIG = 4	/* and with it the effort */
} ApiOmit;

typedef enum ApiEffort
{
	API_EFFORT_DEFAULT,			/* not said: the model's own */
	API_EFFORT_LOW,
	API_EFFORT_MEDIUM,
	API_EFFORT_HIGH,
	API_EFFORT_XHIGH,
	API_EFFORT_MAX
} ApiEffort;

/* Dollars for a million tokens. */
typedef struct ApiPrice
{
	double		input;
	double		output;
	double		cache_read;
	double		cache_write;
} ApiPrice;

extern bool guc_claude;			/* selfheal.claude */
extern char *guc_api_url;		/* selfheal.api_url, without a slash at its
								 * end */
extern int	guc_api_auth;		/* selfheal.api_auth: an ApiAuth */
extern char *guc_api_version;	/* selfheal.api_version */
extern char *guc_api_key_file;	/* selfheal.api_key_file: '' = environment */
extern char *guc_api_ca_file;	/* selfheal.api_ca_file: '' = the system's */
extern int	guc_api_connect_timeout;	/* ms */
extern int	guc_api_timeout;	/* ms, of one request */
extern int	guc_api_retries;	/* of one request */
extern char *guc_model;			/* selfheal.model */
extern int	guc_effort;			/* selfheal.effort: an ApiEffort */
extern int	guc_max_tokens;		/* selfheal.max_tokens of one reply */
extern int	guc_max_turns;		/* selfheal.max_turns of one conversation */
extern int	guc_max_incident_tokens;	/* of one conversation, all of it */
extern int	guc_max_conversations;	/* at a time */
extern int	guc_max_calls_per_hour;
extern int	guc_max_calls_per_day;
extern double guc_max_cost_per_hour;	/* dollars */
extern double guc_max_cost_per_day;
extern double guc_auto_confidence;	/* selfheal.auto_confidence */
extern int	guc_promote_after;	/* selfheal.promote_after */

/* Bits of ApiOmit. */
extern int	guc_api_omitted(void);

/* The word of an effort, NULL for API_EFFORT_DEFAULT. */
extern const char *guc_effort_name(int effort);

/*
 * What a model costs, by selfheal.prices. One that stands not there costs as
 * much as the dearest that does: a budget must not be blind. False then.
 */
extern bool guc_price(const char *model, ApiPrice *price);

/* From guc_init. */
extern void guc_claude_init(void);

#endif							/* SELFHEAL_GUC_CLAUDE_H */
