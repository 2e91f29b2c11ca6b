/* Names of a router file's members, and of the file itself in the state folder
 * until its set was committed (docs/formats.md, "router file").  What it
 * publishes lies below tuf/, as on a stick. */
#ifndef AGENT_ROUTER_FILE_H
#define AGENT_ROUTER_FILE_H

#define ROUTER_FILE "router.kiln"

#define ROUTER_FILE_INDEX "router.json"
#define ROUTER_FILE_INDEX_MAX ((size_t)4096)
#define ROUTER_FILE_CONF "agent.yaml"
#define ROUTER_FILE_ROOT "root.json"
#define ROUTER_FILE_TOKEN "token"

#endif
