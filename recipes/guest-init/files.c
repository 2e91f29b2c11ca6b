#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "recipes/guest-init/files.h"
#include "recipes/guest-init/pem.h"

static FILE *
open_va(struct guest_files *files, struct fault *f, const char *fmt, va_list ap)
{
	struct guest_file *file = &files->at[files->n];
	FILE *out;
	int n;

	if (files->n == GUEST_FILES) {
		fault_set(f, "more than %d files", GUEST_FILES);
		return NULL;
	}
	n = vsnprintf(file->path, sizeof file->path, fmt, ap);
	if (n < 0 || (size_t)n >= sizeof file->path) {
		fault_set(f, "a file's path is too long");
		return NULL;
	}
	file->text = NULL;
	file->n = 0;
	file->uid = 0;
	out = open_memstream(&file->text, &file->n);
	if (out == NULL)
		fault_sys(f, "write %s", file->path);
	else
		files->n++;
	return out;
}

FILE *
guest_file_open(
    struct guest_files *files, struct fault *f, const char *fmt, ...)
{
	va_list ap;
	FILE *out;

	va_start(ap, fmt);
	out = open_va(files, f, fmt, ap);
	va_end(ap);
	return out;
}

int
guest_file_close(FILE *out, int ret, struct fault *f)
{
	if (fclose(out) == EOF && ret == 0)
		return fault_sys(f, "write a file of the service");
	return ret;
}

const char *
guest_file_path(const struct guest_files *files)
{
	return files->at[files->n - 1].path;
}

int
guest_file_pem(struct guest_files *files, const char *what, const json_t *j,
    const char *key, const char *label, struct fault *f, const char *fmt, ...)
{
	const char *text;
	va_list ap;
	FILE *out;

	if (guest_str(what, j, key, GUEST_PEM_MAX, &text, f) == -1)
		return -1;
	va_start(ap, fmt);
	out = open_va(files, f, fmt, ap);
	va_end(ap);
	if (out == NULL)
		return -1;
	return guest_file_close(out, pem_write(key, text, label, out, f), f);
}

void
guest_files_release(struct guest_files *files)
{
	size_t i;

	for (i = 0; i < files->n; i++) {
		if (files->at[i].text != NULL)
			explicit_bzero(files->at[i].text, files->at[i].n);
		free(files->at[i].text);
	}
	files->n = 0;
}

int
guest_folder(const char *path, uid_t uid, struct fault *f)
{
	if (mkdir(path, 0700) == -1 || chown(path, uid, uid) == -1)
		return fault_sys(f, "create %s", path);
	return 0;
}

static int
write_all(const char *dir, uid_t uid, const struct guest_files *files,
    struct fault *f)
{
	size_t i;

	if (mkdir(dir, 0755) == -1)
		return fault_sys(f, "create %s", dir);
	for (i = 0; i < files->n; i++) {
		if (guest_write(files->at[i].path, 0400,
			files->at[i].uid != 0 ? files->at[i].uid : uid,
			files->at[i].text, files->at[i].n, f) == -1)
			return -1;
	}
	return 0;
}

static int
configure(const char *dir, uid_t uid, guest_make_fn *make, struct fault *f)
{
	struct guest_files files = { 0 };
	auto_json json_t *config = NULL;
	char *text = NULL;
	size_t n;
	int ret;

	if (guest_read(GUEST_CONFIG, GUEST_CONFIG_MAX, &text, &n, f) == -1)
		return -1;
	config = guest_json("config", text, n, f);
	explicit_bzero(text, n);
	free(text);
	if (config == NULL)
		return -1;
	ret = make(config, &files, f);
	if (ret == 0)
		ret = write_all(dir, uid, &files, f);
	guest_files_release(&files);
	return ret;
}

int
guest_configure(const char *dir, uid_t uid, guest_make_fn *make)
{
	struct fault f;

	if (configure(dir, uid, make, &f) == -1) {
		fprintf(stderr, "configure: %s\n", f.text);
		return 1;
	}
	return 0;
}
