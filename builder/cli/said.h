/* Work in hand on stderr: one line that changes on a terminal, a line now and
 * then elsewhere. */
#ifndef KILN_SAID_H
#define KILN_SAID_H

#include "builder/doubt/doubter.h"

void said(void *arg, const struct doubter_news *);
void said_clear(void); /* before something else is said */

#endif
