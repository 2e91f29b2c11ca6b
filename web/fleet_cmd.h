/* `kiln-web fleet …`: devices and their tokens, by who owns the machine. */
#ifndef KILN_WEB_FLEET_CMD_H
#define KILN_WEB_FLEET_CMD_H

/* argv[0] is "fleet"; returns the exit code. */
int fleet_main(const char *state, int argc, char **argv);

#endif
