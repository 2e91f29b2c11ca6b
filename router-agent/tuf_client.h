/*
 * `kiln-agent tuf-client`: the agent's own TUF client behind the command line
 * that the public conformance tests speak.  Exit status 0 or 1, nothing else.
 * Keys are Ed25519; those of other types never count, and are no error.
 */
#ifndef KILN_TUF_CLIENT_H
#define KILN_TUF_CLIENT_H

int tuf_client_main(int argc, char **argv); /* argv[0] is "tuf-client" */

#endif
