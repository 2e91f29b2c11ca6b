/* Each entry is applied once, in order; a released entry is never edited. */
#include "web/schema.h"

#include "lib/attr.h"
#include "lib/schema.h"

/* A macro between string literals is taken for a call. */
/* clang-format off */
#define JOIN_GROUP                                                           \
	" INSERT INTO router_group VALUES (NEW.channel, NEW.arch,"           \
	"  NEW.counter, coalesce(NEW.set_sha, ''), NEW.state,"               \
	"  coalesce(NEW.cause, ''), 1) ON CONFLICT DO UPDATE SET"            \
	"  routers = routers + 1;"
#define LEAVE_GROUP                                                          \
	" UPDATE router_group SET routers = routers - 1 WHERE"               \
	"  channel = OLD.channel AND arch = OLD.arch AND"                    \
	"  counter = OLD.counter AND set_sha = coalesce(OLD.set_sha, '')"    \
	"  AND state = OLD.state AND cause = coalesce(OLD.cause, '');"       \
	" DELETE FROM router_group WHERE"                                    \
	"  channel = OLD.channel AND arch = OLD.arch AND"                    \
	"  counter = OLD.counter AND set_sha = coalesce(OLD.set_sha, '')"    \
	"  AND state = OLD.state AND cause = coalesce(OLD.cause, '')"        \
	"  AND routers = 0;"
