/* Each entry is applied once, in order; a released entry is never edited. */
#include "builder/schema.h"

#include "lib/attr.h"
#include "lib/schema.h"

#define HEX(c) "(length(" c ") = 64 AND " c " NOT GLOB '*[^0-9a-f]*')"

/* A macro between string literals is taken for a call. */
/* clang-format off */
/* A plan's row of `product`, from its newest good runs. */
#define PRODUCT(where)                                                       \
	"INSERT OR REPLACE INTO product SELECT p.recipe, p.stage, p.made_at,"\
	" p.digest, p.judged_at, r.id, i.digest, i.size, (SELECT"            \
	"  coalesce(sum(size), 0) FROM output WHERE run = r.id), a.id, a.wall_ms, b.id, b.wall_ms"  \
	" FROM plan p JOIN run r ON r.id = (SELECT max(id) FROM run WHERE"   \
	"  plan = p.digest AND state = 'succeeded') LEFT JOIN output i ON"    \
	" i.run = r.id AND i.name = 'image' LEFT JOIN run a ON a.id ="       \
	" (SELECT max(id) FROM run WHERE plan = p.digest AND state ="        \
	"  'succeeded' AND lane = 'A') LEFT JOIN run b ON b.id = (SELECT"    \
	"  max(id) FROM run WHERE plan = p.digest AND state = 'succeeded'"   \
	"  AND lane = 'B') WHERE p.verdict = 'reproduced' AND " where ";"

