/* The commands of kiln-tuf; main.c holds the table. */
#ifndef KILN_TUF_COMMANDS_H
#define KILN_TUF_COMMANDS_H

int cmd_init(int argc, char **argv);
int cmd_delegate(int argc, char **argv);
int cmd_key(int argc, char **argv);
int cmd_rotate(int argc, char **argv);
int cmd_request(int argc, char **argv);
int cmd_sign(int argc, char **argv);
int cmd_cosign(int argc, char **argv);
int cmd_attest(int argc, char **argv);
int cmd_sign_recipe(int argc, char **argv);
int cmd_accept(int argc, char **argv);
int cmd_recover(int argc, char **argv);
int cmd_export_root(int argc, char **argv);
int cmd_serve(int argc, char **argv);
int cmd_upload(int argc, char **argv);
int cmd_refresh(int argc, char **argv);
int cmd_prune(int argc, char **argv);
int cmd_promote(int argc, char **argv);
int cmd_halt(int argc, char **argv);
int cmd_resume(int argc, char **argv);
int cmd_withdraw(int argc, char **argv);
int cmd_router_file(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_status(int argc, char **argv);

#endif
