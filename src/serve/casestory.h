/*
 * casestory.h
 *	  The tool explain_incident: what broke, what was found, decided and done,
 *	  what is waited for and what comes next.
 *
 * The story is that of selfheal.explain(), event by event. The current user
 * must be allowed to read the table (as there); values are told by its
 * share_values.
 */
#ifndef SELFHEAL_CASESTORY_H
#define SELFHEAL_CASESTORY_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "serve/telling.h"
#include "serve/toolpage.h"
#include "serve/tools.h"

extern const Tool explain_incident_tool;

/* Longest wait_seconds. */
#define CASESTORY_WAIT 30

/* The steps of a stored plan (selfheal.plan.steps) as a member: [{"kind",
 * "column", "type"}], the first 30. */
#define CASESTORY_STEPS_SCHEMA \
	"\"steps\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{" \
	TOOLPAGE_STRING("kind") "," TOOLPAGE_STRING("column") "," TOOLPAGE_STRING("type") \
	"},\"required\":[\"kind\"],\"additionalProperties\":false}}"
extern void casestory_steps(StringInfo buf, Telling *t, Jsonb *steps);

#endif							/* SELFHEAL_CASESTORY_H */
