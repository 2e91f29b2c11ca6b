/* Each entry is applied once, in order; a released entry is never edited. */
#include "web/schema.h"

#include "lib/attr.h"

const char *const web_migrations[] = {
	/* 1: what routers report, and what people ask for */
	"CREATE TABLE router ("
	" id TEXT PRIMARY KEY CHECK (length(id) = 64)," /* SHA-256 of its key */
	" key TEXT NOT NULL CHECK (length(key) = 64),"
	" first_at INTEGER NOT NULL"
	") STRICT;"
	"CREATE TABLE report ("
	" id INTEGER PRIMARY KEY,"
	" router TEXT NOT NULL REFERENCES router(id),"
	" sequence INTEGER NOT NULL,"
	" received_at INTEGER NOT NULL,"
	" state TEXT NOT NULL,"
	" cause TEXT,"
	" counter INTEGER,"
	" body TEXT NOT NULL," /* kiln/report, signature checked */
	" UNIQUE (router, sequence)"
	") STRICT;"
	"CREATE TABLE request ("
	" id INTEGER PRIMARY KEY,"
	" at INTEGER NOT NULL,"
	" kind TEXT NOT NULL CHECK (kind IN ('poll')),"
	" argument TEXT NOT NULL,"
	" by TEXT NOT NULL"
	") STRICT;",
	/* 2: more kinds of requests; an id is never used twice, since others
	 * remember the last they took */
	"ALTER TABLE request RENAME TO request_1;"
	"CREATE TABLE request ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" at INTEGER NOT NULL,"
	" kind TEXT NOT NULL CHECK (kind IN ('poll', 'halt', 'promote',"
	"  'start', 'resume', 'waves')),"
	" argument TEXT NOT NULL CHECK (length(argument) <= 2048),"
	" by TEXT NOT NULL CHECK (length(by) BETWEEN 1 AND 64)"
	") STRICT;"
	"INSERT INTO request SELECT id, at, kind, argument, by FROM request_1;"
	"DROP TABLE request_1;",
};

const size_t web_migrations_count = ARRAY_LEN(web_migrations);
