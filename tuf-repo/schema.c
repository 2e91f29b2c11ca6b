/* Each entry is applied once, in order; a released entry is never edited. */
#include "tuf-repo/schema.h"

#include "lib/attr.h"
#include "lib/schema.h"

#define HEX(c) "(length(" c ") = 64 AND " c " NOT GLOB '*[^0-9a-f]*')"

/* 2: stopping and starting, and what carries images */
static const char brakes_and_transport[] =
    /* A set that is stopped; the row is the order, and stays. */
    "CREATE TABLE brake ("
    " channel TEXT NOT NULL,"
    " arch TEXT NOT NULL,"
    " counter INTEGER NOT NULL CHECK (counter > 0),"
    " first_at INTEGER NOT NULL," /* 14 days count from here */
    " until INTEGER NOT NULL CHECK (until <= first_at + 1209600),"
    " reason TEXT NOT NULL,"
    " by TEXT NOT NULL,"
    " digest TEXT NOT NULL REFERENCES own_target(digest),"
    " lifted_at INTEGER,"
    " statement TEXT," /* kiln/resume, by the release key */
    " PRIMARY KEY (channel, arch, counter),"
    " CHECK ((lifted_at IS NULL) = (statement IS NULL))"
    ") STRICT;"

    /* What web.db's request table asked for, and what came of it: `text` says
     * it, `command` is what a holder of the release key types. */
    "CREATE TABLE asked ("
    " id INTEGER PRIMARY KEY," /* of web.db's row */
    " at INTEGER NOT NULL,"
    " kind TEXT NOT NULL,"
    " channel TEXT NOT NULL,"
    " by TEXT NOT NULL,"
    " text TEXT NOT NULL,"
    " command TEXT,"
    " done_at INTEGER"
    ") STRICT;"

    /* Compressed forms of published images. */
    "CREATE TABLE transport ("
    " image TEXT NOT NULL CHECK (length(image) = 64),"
    " base TEXT NOT NULL CHECK (base = '' OR length(base) = 64),"
    " service TEXT NOT NULL,"
    " arch TEXT NOT NULL,"
    " at INTEGER NOT NULL,"
    " sha256 TEXT CHECK (length(sha256) = 64)," /* NULL: not worth it */
    " size INTEGER,"
    " head_size INTEGER,"
    " head_sha256 TEXT CHECK (length(head_sha256) = 64),"
    " text TEXT," /* why there is none */
    " PRIMARY KEY (image, base),"
    " CHECK ((sha256 IS NULL) = (text IS NOT NULL))"
    ") STRICT;";

