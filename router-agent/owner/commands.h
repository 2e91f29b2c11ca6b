/* The commands of kiln-agent: one function each, argv[0] is its name. */
#ifndef AGENT_COMMANDS_H
#define AGENT_COMMANDS_H

int cmd_supervise(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_plan(int argc, char **argv);
int cmd_fetch(int argc, char **argv);
int cmd_apply(int argc, char **argv);
int cmd_confirm(int argc, char **argv);
int cmd_pin(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_hold(int argc, char **argv);
int cmd_rollback(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_history(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_console(int argc, char **argv);
int cmd_enrol(int argc, char **argv);
int cmd_install(int argc, char **argv);
int cmd_import(int argc, char **argv);
int cmd_import_dnsmasq(int argc, char **argv);
int cmd_probe(int argc, char **argv);

#endif