/* When the nth router came to it. */
#define REACHED(nth)                                                         \
	"(SELECT at FROM (SELECT at, row_number() OVER (ORDER BY at) AS k"   \
	"  FROM (SELECT min(at) AS at FROM step s WHERE s.channel ="         \
	"   reach.channel AND s.arch = reach.arch AND s.counter >="          \
	"   reach.counter GROUP BY router)) WHERE k = " nth ")"

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
	/* 6: counts of the fleet that nobody has to take: web/routers.h */
	"ALTER TABLE router ADD COLUMN best INTEGER NOT NULL DEFAULT 0;"
	"CREATE TABLE router_group ("
	" channel TEXT NOT NULL,"
	" arch TEXT NOT NULL,"
	" counter INTEGER NOT NULL,"
	" set_sha TEXT NOT NULL," /* '': none */
	" state TEXT NOT NULL,"	  /* '': it has not reported */
	" cause TEXT NOT NULL,"	  /* '': none */
	" routers INTEGER NOT NULL CHECK (routers >= 0),"
	" PRIMARY KEY (channel, arch, counter, set_sha, state, cause)"
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX router_group_set ON router_group(set_sha);"
	"INSERT INTO router_group SELECT channel, arch, counter,"
	" coalesce(set_sha, ''), state, coalesce(cause, ''), count(*)"
	" FROM router GROUP BY 1, 2, 3, 4, 5, 6;"
	"CREATE TRIGGER router_joins AFTER INSERT ON router BEGIN" JOIN_GROUP
	" END;"
	"CREATE TRIGGER router_leaves AFTER DELETE ON router BEGIN" LEAVE_GROUP
	" END;"
	"CREATE TRIGGER router_changes AFTER UPDATE OF channel, arch, counter,"
	" set_sha, state, cause ON router WHEN (OLD.channel, OLD.arch,"
	" OLD.counter, OLD.set_sha, OLD.state, OLD.cause) IS NOT (NEW.channel,"
	" NEW.arch, NEW.counter, NEW.set_sha, NEW.state, NEW.cause)"
	" BEGIN" LEAVE_GROUP JOIN_GROUP " END;"
	"DROP INDEX router_where;"
	"DROP INDEX router_set;"
	"CREATE INDEX router_state ON router(state);"
	"CREATE INDEX router_channel ON router(channel);"
	"CREATE INDEX router_cause ON router(state, cause, seen_at);"
	"CREATE INDEX router_seen ON router(seen_at);"
	"CREATE INDEX router_timestamp ON router(timestamp);"

	/* How far each set came in its channel; it or a newer one. */
	"CREATE TABLE reach ("
	" channel TEXT NOT NULL,"
	" arch TEXT NOT NULL,"
	" counter INTEGER NOT NULL,"
	" routers INTEGER NOT NULL,"
	" half_at INTEGER,"
	" most_at INTEGER," /* 90 % */
	" all_at INTEGER,"
	" PRIMARY KEY (channel, arch, counter)"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE step (router TEXT, channel TEXT, arch TEXT,"
	" counter INTEGER, at INTEGER) STRICT;"
	"INSERT INTO step SELECT r.id, r.channel, r.arch, s.counter, a.at"
	" FROM adopted a JOIN router r ON r.id = a.router JOIN (SELECT"
	"  body ->> '$.set.sha256' AS sha, body ->> '$.channel' AS channel,"
	"  body ->> '$.arch' AS arch, max(counter) AS counter FROM report"
	"  WHERE state = 'committed' GROUP BY 1, 2, 3) s ON s.sha = a.set_sha"
	" AND s.channel = r.channel AND s.arch = r.arch;"
	"INSERT INTO reach (channel, arch, counter, routers) SELECT s.channel,"
	" s.arch, s.counter, (SELECT count(DISTINCT router) FROM step n WHERE"
	"  n.channel = s.channel AND n.arch = s.arch AND n.counter >="
	"  s.counter) FROM step s GROUP BY 1, 2, 3;"
	"UPDATE router SET best = coalesce((SELECT max(counter) FROM step"
	" WHERE router = id), 0);"
	"UPDATE reach SET"
	" half_at = " REACHED("(n + 1) / 2") ","
	" most_at = " REACHED("(9 * n + 9) / 10") ","
	" all_at = " REACHED("n") " FROM (SELECT channel AS c, arch AS a,"
	" count(*) AS n FROM router GROUP BY 1, 2) WHERE c = channel AND"
	" a = arch;"
	"DROP TABLE step;"
	"DROP TABLE adopted;",
	/* 7: which kinds there are is web/ask.c's to say; a second person */
	"ALTER TABLE request RENAME TO request_2;"
	"CREATE TABLE request ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" at INTEGER NOT NULL,"
	" kind TEXT NOT NULL CHECK (length(kind) BETWEEN 1 AND 16),"
	" argument TEXT NOT NULL CHECK (length(argument) <= 2048),"
	" by TEXT NOT NULL CHECK (length(by) BETWEEN 1 AND 64),"
	" approved_by TEXT" /* NULL: nobody else had to */
	") STRICT;"
	"INSERT INTO request SELECT id, at, kind, argument, by, NULL"
	" FROM request_2;"
	"DROP TABLE request_2;"
	/* What waits for a second person; it is no request before. */
	"CREATE TABLE proposal ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" at INTEGER NOT NULL,"
	" kind TEXT NOT NULL CHECK (length(kind) BETWEEN 1 AND 16),"
	" argument TEXT NOT NULL CHECK (length(argument) <= 2048),"
	" by TEXT NOT NULL CHECK (length(by) BETWEEN 1 AND 64),"
	" closed_at INTEGER," /* NULL: it waits */
	" closed_by TEXT,"
	" request INTEGER" /* what it became; NULL: refused */
	") STRICT;"
	"CREATE INDEX proposal_open ON proposal(id) WHERE closed_at IS NULL;",

	/* 8: which devices belong to the fleet */
	"ALTER TABLE router ADD COLUMN standing TEXT NOT NULL DEFAULT"
	" 'waiting' CHECK (standing IN"
	" ('waiting', 'accepted', 'held', 'retired'));"
	"ALTER TABLE router ADD COLUMN fleet_group TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE router ADD COLUMN standing_at INTEGER;"
	"ALTER TABLE router ADD COLUMN standing_by TEXT;"
	"ALTER TABLE router ADD COLUMN standing_why TEXT;"
	"CREATE INDEX router_standing ON router(standing, fleet_group);"
	"CREATE INDEX router_of_set ON router(set_sha, standing, state);"
	/* Each lets in one device, once. */
	"CREATE TABLE enrolment ("
	" digest TEXT PRIMARY KEY CHECK (length(digest) = 64),"
	" made_at INTEGER NOT NULL,"
	" made_by TEXT NOT NULL,"
	" ends_at INTEGER NOT NULL,"
	" fleet_group TEXT NOT NULL,"
	" router TEXT REFERENCES router(id)," /* NULL: not used yet */
	" used_at INTEGER"
	") STRICT;"
	/* So that others can check what a router said; older ones lack it. */
	"ALTER TABLE report ADD COLUMN sig TEXT CHECK (length(sig) = 128);",

	/* 9: what came under the key of a party and was refused, the newest
	   of each: anybody can send such, so it is shown as that */
	"CREATE TABLE refused_signature ("
	" role TEXT NOT NULL,"
	" key TEXT NOT NULL CHECK (length(key) = 64),"
	" at INTEGER NOT NULL,"
	" text TEXT NOT NULL,"
	" PRIMARY KEY (role, key)"
	") STRICT;",

	/* devices of a standing, the newest first */
	"CREATE INDEX router_stands ON router(standing);",

	/* what updates to each set cost, as routers said that committed it;
	   devices of a group */
	"CREATE TABLE cost ("
	" channel TEXT NOT NULL,"
	" arch TEXT NOT NULL,"
	" counter INTEGER NOT NULL,"
	" updates INTEGER NOT NULL,"
	" bytes INTEGER NOT NULL, most_bytes INTEGER NOT NULL,"
	/* Of those that switched: how long packets of the LAN waited. */
	" switches INTEGER NOT NULL,"
	" gap_ms INTEGER NOT NULL, longest_ms INTEGER NOT NULL,"
	" PRIMARY KEY (channel, arch, counter)"
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX router_in_group ON router(fleet_group)"
	" WHERE fleet_group <> '';",

	/* 11: what nodes of the farm hand in: files in spool/, and what they
	   say of them */
	"CREATE TABLE upload ("
	" attempt TEXT NOT NULL CHECK (length(attempt) = 32),"
	" digest TEXT NOT NULL CHECK (length(digest) = 64),"
	" size INTEGER NOT NULL,"
	" at INTEGER NOT NULL,"
	" PRIMARY KEY (attempt, digest)"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE handin ("
	" attempt TEXT PRIMARY KEY CHECK (length(attempt) = 32),"
	" at INTEGER NOT NULL,"
	" body TEXT NOT NULL" /* kiln/handin */
	") STRICT, WITHOUT ROWID;",

	/* 12: statements of rebuilders come the same way */
	"CREATE TABLE submission_2 ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" at INTEGER NOT NULL,"
	" kind TEXT NOT NULL CHECK (kind IN ('signature', 'attestation')),"
	" digest TEXT NOT NULL UNIQUE CHECK (length(digest) = 64),"
	" size INTEGER NOT NULL"
	") STRICT;"
	/* The newest always stays, and so does the number of the next. */
	"INSERT INTO submission_2 SELECT id, at, kind, digest, size FROM"
	" submission;"
	"DROP TABLE submission;"
	"ALTER TABLE submission_2 RENAME TO submission;",

	/* 13: reports go by age: web/forget.h */
	"CREATE INDEX report_received ON report(received_at);",
};
/* clang-format on */

const size_t web_migrations_count = ARRAY_LEN(web_migrations);
_Static_assert(ARRAY_LEN(web_migrations) == WEB_SCHEMA,
    "lib/schema.h tells the readers of web.db");
