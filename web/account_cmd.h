/* `kiln-web account …`: operators and their tokens, by who owns the machine. */
#ifndef KILN_ACCOUNT_CMD_H
#define KILN_ACCOUNT_CMD_H

/* argv[0] is "account"; returns the exit code. */
int account_main(const char *state, int argc, char **argv);

#endif
