/*
 * walls STOPFILE FARM PID...: between which walls the processes below each PID,
 * and PID itself, live.  Looks every few milliseconds until STOPFILE exists;
 * then a line for each process in the state it was last seen in,
 *
 *	NAME|UID GID GROUPS|CAPS|SECCOMP NNP|NAMESPACES|SOCKETS|FILES|alive
 *
 * UID, GID: -1 when real, effective, saved and file system's are not the same;
 * GROUPS: how many more; CAPS: "none" when effective, permitted, inherited and
 * ambient ones are; NAMESPACES: which differ from those of this program.  Of
 * those that are "alive" at the end also SOCKETS: families other than AF_UNIX,
 * and FILES: which of the first two levels of the folder FARM are open, "=w"
 * for writing.
 */
#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/proctree.h"

#define SEEN 8192

static struct {
	int pid;
	bool alive;
	char name[64], text[2048];
} seen[SEEN];
static int nseen;

static bool
same_ns(int pid, const char *ns)
{
	char path[64], mine[64] = "", its[64] = "";

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, ns);
	if (readlink(path, its, sizeof(its) - 1) == -1)
		return true;
	snprintf(path, sizeof(path), "/proc/self/ns/%s", ns);
	return readlink(path, mine, sizeof(mine) - 1) != -1 &&
	       strcmp(mine, its) == 0;
}

/* Is socket `inode` one of /proc/PID/net/FILE? */
static bool
is_of(int pid, const char *file, const char *inode)
{
	char path[64], line[512], word[600];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/net/%s", pid, file);
	f = fopen(path, "r");
	snprintf(word, sizeof(word), " %s ", inode);
	while (f && !found && fgets(line, sizeof(line), f))
		found = strstr(line, word) != NULL;
	if (f)
		fclose(f);
	return found;
}

static void
add(char *list, size_t size, const char *word)
{
	size_t n = strlen(list);

	if (!strstr(list, word) && n + strlen(word) + 2 < size)
		snprintf(list + n, size - n, "%s%s", n ? " " : "", word);
}

/* What the farm has, by inode: the programs see it under another name. */
static struct {
	dev_t dev;
	ino_t ino;
	char name[128];
} parts[4096];
static int nparts;

static void
list_parts(int folder, const char *prefix, int depth)
{
	DIR *d = fdopendir(folder);
	struct dirent *e;

	while (d && nparts < 4096 && (e = readdir(d)) != NULL) {
		char name[128];
		struct stat st;
		int sub;

		if (strcmp(e->d_name, ".") == 0 ||
		    strcmp(e->d_name, "..") == 0 ||
		    (size_t)snprintf(name, sizeof(name), "%s%s", prefix,
			e->d_name) >= sizeof(name) ||
		    fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) ==
			-1)
			continue;
		parts[nparts].dev = st.st_dev;
		parts[nparts].ino = st.st_ino;
		strcpy(parts[nparts++].name, name);
		sub = depth > 0 && S_ISDIR(st.st_mode)
			  ? openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY)
			  : -1;
		strcat(name, "/");
		if (sub != -1)
			list_parts(sub, name, depth - 1);
	}
	if (d)
		closedir(d);
}

static void
descriptors(int pid, char *sockets, char *files, size_t size)
{
	static const char *const families[] = { "tcp", "tcp6", "udp", "udp6",
		"raw", "packet", "netlink" };
	char path[64], to[512], word[140];
	struct dirent *e;
	DIR *d;

	*sockets = *files = '\0';
	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	d = opendir(path);
	while (d && (e = readdir(d)) != NULL) {
		ssize_t n = readlinkat(dirfd(d), e->d_name, to, sizeof(to) - 1);
		struct stat st, link;

		if (n <= 0)
			continue;
		to[n] = '\0';
		if (strncmp(to, "socket:[", 8) == 0) {
			to[n - 1] = '\0';
			for (size_t i = 0;
			     i < sizeof(families) / sizeof(*families); i++)
				if (is_of(pid, families[i], to + 8))
					add(sockets, size, families[i]);
			continue;
		}
		/* The link's own mode says what it was opened for. */
		if (fstatat(dirfd(d), e->d_name, &link, AT_SYMLINK_NOFOLLOW) ==
			-1 ||
		    fstatat(dirfd(d), e->d_name, &st, 0) == -1)
			continue;
		for (int i = 0; i < nparts; i++)
			if (parts[i].dev == st.st_dev &&
			    parts[i].ino == st.st_ino) {
				snprintf(word, sizeof(word), "%s%s",
				    parts[i].name,
				    link.st_mode & S_IWUSR ? "=w" : "");
				add(files, size, word);
			}
	}
	if (d)
		closedir(d);
}

