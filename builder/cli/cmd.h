/* The commands of `kiln`: one file each in builder/cli/. */
#ifndef KILN_CMD_H
#define KILN_CMD_H

#include "lib/cli.h"

extern const struct cli_program kiln_program;

int cmd_up(int argc, char **argv);
int cmd_build(int argc, char **argv);
int cmd_lock(int argc, char **argv);
int cmd_plan(int argc, char **argv);
int cmd_builds(int argc, char **argv);
int cmd_exec(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_gc(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_log(int argc, char **argv);
int cmd_rebuilder(int argc, char **argv);
int cmd_sbom(int argc, char **argv);
int cmd_recipe(int argc, char **argv);
int cmd_fleet(int argc, char **argv);
int cmd_backup(int argc, char **argv);
int cmd_restore(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_why(int argc, char **argv);
int cmd_proof(int argc, char **argv);
int cmd_bundle(int argc, char **argv);
int cmd_reproduce(int argc, char **argv);

#endif
