/*
 * log.h
 *	  A word on stderr: of the connection and of ourselves, never of what is in
 *	  a message.
 */
#ifndef SELFHEAL_BRIDGE_LOG_H
#define SELFHEAL_BRIDGE_LOG_H

/*
 * One line, cut where it is too long. Left out when stderr is full: a client
 * that does not read it must not stop us.
 */
extern void log_line(const char *format,...) __attribute__((format(printf, 1, 2)));

#endif