static void
see(int pid, bool last)
{
	static const char *const caps[] = {
		"CapInh:", "CapPrm:", "CapEff:", "CapAmb:"
	};
	static const char *const spaces[] = { "user", "mnt", "pid", "net",
		"ipc", "uts" };
	char name[64], words[256], ns[64] = "", sockets[512] = "",
				   files[512] = "", who[64];
	bool any = false;
	int groups = 0, i, uid[4], gid[4];
	const struct passwd *pw;

	if (!proc_name(pid, name) ||
	    !proc_words(pid, "status", "Uid:", words, sizeof(words)) ||
	    sscanf(words, "%d %d %d %d", &uid[0], &uid[1], &uid[2], &uid[3]) !=
		4 ||
	    !proc_words(pid, "status", "Gid:", words, sizeof(words)) ||
	    sscanf(words, "%d %d %d %d", &gid[0], &gid[1], &gid[2], &gid[3]) !=
		4 ||
	    !proc_words(pid, "status", "Groups:", words, sizeof(words)))
		return;
	for (const char *w = words; (w += strspn(w, " \t\n")), *w;
	     w += strcspn(w, " \t\n"))
		groups++;
	for (i = 0; i < 4; i++) {
		if (!proc_words(pid, "status", caps[i], words, sizeof(words)))
			return;
		any = any || strtoull(words, NULL, 16) != 0;
		if (uid[i] != uid[0])
			uid[0] = -1;
		if (gid[i] != gid[0])
			gid[0] = -1;
	}
	for (i = 0; i < 6; i++)
		if (!same_ns(pid, spaces[i]))
			add(ns, sizeof(ns), spaces[i]);
	if (last)
		descriptors(pid, sockets, files, sizeof(sockets));
	pw = uid[0] > 0 ? getpwuid((uid_t)uid[0]) : NULL;
	if (pw)
		snprintf(who, sizeof(who), "%.40s", pw->pw_name);
	else
		snprintf(who, sizeof(who), "%d", uid[0]);
	for (i = 0; i < nseen && seen[i].pid != pid; i++)
		;
	if (i == SEEN)
		return;
	nseen += i == nseen;
	seen[i].pid = pid;
	snprintf(seen[i].name, sizeof(seen[i].name), "%s", name);
	snprintf(seen[i].text, sizeof(seen[i].text),
	    "%s %d %d|%s|%ld %ld|%s|%s|%s", who, gid[0], groups,
	    any ? "some" : "none", proc_field(pid, "status", "Seccomp:"),
	    proc_field(pid, "status", "NoNewPrivs:"), ns, sockets, files);
}

int
main(int argc, char **argv)
{
	const struct timespec nap = { .tv_nsec = 8000000 };
	bool last;

	if (argc < 4) {
		fprintf(stderr, "usage: walls STOPFILE FARM PID...\n");
		return 2;
	}
	do {
		last = access(argv[1], F_OK) == 0;
		if (last)
			list_parts(
			    open(argv[2], O_RDONLY | O_DIRECTORY), "", 1);
		tree_scan();
		for (int a = 3; a < argc; a++)
			for (int i = 0; i < tree_n; i++)
				if (tree_below(tree_pids[i], atoi(argv[a])))
					see(tree_pids[i], last);
		nanosleep(&nap, NULL);
	} while (!last);
	for (int i = 0; i < nseen; i++) {
		char now[64];

		seen[i].alive = proc_name(seen[i].pid, now) &&
				strcmp(now, seen[i].name) == 0;
		printf("%s|%s|%s\n", seen[i].name, seen[i].text,
		    seen[i].alive ? "alive" : "ended");
	}
	return 0;
}
