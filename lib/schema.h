/*
 * The versions of the three databases: how many migrations each owner's
 * schema.c has, which asserts it.  A program that reads another's database
 * asks for its version (db_open_reader_of) instead of finding out by a table
 * that is not there: the owner may not have been started since the upgrade.
 */
#ifndef KILN_LIB_SCHEMA_H
#define KILN_LIB_SCHEMA_H

#define FARM_SCHEMA 18 /* builder/schema.c */
#define TUF_SCHEMA 8   /* tuf-repo/schema.c */
#define WEB_SCHEMA 14  /* web/schema.c */

#endif
