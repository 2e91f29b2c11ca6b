/* Each entry is applied once, in order; a released entry is never edited. */
#include "web/schema.h"

#include "lib/attr.h"
#include "lib/schema.h"

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

	/* 3: what each router said last, so that a fleet is counted without
	 * reading reports; when each began to run a set */
	"ALTER TABLE router ADD COLUMN sequence INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE router ADD COLUMN seen_at INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE router ADD COLUMN state TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE router ADD COLUMN cause TEXT;"
	"ALTER TABLE router ADD COLUMN channel TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE router ADD COLUMN arch TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE router ADD COLUMN agent TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE router ADD COLUMN counter INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE router ADD COLUMN set_sha TEXT;"
	"ALTER TABLE router ADD COLUMN timestamp INTEGER NOT NULL DEFAULT 0;"
	"UPDATE router SET (sequence, seen_at, state, cause, channel, arch,"
	" agent, counter, set_sha, timestamp) = (SELECT sequence, received_at,"
	" state, cause, body ->> '$.channel', body ->> '$.arch',"
	" body ->> '$.agent', coalesce(counter, 0), body ->> '$.set.sha256',"
	" coalesce(body ->> '$.metadata.timestamp', 0) FROM report"
	" WHERE router = router.id ORDER BY sequence DESC LIMIT 1)"
	" WHERE EXISTS (SELECT 1 FROM report WHERE router = router.id);"
	"CREATE INDEX router_where ON router(channel, arch, counter, state,"
	" cause, timestamp, seen_at);"
	"CREATE INDEX router_set ON router(set_sha);"
	"CREATE TABLE adopted (" /* the first report of a set that runs */
	" set_sha TEXT NOT NULL,"
	" router TEXT NOT NULL REFERENCES router(id),"
	" at INTEGER NOT NULL,"
	" PRIMARY KEY (set_sha, router)"
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX adopted_at ON adopted(set_sha, at);"
	"INSERT INTO adopted SELECT body ->> '$.set.sha256', router,"
	" min(received_at) FROM report WHERE state = 'committed' AND"
	" body ->> '$.set.sha256' IS NOT NULL GROUP BY 1, 2;",
	/* 4: small files in spool/, named by their digest */
	"CREATE TABLE submission ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" at INTEGER NOT NULL,"
	" kind TEXT NOT NULL CHECK (kind IN ('signature')),"
	" digest TEXT NOT NULL UNIQUE CHECK (length(digest) = 64),"
	" size INTEGER NOT NULL"
	") STRICT;",
	/* 5: who may do what, and who did */
	"CREATE TABLE account ("
	" id INTEGER PRIMARY KEY,"
	" name TEXT NOT NULL UNIQUE,"
	" rank TEXT NOT NULL CHECK (rank IN ('viewer', 'operator', 'admin')),"
	" hash TEXT NOT NULL," /* Argon2id, as libsodium writes it */
	" made_at INTEGER NOT NULL"
	") STRICT;"
	"CREATE TABLE session ("
	" digest TEXT PRIMARY KEY CHECK (length(digest) = 64),"
	" account INTEGER NOT NULL REFERENCES account(id),"
	" csrf TEXT NOT NULL,"
	" ends_at INTEGER NOT NULL"
	") STRICT;"
	"CREATE TABLE token ("
	" digest TEXT PRIMARY KEY CHECK (length(digest) = 64),"
	" account INTEGER NOT NULL REFERENCES account(id),"
	" scope TEXT NOT NULL CHECK (scope IN ('viewer', 'operator',"
	"  'admin')),"
	" ends_at INTEGER NOT NULL"
	") STRICT;"
	"CREATE TABLE login_try ("
	" name TEXT NOT NULL, at INTEGER NOT NULL) STRICT;"
	"CREATE INDEX login_try_at ON login_try(at);"
	"CREATE TABLE audit ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" at INTEGER NOT NULL,"
	" who TEXT NOT NULL,"
	" what TEXT NOT NULL,"
	" text TEXT NOT NULL"
	") STRICT;"
	"CREATE TRIGGER audit_stays BEFORE UPDATE ON audit BEGIN"
	" SELECT raise(ABORT, 'the audit log only grows'); END;"
	"CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit BEGIN"
	" SELECT raise(ABORT, 'the audit log only grows'); END;",
};

const size_t web_migrations_count = ARRAY_LEN(web_migrations);
_Static_assert(ARRAY_LEN(web_migrations) == WEB_SCHEMA,
    "lib/schema.h tells the readers of web.db");
