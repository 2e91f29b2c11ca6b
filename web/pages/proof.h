/* What somebody measured and proved of an artifact: farm.db's `proof`
 * (docs/formats.md, "proof"). */
#ifndef KILN_PAGES_PROOF_H
#define KILN_PAGES_PROOF_H

#include <stdint.h>

#include <jansson.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "web/html.h"
#include "web/req.h"

/*
 * m["proofs"]: what was recorded of these bytes, the newest 20 first,
 * [{"record","at","arch","script","passed","failed","kernel","kernel_recipe",
 * "accel","memory","answer_ms","least"}], the first with "parts" [{"origin",
 * "bytes"}] and "tests", [{"name","passed"}]; the last six "" or 0 where it ran
 * in no machine.  m["image_max"]: the budget of the recipe of that image, 0:
 * it has none.
 */
int proof_add(json_t *m, struct web *, const char *hex, struct err *) KILN_MUST;
/* A section of an image's page, and of whatever was proven. */
void proof_view(struct html *, const json_t *m);

/* m["takes"]: what images of a recipe took, newest first, [{"at","accel",
 * "answer_ms","least","memory"}]; and two charts of it, none without one. */
int proof_add_trend(
    json_t *m, struct db *, const char *recipe, struct err *) KILN_MUST;
void proof_view_trend(struct html *, const json_t *m);

/* {"parts","tests"} of a record, as above, into `row`. */
void proof_add_record(json_t *row, struct web *);
/* "answers after 2.2 s": of a row; "–" where it ran in no machine. */
void proof_view_answer(struct html *, const json_t *row);
void proof_view_least(struct html *, const json_t *row);
/* "13 of 13 by dhcp.sh", linked to the record. */
void proof_view_asked(struct html *, const json_t *row);
/* Bytes by where they come from, in one line: the `most` largest by name. */
void proof_view_parts(struct html *, const json_t *row, size_t most);

#endif
