#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controlsurface/yaml_format.h"
#include "node/cli_wiring.h"

/* posthouse fmt FILE: as it should look, to stdout, or into its place. */

static int fail(struct ph_cli *cli, const char *path, int code,
	const char *next, const char *what)
{
	struct ph_error error;

	ph_fail(&error, code, path, next, "%s", what);
	return ph_cli_fail(cli, &error);
}

/* Why it cannot be read, as lint tells it. */
static int refuse(struct ph_cli *cli, const char *path)
{
	struct ph_wiring *wiring;
	size_t length;
	char *text;
	int code = ph_cli_wiring(cli, path, NULL, &wiring, &text, &length);

	if (code)
		return code;
	ph_cli_findings(stderr, wiring, path);
	ph_wiring_free(wiring);
	free(text);
	return PH_EXIT_WIRING;
}

/* Whole or not at all, with the owner and the mode it had. */
static int replace_file(struct ph_cli *cli, const char *path, const char *text)
{
	char temporary[PATH_MAX + 8];
	struct stat status;
	size_t length = strlen(text);
	int fd;
	bool good;

	if (stat(path, &status))
		return fail(cli, path, PH_EXIT_NEGATIVE, "", strerror(errno));
	snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path);
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return fail(cli, path, PH_EXIT_NEGATIVE,
			"see that its directory can be written",
			strerror(errno));
	if (fchown(fd, status.st_uid, status.st_gid)) {
		close(fd);
		unlink(temporary);
		return fail(cli, path, PH_EXIT_DENIED,
			"format it as its owner; the file is as it was",
			"its owner and group cannot be kept");
	}
	good = !fchmod(fd, status.st_mode & 07777) &&
	       write(fd, text, length) == (ssize_t)length && !fsync(fd);
	if (close(fd) || !good || rename(temporary, path)) {
		int failed = errno;

		unlink(temporary);
		return fail(cli, path, PH_EXIT_NEGATIVE,
			"the file is as it was", strerror(failed));
	}
	return 0;
}

/* A link stays one: what it leads to is formatted. */
static int replace(struct ph_cli *cli, const char *path, const char *text)
{
	char *target = realpath(path, NULL);
	int code;

	if (!target)
		return fail(cli, path, PH_EXIT_NEGATIVE, "", strerror(errno));
	code = replace_file(cli, target, text);
	free(target);
	return code;
}

static int give(struct ph_cli *cli, const char *path, const char *before,
	size_t length, const char *after)
{
	bool same = strlen(after) == length && !memcmp(before, after, length);

	if (cli->check) {
		if (!same)
			printf("%s: not as posthouse fmt would have it\n",
				path);
		return same ? 0 : PH_EXIT_NEGATIVE;
	}
	if (!cli->write) {
		fputs(after, stdout);
		return 0;
	}
	return same ? 0 : replace(cli, path, after);
}

int ph_cmd_fmt(struct ph_cli *cli)
{
	const char *path = cli->argv[0];
	struct ph_error error;
	size_t length;
	char *after = NULL;
	char *text;
	int code;

	if (cli->argc != 1 || (cli->write && !strcmp(path, "-")))
		return ph_cli_usage(cli, "fmt");
	text = ph_cli_read(path, &length, &error);
	if (!text)
		return ph_cli_fail(cli, &error);
	code = ph_yaml_format(&after, text, length);
	if (!code)
		code = give(cli, path, text, length, after);
	else if (code == -ENOTSUP)
		code = fail(cli, path, PH_EXIT_NEGATIVE,
			"move comments to lines of their own; the file is as "
			"it was",
			"cannot be formatted with all that stands in it");
	else if (code == -ENOMEM)
		code = fail(cli, path, PH_EXIT_NEGATIVE, "", "out of memory");
	else if (!strcmp(path, "-"))
		code = fail(cli, path, PH_EXIT_WIRING,
			"posthouse lint FILE tells where", "this is not YAML");
	else
		code = refuse(cli, path);
	free(after);
	free(text);
	return code;
}