const char *const tuf_migrations[] = {
	/* 1: the straight pipe */
	/* Every version of every role.  The row is there before a signature is
	 * asked for, so a version never stands for two contents. */
	"CREATE TABLE role ("
	" name TEXT NOT NULL,"
	" version INTEGER NOT NULL CHECK (version > 0),"
	" made_at INTEGER NOT NULL," /* Unix seconds */
	" expires INTEGER NOT NULL,"
	" signed TEXT NOT NULL," /* canonical bytes that signatures cover */
	" file TEXT," /* the published bytes; NULL: signatures are missing */
	" digest TEXT CHECK " HEX(
	    "digest") "," /* of file */
		      " published_at INTEGER,"
		      " PRIMARY KEY (name, version)"
		      ") STRICT;"
		      "CREATE INDEX role_waiting ON role(name, version)"
		      " WHERE published_at IS NULL;"

		      /* Detached signatures that were verified, until the file
			 is made. */
		      "CREATE TABLE signature ("
		      " name TEXT NOT NULL,"
		      " version INTEGER NOT NULL,"
		      " key TEXT NOT NULL CHECK " HEX(
			  "key") "," /* the public key itself */
				 " sig TEXT NOT NULL CHECK (length(sig) = 128),"
				 " at INTEGER NOT NULL,"
				 " PRIMARY KEY (name, version, key),"
				 " FOREIGN KEY (name, version) REFERENCES "
				 "role(name, version)"
				 ") STRICT;"

				 /* One row for each time timestamp.json was
				    switched. */
				 "CREATE TABLE publication ("
				 " id INTEGER PRIMARY KEY,"
				 " at INTEGER NOT NULL,"
				 " timestamp_version INTEGER NOT NULL UNIQUE,"
				 " snapshot_version INTEGER NOT NULL,"
				 " targets_version INTEGER NOT NULL,"
				 " root_version INTEGER NOT NULL"
				 ") STRICT;"

				 /* kiln/release records that a service role
				    lists or has listed. */
				 "CREATE TABLE release ("
				 " digest TEXT PRIMARY KEY CHECK " HEX(
				     "digest") ","
					       " service TEXT NOT NULL,"
					       " arch TEXT NOT NULL,"
					       " version TEXT NOT NULL,"
					       " type TEXT NOT NULL CHECK "
					       "(type IN ('vm', 'kernel')),"
					       " plan TEXT NOT NULL CHECK " HEX(
						   "plan") ","
							   " serial INTEGER "
							   "NOT NULL," /* version
									  of
									  svc-SERVICE
									  that
									  first
									  had it
									*/
							   " current INTEGER "
							   "NOT NULL CHECK "
							   "(current IN (0, "
							   "1)),"
							   " at INTEGER NOT "
							   "NULL,"
							   " published_at "
							   "INTEGER" /* when a
									timestamp
									first
									led to
									it */
							   ") STRICT;"
							   "CREATE UNIQUE "
							   "INDEX "
							   "release_current ON "
							   "release(service, "
							   "arch)"
							   " WHERE current = 1;"

							   "CREATE TABLE "
							   "release_target ("
							   " release TEXT NOT "
							   "NULL REFERENCES "
							   "release(digest),"
							   " sha256 TEXT NOT "
							   "NULL CHECK " HEX(
							       "sha256") ","
									 " PRIM"
									 "ARY "
									 "KEY "
									 "(rele"
									 "ase, "
									 "sha25"
									 "6)"
									 ") "
									 "STRIC"
									 "T;"
									 "CREAT"
									 "E "
									 "INDEX"
									 " rele"
									 "ase_"
									 "targe"
									 "t_"
									 "sha25"
									 "6 ON "
									 "relea"
									 "se_"
									 "targe"
									 "t("
									 "sha25"
									 "6);"

									 /* Why
									    a
									    release
									    of
									    farm.db
									    is
									    not
									    published.
									  */
									 "CREAT"
									 "E "
									 "TABLE"
									 " refu"
									 "sal ("
									 " rele"
									 "ase "
									 "TEXT "
									 "PRIMA"
									 "RY "
									 "KEY "
									 "CHECK"
									 " " HEX(
									     "r"
									     "e"
									     "l"
									     "e"
									     "a"
									     "s"
									     "e") ","
										  " service TEXT NOT NULL,"
										  " arch TEXT NOT NULL,"
										  " at INTEGER NOT NULL," /* since when, for this cause */
										  " cause TEXT NOT NULL," /* one word */
										  " text TEXT NOT NULL" /* one sentence */
										  ") STRICT;"

										  /* Releases below min_serial are withdrawn. */
										  "CREATE TABLE withdrawal ("
										  " service TEXT PRIMARY KEY,"
										  " min_serial INTEGER NOT NULL CHECK (min_serial > 0),"
										  " at INTEGER NOT NULL,"
										  " reason TEXT NOT NULL"
										  ") STRICT;"

										  /* Small targets that are made here: sets and brakes. */
										  "CREATE TABLE own_target ("
										  " digest TEXT PRIMARY KEY CHECK " HEX(
										      "digest") ","
												" bytes TEXT NOT NULL,"
												" made_at INTEGER NOT NULL"
												") STRICT;"

												"CREATE TABLE \"set\" ("
												" channel TEXT NOT NULL,"
												" arch TEXT NOT NULL,"
												" counter INTEGER NOT NULL CHECK (counter > 0),"
												" digest TEXT NOT NULL REFERENCES own_target(digest),"
												" made_at INTEGER NOT NULL,"
												" published_at INTEGER,"
												" withdrawn_at INTEGER," /* it names what is listed no more */
												" PRIMARY KEY (channel, arch, counter)"
												") STRICT;"
												"CREATE VIEW published_set AS"
												" SELECT channel, arch, counter, digest, published_at AS at"
												" FROM \"set\" WHERE published_at IS NOT NULL;"
												/* Why there is no newer set, for each channel and architecture. */
												"CREATE TABLE set_waiting ("
												" channel TEXT NOT NULL,"
												" arch TEXT NOT NULL,"
												" at INTEGER NOT NULL,"
												" text TEXT NOT NULL,"
												" PRIMARY KEY (channel, arch)"
												") STRICT;"

												/* Targets that were found whole in the published tree. */
												"CREATE TABLE placed ("
												" path TEXT NOT NULL,"
												" digest TEXT NOT NULL CHECK " HEX(
												    "digest") ","
													      " at INTEGER NOT NULL,"
													      " PRIMARY KEY (path, digest)"
													      ") STRICT;"

													      /* What an operator asked for by command. */
													      "CREATE TABLE request ("
													      " id INTEGER PRIMARY KEY,"
													      " at INTEGER NOT NULL,"
													      " kind TEXT NOT NULL CHECK (kind IN ('refresh')),"
													      " served_at INTEGER"
													      ") STRICT;"

													      "CREATE TABLE event ("
													      " id INTEGER PRIMARY KEY,"
													      " at INTEGER NOT NULL,"
													      " kind TEXT NOT NULL,"
													      " subject TEXT NOT NULL,"
													      " text TEXT NOT NULL"
													      ") STRICT;"

													      /* served_cycle: everything of farm.db's cycles up to this one was
													       * published or refused. */
													      "CREATE TABLE state ("
													      " key TEXT PRIMARY KEY,"
													      " value INTEGER NOT NULL"
													      ") STRICT;"
													      "CREATE VIEW served_cycle AS"
													      " SELECT value AS cycle FROM state WHERE key = 'served_cycle';",
	brakes_and_transport,
	/* 3: what came of the signatures that others handed in; web.db's id */
	"CREATE TABLE handed_in ("
	" id INTEGER PRIMARY KEY,"
	" at INTEGER NOT NULL,"
	" role TEXT,"
	" version INTEGER,"
	" key TEXT,"
	" taken INTEGER NOT NULL CHECK (taken IN (0, 1)),"
	" text TEXT NOT NULL"
	") STRICT;",
	/* 4: this farm's signatures over what was said of runs: the DSSE
	   encoding of a statement in the store */
	"CREATE TABLE attestation ("
	" digest TEXT NOT NULL CHECK (length(digest) = 64)," /* statement */
	" key TEXT NOT NULL CHECK (length(key) = 64)," /* the public key */
	" sig TEXT NOT NULL CHECK (length(sig) = 128),"
	" at INTEGER NOT NULL,"
	" PRIMARY KEY (digest, key)"
	") STRICT;",

	/* 5: the log of statements: what stands where in it, for ever */
	"CREATE TABLE log_entry ("
	" idx INTEGER PRIMARY KEY,"
	" digest TEXT NOT NULL,"
	" key TEXT NOT NULL,"
	" UNIQUE (digest, key),"
	" FOREIGN KEY (digest, key) REFERENCES attestation(digest, key)"
	") STRICT;",
	/* 6: a router's own program is of a third type */
	"CREATE TABLE typed ("
	" digest TEXT PRIMARY KEY CHECK (length(digest) = 64"
	" AND digest NOT GLOB '*[^0-9a-f]*'),"
	" service TEXT NOT NULL,"
	" arch TEXT NOT NULL,"
	" version TEXT NOT NULL,"
	" type TEXT NOT NULL CHECK (type IN ('vm', 'kernel', 'agent')),"
	" plan TEXT NOT NULL CHECK (length(plan) = 64"
	" AND plan NOT GLOB '*[^0-9a-f]*'),"
	" serial INTEGER NOT NULL,"
	" current INTEGER NOT NULL CHECK (current IN (0, 1)),"
	" at INTEGER NOT NULL,"
	" published_at INTEGER"
	") STRICT;"
	"CREATE TABLE typed_target ("
	" release TEXT NOT NULL REFERENCES typed(digest),"
	" sha256 TEXT NOT NULL CHECK (length(sha256) = 64"
	" AND sha256 NOT GLOB '*[^0-9a-f]*'),"
	" PRIMARY KEY (release, sha256)"
	") STRICT;"
	"INSERT INTO typed(digest, service, arch, version, type, plan, serial,"
	" current, at, published_at) SELECT digest, service, arch, version,"
	" type, plan, serial, current, at, published_at FROM release;"
	"INSERT INTO typed_target(release, sha256)"
	" SELECT release, sha256 FROM release_target;"
	"DROP TABLE release_target;"
	"DROP TABLE release;"
	"ALTER TABLE typed RENAME TO release;"
	"ALTER TABLE typed_target RENAME TO release_target;"
	"CREATE INDEX release_target_sha256 ON release_target(sha256);"
	"CREATE UNIQUE INDEX release_current ON release(service, arch)"
	" WHERE current = 1;",

	/* 7: statements of other rebuilders; the texts are files of the log */
	"CREATE TABLE statement ("
	" digest TEXT NOT NULL,"
	" key TEXT NOT NULL," /* who says it */
	" plan TEXT NOT NULL CHECK (length(plan) = 64),"
	" verdict TEXT NOT NULL,"
	" outcome TEXT NOT NULL," /* of the run, or '' */
	" lane TEXT NOT NULL,"	  /* of the run, or '' */
	" at INTEGER NOT NULL,"
	" PRIMARY KEY (digest, key),"
	" FOREIGN KEY (digest, key) REFERENCES attestation(digest, key)"
	") STRICT;"
	"CREATE INDEX statement_plan ON statement(plan);",

	/* 8: and a unikernel of Solo5 of a fourth */
	"CREATE TABLE typed ("
	" digest TEXT PRIMARY KEY CHECK (length(digest) = 64"
	" AND digest NOT GLOB '*[^0-9a-f]*'),"
	" service TEXT NOT NULL,"
	" arch TEXT NOT NULL,"
	" version TEXT NOT NULL,"
	" type TEXT NOT NULL CHECK (type IN ('vm', 'kernel', 'agent',"
	" 'solo5')),"
	" plan TEXT NOT NULL CHECK (length(plan) = 64"
	" AND plan NOT GLOB '*[^0-9a-f]*'),"
	" serial INTEGER NOT NULL,"
	" current INTEGER NOT NULL CHECK (current IN (0, 1)),"
	" at INTEGER NOT NULL,"
	" published_at INTEGER"
	") STRICT;"
	"CREATE TABLE typed_target ("
	" release TEXT NOT NULL REFERENCES typed(digest),"
	" sha256 TEXT NOT NULL CHECK (length(sha256) = 64"
	" AND sha256 NOT GLOB '*[^0-9a-f]*'),"
	" PRIMARY KEY (release, sha256)"
	") STRICT;"
	"INSERT INTO typed(digest, service, arch, version, type, plan, serial,"
	" current, at, published_at) SELECT digest, service, arch, version,"
	" type, plan, serial, current, at, published_at FROM release;"
	"INSERT INTO typed_target(release, sha256)"
	" SELECT release, sha256 FROM release_target;"
	"DROP TABLE release_target;"
	"DROP TABLE release;"
	"ALTER TABLE typed RENAME TO release;"
	"ALTER TABLE typed_target RENAME TO release_target;"
	"CREATE INDEX release_target_sha256 ON release_target(sha256);"
	"CREATE UNIQUE INDEX release_current ON release(service, arch)"
	" WHERE current = 1;",
};

const size_t tuf_migrations_count = ARRAY_LEN(tuf_migrations);
_Static_assert(ARRAY_LEN(tuf_migrations) == TUF_SCHEMA,
    "lib/schema.h tells the readers of tuf.db");
