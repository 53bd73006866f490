/* bugs - what the crash test must find: each is one line of lib/os/journal*.c, switched on by its number. */
#ifndef BUGS_H
#define BUGS_H

extern unsigned vnep_bug; /* 0: none */

const char *vnep_bug_name(unsigned bug); /* NULL behind the last one */

#endif
