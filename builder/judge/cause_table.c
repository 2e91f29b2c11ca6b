#include "builder/judge/cause_table.h"

#include <stdbool.h>
#include <string.h>

#include "lib/attr.h"

/* In order; the last of a name asks for nothing. */
static const struct cause_rule rules[] = {
	{ "date", "time", NULL, "carries the time of the build",
	    "set it to SOURCE_DATE_EPOCH, as with tar "
	    "--mtime=@$SOURCE_DATE_EPOCH" },
	{ "date", NULL, NULL, "embeds the time of the build",
	    "take the date from SOURCE_DATE_EPOCH, or leave it out; keep that "
	    "variable in the environment of compilers (__DATE__, __TIME__)" },
	{ "file-times", NULL, "(inside)",
	    "carries the times of files that the build made",
	    "tar --mtime=@$SOURCE_DATE_EPOCH inside the compressed file" },
	{ "file-times", NULL, NULL,
	    "carries the times of files that the build made",
	    "set them: tar --mtime=@$SOURCE_DATE_EPOCH, gzip -n, touch -d "
	    "@$SOURCE_DATE_EPOCH, ar with D" },
	{ "hashes", NULL, NULL,
	    "follows the order of a hash table whose seed is another in each "
	    "process",
	    "sort the keys before writing them" },
	{ "random", NULL, ".note.gnu.build-id", "has a random build id",
	    "ld --build-id=sha1, which is made of the content" },
	{ "random", NULL, ".debug",
	    "has a random name in its debug information, as of a temporary "
	    "folder",
	    "build in a folder with a fixed name, or "
	    "-ffile-prefix-map=$PWD=." },
	{ "random", NULL, NULL,
	    "embeds random numbers, or the name of a temporary file",
	    "derive it from the content, or use a fixed seed or name" },
	{ "itself", "order", NULL,
	    "has its lines or members in the order in which something ended",
	    "wait for each, or sort what they leave" },
	{ "itself", NULL, NULL,
	    "differs by itself, in the quiet lane with clock, file times, hash "
	    "seeds and random numbers held: a race, bytes nobody wrote, or "
	    "something of this machine",
	    "wait for what runs in the background; zero memory before it is "
	    "written out; leave out process numbers, uptime and load" },
	{ "aslr", NULL, NULL, "embeds addresses, or follows their order",
	    "order by content and not by pointer; zero memory before it is "
	    "written out" },
	{ "columns", NULL, NULL, "follows the width of the terminal",
	    "set COLUMNS, or the tool's own width" },
	{ "cpus", NULL, NULL, "follows the number of processors",
	    "do not ask for it; where it sets how many run at once, keep it "
	    "out of the output" },
	{ "domain", NULL, NULL, "embeds the machine's domain name",
	    "leave it out" },
	{ "file-order", NULL, NULL,
	    "follows the order in which a folder lists its files",
	    "sort: find … | LC_ALL=C sort, $(sort $(wildcard …)), tar "
	    "--sort=name" },
	{ "heap", NULL, NULL, "has bytes in it that the program never wrote to",
	    "zero memory before it is written out: calloc, = {0}, or member by "
	    "member" },
	{ "home", NULL, ".debug",
	    "has the path of the home folder in its debug information",
	    "-ffile-prefix-map=$HOME=. or build in /build" },
	{ "home", NULL, NULL, "embeds the path of the home folder",
	    "use a path relative to the build's folder" },
	{ "hostname", NULL, NULL, "embeds the machine's name", "leave it out" },
	{ "jobs", "order", NULL,
	    "has its lines or members in the order in which parallel jobs end",
	    "name what a target needs, or let each job write a file of its own "
	    "and join them sorted" },
	{ "jobs", NULL, NULL,
	    "follows the number of jobs: a race between parallel ones, or the "
	    "number itself",
	    "name what each target needs; keep KILN_JOBS out of the output" },
	{ "locale", NULL, NULL,
	    "follows the language: its order, its characters, its words",
	    "LC_ALL=C.UTF-8 in the script itself" },
	{ "outside-path", NULL, NULL,
	    "embeds the folder's path outside of the sandbox",
	    "do not read /proc/self/mountinfo" },
	{ "path", NULL, NULL, "embeds PATH", "leave it out, or set it" },
	{ "timezone", NULL, NULL, "follows the time zone",
	    "date -u, gmtime, TZ=UTC in the script itself" },
	{ "uid", "owner", NULL, "carries the builder's user as owner",
	    "tar --owner=0 --group=0 --numeric-owner, cpio -R 0:0" },
	{ "uid", "uid", NULL, "carries the builder's user as owner",
	    "tar --owner=0 --group=0 --numeric-owner, cpio -R 0:0" },
	{ "uid", NULL, NULL, "embeds the builder's user or group",
	    "leave it out" },
	{ "umask", NULL, NULL, "carries modes that the umask has cut",
	    "install -m, chmod, tar --mode=a=rX,u+w" },
};

static const char *
last_name(const json_t *finding)
{
	const json_t *path = json_object_get(finding, "path");
	size_t n = json_array_size(path);
	const char *s =
	    n ? json_string_value(json_array_get(path, n - 1)) : NULL;

	return s ? s : "";
}

static bool
fits(const struct cause_rule *r, const json_t *findings)
{
	const json_t *one;
	size_t i;

	if (!r->what && !r->in)
		return true;
	json_array_foreach(findings, i, one)
	{
		const char *what =
		    json_string_value(json_object_get(one, "what"));

		if (r->what && (!what || strcmp(what, r->what) != 0))
			continue;
		if (r->in && !strstr(last_name(one), r->in))
			continue;
		return true;
	}
	return false;
}

const struct cause_rule *
cause_rule_for(const char *name, const json_t *findings)
{
	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (strcmp(rules[i].name, name) == 0 &&
		    fits(&rules[i], findings))
			return &rules[i];
	return NULL;
}