const char *const farm_migrations[] = {
	/* 1: the straight pipe */
	"CREATE TABLE event ("
	" id INTEGER PRIMARY KEY,"
	" at INTEGER NOT NULL," /* Unix seconds */
	" kind TEXT NOT NULL,"  /* word-word: archive-changed, run-failed … */
	" subject TEXT NOT NULL,"
	" text TEXT NOT NULL," /* one sentence */
	" parent INTEGER REFERENCES event(id)" /* what led to it */
	") STRICT;"

	/* What is known of each suite; digests are artifacts in the store. */
	"CREATE TABLE suite ("
	" name TEXT PRIMARY KEY," /* Codename: bookworm-security */
	" uri TEXT NOT NULL,"
	" inrelease TEXT NOT NULL CHECK " HEX("inrelease") ","
	" date INTEGER NOT NULL,"  /* Date: of the InRelease */
	" valid_until INTEGER,"    /* NULL: it has none */
	" changed_at INTEGER NOT NULL,"
	" checked_at INTEGER NOT NULL" /* last success */
	") STRICT;"

	"CREATE TABLE recipe ("
	" name TEXT PRIMARY KEY,"
	" kind TEXT NOT NULL,"
	" summary TEXT NOT NULL,"
	" tree TEXT NOT NULL CHECK " HEX("tree") "," /* digest of its folder */
	" lock TEXT CHECK " HEX("lock") ","  /* the current lock */
	" error TEXT,"                       /* why it is held, or NULL */
	" loaded_at INTEGER NOT NULL"
	") STRICT;"

	"CREATE TABLE lock ("
	" digest TEXT PRIMARY KEY CHECK " HEX("digest") ","
	" recipe TEXT NOT NULL,"
	" made_at INTEGER NOT NULL,"
	" origin TEXT NOT NULL CHECK (origin IN ('archive', 'import')),"
	" request TEXT NOT NULL CHECK " HEX("request") ","
	" event INTEGER REFERENCES event(id)"
	") STRICT;"
	"CREATE INDEX lock_recipe ON lock(recipe, made_at);"

	"CREATE TABLE plan ("
	" digest TEXT PRIMARY KEY CHECK " HEX("digest") ","
	" recipe TEXT NOT NULL,"
	" stage TEXT NOT NULL CHECK (stage IN ('build', 'image')),"
	" lock TEXT NOT NULL CHECK " HEX("lock") ","
	" made_at INTEGER NOT NULL,"
	" event INTEGER REFERENCES event(id)," /* why now */
	" verdict TEXT CHECK (verdict IN"
	"  ('reproduced', 'differs', 'failed', 'inconclusive')),"
	" verdict_record TEXT CHECK " HEX("verdict_record") ","
	" judged_at INTEGER"
	") STRICT;"
	"CREATE INDEX plan_recipe ON plan(recipe, stage, made_at);"

	/* The plan that stands for each recipe and stage now. */
	"CREATE TABLE current ("
	" recipe TEXT NOT NULL,"
	" stage TEXT NOT NULL CHECK (stage IN ('build', 'image')),"
	" plan TEXT NOT NULL REFERENCES plan(digest),"
	" PRIMARY KEY (recipe, stage)"
	") STRICT;"

	"CREATE TABLE run ("
	" id INTEGER PRIMARY KEY,"
	" plan TEXT NOT NULL REFERENCES plan(digest),"
	" lane TEXT NOT NULL CHECK (lane IN ('A', 'B')),"
	" state TEXT NOT NULL CHECK (state IN"
	"  ('queued', 'running', 'succeeded', 'failed', 'lost')),"
	" queued_at INTEGER NOT NULL,"
	" started_at INTEGER,"
	" finished_at INTEGER,"
	" environment TEXT CHECK " HEX("environment") ","
	" log TEXT CHECK " HEX("log") ","       /* NULL while it runs */
	" record TEXT CHECK " HEX("record") "," /* kiln/run, once it ended */
	" cause TEXT,"    /* one word when not succeeded */
	" message TEXT,"  /* one sentence when not succeeded */
	" wall_ms INTEGER, cpu_ms INTEGER, max_rss_kib INTEGER"
	") STRICT;"
	"CREATE INDEX run_plan ON run(plan, lane);"
	"CREATE INDEX run_state ON run(state) WHERE state IN ('queued', 'running');"

	"CREATE TABLE output ("
	" run INTEGER NOT NULL REFERENCES run(id),"
	" name TEXT NOT NULL,"
	" digest TEXT NOT NULL CHECK " HEX("digest") ","
	" size INTEGER NOT NULL,"
	" PRIMARY KEY (run, name)"
	") STRICT;"
	"CREATE INDEX output_digest ON output(digest);"

	/* What kiln-tuf may publish: kiln/release records in the store. */
	"CREATE TABLE release ("
	" digest TEXT PRIMARY KEY CHECK " HEX("digest") ","
	" service TEXT NOT NULL,"
	" arch TEXT NOT NULL,"
	" plan TEXT NOT NULL REFERENCES plan(digest),"
	" made_at INTEGER NOT NULL"
	") STRICT;"
	"CREATE INDEX release_service ON release(service, arch, made_at);"

	/* One pass of the pipe, from watching to nothing left to do. */
	"CREATE TABLE cycle ("
	" id INTEGER PRIMARY KEY,"
	" started_at INTEGER NOT NULL,"
	" finished_at INTEGER,"
	" executed INTEGER NOT NULL DEFAULT 0," /* sandboxes started */
	" failed INTEGER NOT NULL DEFAULT 0,"
	/* The builder was killed in it; the next start finished the row. */
	" interrupted INTEGER NOT NULL DEFAULT 0,"
	" error TEXT" /* why it stopped early, or NULL */
	") STRICT;"

	/* The last row of another database's table that was looked at. */
	"CREATE TABLE served ("
	" source TEXT PRIMARY KEY," /* web.request */
	" id INTEGER NOT NULL"
	") STRICT;"

	/* Work in hand, for people: bytes or counts. */
	"CREATE TABLE progress ("
	" id INTEGER PRIMARY KEY,"
	" what TEXT NOT NULL,"    /* fetch, index, lock, environment, build,
	                           * compare */
	" subject TEXT NOT NULL,"
	" unit TEXT NOT NULL,"    /* B, packages, runs … */
	" done INTEGER NOT NULL,"
	" total INTEGER,"         /* NULL: not known */
	" started_at INTEGER NOT NULL,"
	" updated_at INTEGER NOT NULL,"
	" ended_at INTEGER"
	") STRICT;",

	/* 2: why a lock changed, what a cycle cost, what was looked at again */
	/* For which indexes a lock is known to hold, and every name that the
	   solver could have looked at. */
	"CREATE TABLE lock_kept ("
	" lock TEXT PRIMARY KEY CHECK " HEX("lock") ","
	" indexes TEXT NOT NULL," /* lines "SUITE PACKAGES SOURCES" */
	" consulted TEXT NOT NULL REFERENCES consulted(digest)"
	") STRICT;"
	"CREATE TABLE consulted ("
	" digest TEXT PRIMARY KEY CHECK " HEX("digest") ","
	" names TEXT NOT NULL" /* lines, sorted */
	") STRICT;"

	/* What is other in a recipe's lock than in the one before. */
	"CREATE TABLE lock_change ("
	" event INTEGER NOT NULL REFERENCES event(id)," /* lock-changed */
	" recipe TEXT NOT NULL,"
	" part TEXT NOT NULL CHECK (part IN ('build', 'image', 'source')),"
	" package TEXT NOT NULL,"
	" old TEXT," /* version; NULL: it was not there */
	" new TEXT," /* NULL: it is gone */
	" suite TEXT," /* of the new one */
	" security INTEGER NOT NULL," /* 1: that is a security suite */
	" PRIMARY KEY (event, part, package)"
	") STRICT;"
	"CREATE INDEX lock_change_package ON lock_change(package);"

	/* What a cycle executed, beside the fewest it could have: farms of
	   black boxes need two runs for an output that is new and one for an
	   output that stays. */
	"CREATE TABLE cycle_task ("
	" cycle INTEGER NOT NULL REFERENCES cycle(id),"
	" plan TEXT NOT NULL REFERENCES plan(digest),"
	" executed INTEGER NOT NULL,"
	" needed INTEGER NOT NULL,"
	" reason TEXT," /* of the excess; NULL: there is none */
	" PRIMARY KEY (cycle, plan)"
	") STRICT;"
	"ALTER TABLE cycle ADD COLUMN needed INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE cycle ADD COLUMN solved INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE cycle ADD COLUMN kept INTEGER NOT NULL DEFAULT 0;"

	/* A run of a plan that had its verdict. */
	"ALTER TABLE run ADD COLUMN audit INTEGER NOT NULL DEFAULT 0;",

	/* 3: why a plan stands for a recipe now: it may have been made long
	   ago, and for another one */
	"ALTER TABLE current ADD COLUMN event INTEGER REFERENCES event(id);",

	/* 4: who goes next, why a release is none any more, whose runs */
	/* What became of each recipe's stage in the newest cycle. */
	"CREATE TABLE task ("
	" recipe TEXT NOT NULL,"
	" stage TEXT NOT NULL CHECK (stage IN ('build', 'image')),"
	" state TEXT NOT NULL CHECK (state IN"
	"  ('waits', 'queued', 'runs', 'done', 'held')),"
	" urgent INTEGER NOT NULL," /* 1: a security update led to it */
	" plan TEXT CHECK " HEX("plan") "," /* NULL: not yet */
	" why TEXT,"  /* not yet, or held; NULL: nothing to say */
	" since INTEGER NOT NULL,"
	" PRIMARY KEY (recipe, stage)"
	") STRICT;"
	/* Why kiln-tuf may not publish it any more, or NULL. */
	"ALTER TABLE release ADD COLUMN withheld TEXT;"
	/* The first cause of the runs. */
	"ALTER TABLE cycle_task ADD COLUMN event INTEGER REFERENCES event(id);",

	/* 5: git repositories, files, and what a mirror says of itself */
	/* Where a ref of a repository was last seen; the ref may be a commit. */
	"CREATE TABLE git_ref ("
	" url TEXT NOT NULL,"
	" ref TEXT NOT NULL,"
	" commit_id TEXT," /* NULL: never seen, `error` says why */
	" tree TEXT,"
	" changed_at INTEGER,"
	" checked_at INTEGER," /* last success */
	" error TEXT," /* of the last look; NULL: it went well */
	" PRIMARY KEY (url, ref)"
	") STRICT;"
	/* Exported trees: the tar is a function of tree and name. */
	"CREATE TABLE git_tar ("
	" tree TEXT NOT NULL,"
	" name TEXT NOT NULL,"
	" digest TEXT NOT NULL CHECK " HEX("digest") ","
	" size INTEGER NOT NULL,"
	" PRIMARY KEY (tree, name)"
	") STRICT;"
	/* To ask "changed since?" with; NULL: the server did not say. */
	"ALTER TABLE suite ADD COLUMN etag TEXT;"
	"ALTER TABLE suite ADD COLUMN modified TEXT;"
	/* Where its folder came from: "URL COMMIT"; NULL: the plain folder. */
	"ALTER TABLE recipe ADD COLUMN origin TEXT;",

	/* 6: what led to a plan is known to a builder that was killed before
	   it made the plan, too */
	/* The last change of its files or its lock. */
	"ALTER TABLE recipe ADD COLUMN event INTEGER REFERENCES event(id);"
	/* The last that was told of it: plan-made, then its verdict. */
	"ALTER TABLE current ADD COLUMN last INTEGER REFERENCES event(id);"
	/* Newer events are of this cycle, or of those before it that did not
	   come to their end. */
	"ALTER TABLE cycle ADD COLUMN since INTEGER NOT NULL DEFAULT 0;",

	/* 6: so that all locks can be asked at once: lines, sorted; NULL: it
	   was made before and does not say */
	"ALTER TABLE lock_kept ADD COLUMN sources TEXT;",

	/* 7: a recipe's plans by time, and the plans of a lock, for pages */
	"CREATE INDEX plan_recipe_at ON plan(recipe, made_at);"
	"CREATE INDEX plan_lock ON plan(lock);",

	/* 8: what is said of runs: unsigned in-toto Statements in the store,
	   for kiln-tuf to have signed */
	"CREATE TABLE attestation ("
	" id INTEGER PRIMARY KEY," /* grows; rows stay */
	" digest TEXT NOT NULL UNIQUE CHECK " HEX("digest") ","
	" plan TEXT NOT NULL REFERENCES plan(digest),"
	" run TEXT CHECK " HEX("run") "," /* its kiln/run; NULL: none counts */
	" predicate TEXT NOT NULL CHECK (predicate IN"
	"  ('provenance', 'reproduction')),"
	" verdict TEXT CHECK (verdict IN" /* of a reproduction */
	"  ('reproduced', 'differs', 'failed', 'inconclusive')),"
	" at INTEGER NOT NULL,"
	" CHECK ((verdict IS NULL) = (predicate = 'provenance'))"
	") STRICT;"
	"CREATE INDEX attestation_plan ON attestation(plan);",

	/* 9: what is told of artifacts for other tools: documents in the
	   store */
	"CREATE TABLE document ("
	" subject TEXT NOT NULL CHECK " HEX("subject") ","
	" format TEXT NOT NULL CHECK (format IN"
	"  ('spdx', 'cyclonedx', 'buildinfo')),"
	" digest TEXT NOT NULL CHECK " HEX("digest") ","
	" PRIMARY KEY (subject, format)"
	") STRICT;",

	/* 10: lists and newest ones of a million runs, for pages */
	/* Whose runs, so that one recipe's are found in their order. */
	"ALTER TABLE run ADD COLUMN recipe TEXT;"
	"UPDATE run SET recipe = (SELECT recipe FROM plan WHERE digest ="
	" run.plan);"
	"CREATE TRIGGER run_recipe AFTER INSERT ON run BEGIN UPDATE run SET"
	" recipe = (SELECT recipe FROM plan WHERE digest = NEW.plan) WHERE"
	" id = NEW.id; END;"
	"CREATE INDEX run_recipe ON run(recipe);"
	/* Not of those that succeeded: a plan's newest run would be sought
	   among all of them. */
	"CREATE INDEX run_bad ON run(state) WHERE state IN ('failed',"
	" 'lost');"
	"DROP INDEX output_digest;"
	"CREATE INDEX output_digest ON output(digest, run);"
	"CREATE INDEX release_made ON release(made_at);"
	"CREATE INDEX release_newest ON release(service, made_at);"
	"CREATE INDEX event_told ON event(id) WHERE kind IN ('verdict',"
	" 'release-made', 'lock-changed', 'archive-changed', 'run-failed',"
	" 'audit-alarm');"
	"CREATE INDEX event_alarm ON event(subject) WHERE kind ="
	" 'audit-alarm';"
	"CREATE INDEX event_lost ON event(subject) WHERE kind = 'run-lost';",

	/* 11: what people ask for: cancel and retry */
	/* Plans that are held until somebody asks for them again. */
	"CREATE TABLE cancelled ("
	" plan TEXT PRIMARY KEY REFERENCES plan(digest),"
	" at INTEGER NOT NULL,"
	" by TEXT NOT NULL,"
	" reason TEXT NOT NULL"
	") STRICT;"
	/* web.db's requests that were for the builder, and what came of each. */
	"CREATE TABLE asked ("
	" id INTEGER PRIMARY KEY," /* of web.db's row */
	" at INTEGER NOT NULL,"
	" kind TEXT NOT NULL,"
	" by TEXT NOT NULL,"
	" run INTEGER NOT NULL,"
	" plan TEXT CHECK " HEX("plan") "," /* NULL: no such run */
	" reason TEXT NOT NULL,"
	" text TEXT NOT NULL" /* one sentence */
	") STRICT;"
	"CREATE INDEX asked_plan ON asked(plan);"
	/* 1: a retry was asked for since; it does not count any more. */
	"ALTER TABLE run ADD COLUMN set_aside INTEGER NOT NULL DEFAULT 0;",

	/* 12: what a page of a build asks by its plan */
	"CREATE INDEX cycle_task_plan ON cycle_task(plan);"
	"CREATE INDEX release_plan ON release(plan);",

	/* 13: what an image is compared with (builder/inputs/stock.h) */
	"CREATE TABLE stock ("
	" lock TEXT PRIMARY KEY CHECK " HEX("lock") ","
	" packages INTEGER NOT NULL,"
	" bytes INTEGER NOT NULL," /* as installed */
	" list TEXT NOT NULL"	    /* lines "NAME VERSION BYTES" */
	") STRICT;"
	/* A plan's newest good run without a look at its row, and whose plan
	   stands. */
	"CREATE INDEX run_good ON run(plan, id) WHERE state = 'succeeded';"
	"CREATE INDEX current_plan ON current(plan);"
	/* What reproduced plans gave, side by side for each recipe: a page of
	   two hundred of them would else be a thousand reads. */
	"CREATE TABLE product ("
	" recipe TEXT NOT NULL,"
	" stage TEXT NOT NULL,"
	" made_at INTEGER NOT NULL,"
	" plan TEXT NOT NULL REFERENCES plan(digest),"
	" judged_at INTEGER,"
	" run INTEGER NOT NULL,"   /* the newest good one */
	" image TEXT, image_size INTEGER," /* the output of that name */
	" bytes INTEGER NOT NULL," /* of all outputs */
	" run_a INTEGER, wall_a INTEGER," /* the newest good one of lane A */
	" run_b INTEGER, wall_b INTEGER,"
	" PRIMARY KEY (recipe, stage, made_at, plan)"
	") STRICT, WITHOUT ROWID;"
	PRODUCT("true")
	"CREATE TRIGGER plan_product AFTER UPDATE OF verdict ON plan BEGIN"
	" DELETE FROM product WHERE recipe = NEW.recipe AND stage = NEW.stage"
	" AND made_at = NEW.made_at AND plan = NEW.digest; "
	PRODUCT("p.digest = NEW.digest") " END;",

	/* 14: runs on other machines: one attempt after the other, until one
	   of them reports */
	"CREATE TABLE attempt ("
	" id TEXT PRIMARY KEY CHECK (length(id) = 32 AND id NOT GLOB"
	"  '*[^0-9a-f]*')," /* its name to the engine */
	" run INTEGER NOT NULL REFERENCES run(id),"
	" number INTEGER NOT NULL,"
	" engine TEXT NOT NULL,"
	" state TEXT NOT NULL CHECK (state IN ('submitting', 'waits',"
	"  'runs', 'won', 'same', 'differs', 'refused', 'lost',"
	"  'cancelled')),"
	" secret TEXT NOT NULL CHECK " HEX("secret") "," /* SHA-256 of it */
	" ticket TEXT NOT NULL CHECK " HEX("ticket") "," /* kiln/ticket */
	" quota INTEGER NOT NULL," /* bytes it may upload */
	" exclude TEXT NOT NULL," /* nodes that it may not be placed on */
	" job TEXT NOT NULL DEFAULT ''," /* the engine's number: a hint */
	" node TEXT NOT NULL DEFAULT '',"
	" why TEXT NOT NULL DEFAULT ''," /* it waits, or was lost */
	" made_at INTEGER NOT NULL,"
	" started_at INTEGER," /* seen to run */
	" ended_at INTEGER,"
	" taken_at INTEGER," /* what it handed in was looked at */
	" UNIQUE (run, number)"
	") STRICT;"
	"CREATE INDEX attempt_open ON attempt(state) WHERE state IN"
	" ('submitting', 'waits', 'runs');"
	/* What the engine said last of itself and its nodes. */
	"CREATE TABLE engine ("
	" name TEXT PRIMARY KEY,"
	" healthy INTEGER NOT NULL,"
	" text TEXT NOT NULL,"
	" seen_at INTEGER NOT NULL"
	") STRICT;"
	"CREATE TABLE node ("
	" name TEXT PRIMARY KEY,"
	" state TEXT NOT NULL,"
	" features TEXT NOT NULL,"
	" cpus INTEGER NOT NULL,"
	" cpus_free INTEGER NOT NULL,"
	" memory INTEGER NOT NULL,"
	" memory_free INTEGER NOT NULL,"
	" why TEXT NOT NULL"
	") STRICT;",

	/* 15: plans were gone through to find those that stand, which are few */
	"DROP INDEX current_plan;",

	/* 16: for whoever derives a release from its recipes: as which trees a
	   plan was asked for last, and what a release is made of */
	"CREATE TABLE plan_tree ("
	" plan TEXT NOT NULL REFERENCES plan(digest),"
	" recipe TEXT NOT NULL,"
	" tree TEXT NOT NULL CHECK " HEX("tree") "," /* kiln/recipe-tree */
	" signature TEXT CHECK " HEX("signature") "," /* its recipe.sig */
	" PRIMARY KEY (plan, recipe)"
	") STRICT;"
	"CREATE TABLE release_part ("
	" release TEXT NOT NULL REFERENCES release(digest),"
	" plan TEXT NOT NULL REFERENCES plan(digest),"
	" PRIMARY KEY (release, plan)"
	") STRICT;",

	/* 17: what was measured and proven of what came out: in-toto
	   Statements in the store (builder/judge/proven.h) */
	"CREATE TABLE proof ("
	" id INTEGER PRIMARY KEY," /* in the order of recording */
	" digest TEXT NOT NULL UNIQUE CHECK " HEX("digest") ","
	" at INTEGER NOT NULL," /* as the statement says */
	" arch TEXT NOT NULL,"
	" script TEXT NOT NULL," /* that asked */
	" passed INTEGER NOT NULL,"
	" failed INTEGER NOT NULL,"
	/* NULL, all of these: it ran in no machine. */
	" kernel TEXT CHECK " HEX("kernel") "," /* vmlinuz */
	" accel TEXT CHECK (accel IN ('tcg', 'kvm')),"
	" memory INTEGER," /* bytes given */
	" answer_ms INTEGER," /* from starting QEMU to the first answer */
	" least INTEGER," /* bytes with which it still answers */
	" CHECK ((accel IS NULL) = (kernel IS NULL) AND (accel IS NULL) ="
	"  (memory IS NULL) AND (accel IS NULL) = (answer_ms IS NULL) AND"
	"  (accel IS NULL) = (least IS NULL))"
	") STRICT;"
	"CREATE TABLE proof_subject ("
	" digest TEXT NOT NULL CHECK " HEX("digest") ","
	" proof INTEGER NOT NULL REFERENCES proof(id),"
	" PRIMARY KEY (digest, proof)"
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX proof_subject_proof ON proof_subject(proof);"
	/* budget.image, in bytes; NULL: it names none. */
	"ALTER TABLE recipe ADD COLUMN image_max INTEGER;"
	/* What stands for each recipe with an image, or with programs that
	   somebody proved, beside the newest proof of exactly these bytes. */
	"CREATE VIEW proven AS WITH made AS (SELECT c.recipe, c.stage, c.plan,"
	" (SELECT max(id) FROM run WHERE plan = c.plan AND state ="
	"  'succeeded') AS run FROM current c WHERE c.stage = 'image' OR"
	"  NOT EXISTS (SELECT 1 FROM current i WHERE i.recipe = c.recipe AND"
	"   i.stage = 'image')),"
	" seen AS (SELECT made.*, (SELECT digest FROM output WHERE run ="
	"  made.run AND name = 'image') AS image, (SELECT max(s.proof) FROM"
	"  output o JOIN proof_subject s ON s.digest = o.digest WHERE o.run ="
	"  made.run AND NOT EXISTS (SELECT 1 FROM proof_subject t WHERE"
	"   t.proof = s.proof AND t.digest NOT IN (SELECT digest FROM output"
	"    WHERE run = made.run))) AS proof FROM made)"
	" SELECT s.recipe, s.stage, s.plan, p.verdict, s.image, (SELECT"
	"  sum(size) FROM output WHERE run = s.run) AS bytes, r.image_max,"
	" ifnull((SELECT l.digest FROM output o JOIN run n ON n.id = o.run"
	"  JOIN release l ON l.plan = n.plan WHERE o.digest = s.image ORDER BY"
	"  l.made_at DESC LIMIT 1), (SELECT digest FROM release WHERE plan ="
	"  s.plan ORDER BY made_at DESC LIMIT 1)) AS release, f.digest AS"
	" record, f.at,"
	" f.arch, f.script, f.passed, f.failed, f.kernel, (SELECT k.recipe"
	"  FROM output o JOIN run n ON n.id = o.run JOIN plan k ON k.digest ="
	"  n.plan WHERE o.digest = f.kernel ORDER BY o.run DESC LIMIT 1) AS"
	"  kernel_recipe, f.accel, f.memory, f.answer_ms, f.least FROM seen s"
	" JOIN plan p ON p.digest = s.plan JOIN recipe r ON r.name = s.recipe"
	" LEFT JOIN proof f ON f.id = s.proof WHERE s.image IS NOT NULL OR"
	" s.proof IS NOT NULL;",
};
/* clang-format on */

const size_t farm_migrations_count = ARRAY_LEN(farm_migrations);
_Static_assert(ARRAY_LEN(farm_migrations) == FARM_SCHEMA,
    "lib/schema.h tells the readers of farm.db");
