/*
 * The published tree and the store, as static files: strong ETags, one byte
 * range, HEAD, and caching fit for a mirror.  Names are checked component by
 * component and opened below a directory descriptor without following links.
 */
#ifndef KILN_WEB_TREE_H
#define KILN_WEB_TREE_H

#include "web/req.h"

void tree_metadata(struct req *, struct reply *); /* part[0]: path */
void tree_target(struct req *, struct reply *);	  /* part[0]: path */
void tree_log(struct req *, struct reply *);	  /* part[0]: path */
void tree_blob(struct req *, struct reply *);	  /* part[0]: HEX64 */

#endif
