/*
 * prompt.h
 *	  The system prompt: what Claude is told of its work, word for word.
 */
#ifndef SELFHEAL_PROMPT_H
#define SELFHEAL_PROMPT_H

/* Plain ASCII. The same for every incident and every database, so that it is
 * cached; what is about the incident stands in the first message. */
extern const char *const prompt_system;

#endif							/* SELFHEAL_PROMPT_H */
