#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "node/keys.h"

#define PHRASE "correct horse battery staple"

static char *path(const char *directory, const char *name)
{
	static char out[4][256];
	static unsigned next;
	char *text = out[next++ % 4];

	snprintf(text, 256, "%s/%s", directory, name);
	return text;
}

static int setup(void **state)
{
	char *directory = strdup("/tmp/ph-keys-XXXXXX");

	*state = directory;
	return directory && mkdtemp(directory) ? 0 : -1;
}

static int teardown(void **state)
{
	DIR *listing = opendir(*state);
	struct dirent *entry;

	while (listing && (entry = readdir(listing)))
		if (entry->d_name[0] != '.' || strlen(entry->d_name) > 2)
			unlink(path(*state, entry->d_name));
	if (listing)
		closedir(listing);
	rmdir(*state);
	free(*state);
	return 0;
}

static void put(const char *file, const char *text, mode_t mode)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static mode_t mode_of(const char *file)
{
	struct stat about;

	assert_int_equal(stat(file, &about), 0);
	return about.st_mode & 07777;
}

static unsigned files_in(const char *directory)
{
	DIR *listing = opendir(directory);
	struct dirent *entry;
	unsigned count = 0;

	assert_non_null(listing);
	while ((entry = readdir(listing)))
		count += strcmp(entry->d_name, ".") &&
			 strcmp(entry->d_name, "..");
	closedir(listing);
	return count;
}

static unsigned open_files(void)
{
	return files_in("/proc/self/fd");
}

static void an_identity_is_made_once(void **state)
{
	struct ph_keys *first;
	struct ph_keys *again;
	unsigned before = open_files();
	mode_t mask = umask(0);

	assert_int_equal(ph_keys_open(&first, *state, NULL), 0);
	assert_int_equal(ph_keys_open(&again, *state, NULL), 0);
	umask(mask);
	assert_memory_equal(first, again, sizeof(*first));
	assert_int_equal(strlen(first->id), 32);
	assert_int_equal(mode_of(path(*state, "identity.key")), 0600);
	assert_int_equal(files_in(*state), 1);
	assert_int_equal(open_files(), before);
	ph_keys_close(first);
	ph_keys_close(again);
	ph_keys_close(NULL);
}

static void identities_differ(void **state)
{
	struct ph_keys *first;
	struct ph_keys *second;

	assert_int_equal(ph_keys_open(&first, *state, NULL), 0);
	unlink(path(*state, "identity.key"));
	assert_int_equal(ph_keys_open(&second, *state, NULL), 0);
	assert_memory_not_equal(first->seed, second->seed, 32);
	assert_memory_not_equal(first->key, second->key, 32);
	ph_keys_close(first);
	ph_keys_close(second);
}

static void an_exposed_identity_is_refused(void **state)
{
	static const mode_t modes[] = {0640, 0604, 0620, 0660, 0644};
	struct ph_keys *keys;
	struct ph_error error;

	assert_int_equal(ph_keys_open(&keys, *state, NULL), 0);
	ph_keys_close(keys);
	for (int i = 0; i < 5; i++) {
		chmod(path(*state, "identity.key"), modes[i]);
		assert_int_equal(ph_keys_open(&keys, *state, &error), -1);
		assert_int_equal(error.exit, PH_EXIT_DENIED);
		assert_string_equal(error.where, path(*state, "identity.key"));
		assert_non_null(strstr(error.next, "chmod 600"));
	}
}

/* A damaged identity is never quietly replaced by another. */
static void a_damaged_identity_is_told(void **state)
{
	static const char *const contents[] = {
		"", "short", "thirty-three bytes are one too mu"};
	struct ph_keys *keys;
	struct ph_error error;

	for (int i = 0; i < 3; i++) {
		put(path(*state, "identity.key"), contents[i], 0600);
		assert_int_equal(ph_keys_open(&keys, *state, &error), -1);
		assert_non_null(strstr(error.what, "damaged"));
		assert_int_equal(files_in(*state), 1);
	}
}

static void a_missing_directory_is_told(void **state)
{
	struct ph_keys *keys;
	struct ph_error error;

	assert_int_equal(ph_keys_open(&keys, path(*state, "none"), &error), -1);
	assert_non_null(strstr(error.what, "No such file"));
}

static void leftovers_of_a_crash_do_no_harm(void **state)
{
	struct ph_keys *keys;

	put(path(*state, ".identity.key.new"), "half", 0644);
	assert_int_equal(ph_keys_open(&keys, *state, NULL), 0);
	assert_int_equal(files_in(*state), 1);
	assert_int_equal(mode_of(path(*state, "identity.key")), 0600);
	ph_keys_close(keys);
}

/* Passphrase files. */

static void phrases_are_read_without_the_line_end(void **state)
{
	static const char *const texts[] = {
		PHRASE, PHRASE "\n", PHRASE "\r\n", PHRASE "\n\n"};
	unsigned before = open_files();

	for (int i = 0; i < 4; i++) {
		struct ph_phrase *phrase;

		put(path(*state, "p"), texts[i], i % 2 ? 0600 : 0400);
		assert_int_equal(
			ph_phrase_read(&phrase, path(*state, "p"), NULL), 0);
		assert_string_equal(phrase->text, PHRASE);
		assert_int_equal(phrase->length, strlen(PHRASE));
		assert_string_equal(phrase->mesh, "default0");
		ph_phrase_free(phrase);
		unlink(path(*state, "p"));
	}
	assert_int_equal(open_files(), before);
}

static struct ph_error refused(const char *file)
{
	struct ph_phrase *phrase;
	struct ph_error error;
	unsigned before = open_files();

	assert_int_equal(ph_phrase_read(&phrase, file, &error), -1);
	assert_string_equal(error.where, file);
	assert_true(error.what[0] && error.next[0]);
	assert_null(strstr(error.what, "horse"));
	assert_int_equal(open_files(), before);
	return error;
}

static void exposed_phrases_are_refused(void **state)
{
	static const mode_t modes[] = {0640, 0644, 0604, 0660, 0620, 0602};
	struct ph_error error;

	for (int i = 0; i < 6; i++) {
		put(path(*state, "p"), PHRASE, modes[i]);
		error = refused(path(*state, "p"));
		assert_int_equal(error.exit, PH_EXIT_DENIED);
		assert_non_null(strstr(error.what, "others than its owner"));
	}
}

static void bad_phrases_are_told(void **state)
{
	char big[1200];
	struct ph_error error;

	error = refused(path(*state, "none"));
	assert_int_equal(error.exit, PH_EXIT_NOT_FOUND);
	error = refused(*state);
	assert_int_equal(error.exit, PH_EXIT_DENIED);
	put(path(*state, "p"), "", 0600);
	assert_int_equal(refused(path(*state, "p")).exit, PH_EXIT_USAGE);
	put(path(*state, "p"), "short", 0600);
	assert_int_equal(refused(path(*state, "p")).exit, PH_EXIT_USAGE);
	put(path(*state, "p"), PHRASE "\nsecond line\n", 0600);
	assert_non_null(strstr(refused(path(*state, "p")).what, "one line"));
	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	put(path(*state, "p"), big, 0600);
	assert_int_equal(refused(path(*state, "p")).exit, PH_EXIT_USAGE);
}

static void unreadable_phrases_are_told(void **state)
{
	pid_t child;
	int status;

	put(path(*state, "p"), PHRASE, 0000);
	chmod(*state, 0755);
	child = fork();
	if (child == 0) {
		struct ph_phrase *phrase;
		struct ph_error error;

		/* Root reads everything: be somebody. */
		if (geteuid() == 0 && setuid(65534))
			_exit(2);
		if (ph_phrase_read(&phrase, path(*state, "p"), &error) != -1)
			_exit(3);
		_exit(error.exit == PH_EXIT_DENIED &&
					strstr(error.what, "cannot be read")
				? 0
				: 4);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void phrases_come_by_pipe_too(void **state)
{
	struct ph_phrase *phrase;
	uint8_t secret[PH_MESH_SECRET];
	char file[64];
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], PHRASE "\n", strlen(PHRASE) + 1),
		strlen(PHRASE) + 1);
	close(ends[1]);
	snprintf(file, sizeof(file), "/dev/fd/%d", ends[0]);
	assert_int_equal(ph_phrase_read(&phrase, file, NULL), 0);
	assert_string_equal(phrase->text, PHRASE);
	close(ends[0]);
	/* It is like nothing before, so nothing is cached. */
	assert_int_equal(ph_secret_get(secret, *state, phrase, NULL), 0);
	assert_int_equal(files_in(*state), 0);
	ph_phrase_free(phrase);
}

static void a_made_phrase_is_kept(void **state)
{
	char text[PH_PASSPHRASE];
	struct ph_phrase *phrase;
	mode_t mask = umask(0);

	ph_passphrase_make(text);
	assert_int_equal(ph_phrase_save(*state, text, NULL), 0);
	umask(mask);
	assert_int_equal(mode_of(path(*state, PH_PHRASE_FILE)), 0600);
	assert_int_equal(
		ph_phrase_read(&phrase, path(*state, PH_PHRASE_FILE), NULL), 0);
	assert_string_equal(phrase->text, text);
	assert_memory_equal(phrase->mesh, text, 8);
	ph_phrase_free(phrase);
}

/* The cache of the derived secret. */

static void the_secret_is_derived_once(void **state)
{
	struct ph_phrase *phrase;
	uint8_t secret[PH_MESH_SECRET];
	uint8_t marked[PH_MESH_SECRET] = {1, 2, 3};
	uint8_t out[PH_MESH_SECRET];

	put(path(*state, "p"), PHRASE, 0600);
	assert_int_equal(ph_phrase_read(&phrase, path(*state, "p"), NULL), 0);
	assert_int_equal(ph_secret_load(out, *state, phrase), -ENOENT);
	assert_int_equal(ph_secret_get(secret, *state, phrase, NULL), 0);
	assert_int_equal(mode_of(path(*state, "mesh.key")), 0600);
	assert_int_equal(ph_secret_load(out, *state, phrase), 0);
	assert_memory_equal(out, secret, sizeof(out));
	/* It is the cache that answers. */
	assert_int_equal(ph_secret_save(marked, *state, phrase, NULL), 0);
	assert_int_equal(ph_secret_get(out, *state, phrase, NULL), 0);
	assert_memory_equal(out, marked, sizeof(out));
	/* A cache that others may have read or damaged is none. */
	chmod(path(*state, "mesh.key"), 0644);
	assert_int_equal(ph_secret_load(out, *state, phrase), -ENOENT);
	put(path(*state, "mesh.key"), "damaged", 0600);
	assert_int_equal(ph_secret_load(out, *state, phrase), -ENOENT);
	ph_phrase_free(phrase);
}

static void another_phrase_is_derived_anew(void **state)
{
	struct ph_phrase *phrases[2];
	uint8_t secret[PH_MESH_SECRET] = {1};

	put(path(*state, "p"), PHRASE, 0600);
	assert_int_equal(
		ph_phrase_read(&phrases[0], path(*state, "p"), NULL), 0);
	assert_int_equal(ph_secret_save(secret, *state, phrases[0], NULL), 0);
	put(path(*state, "q"), "another horse battery staple", 0600);
	assert_int_equal(rename(path(*state, "q"), path(*state, "p")), 0);
	assert_int_equal(
		ph_phrase_read(&phrases[1], path(*state, "p"), NULL), 0);
	assert_int_equal(ph_secret_load(secret, *state, phrases[1]), -ENOENT);
	ph_phrase_free(phrases[0]);
	ph_phrase_free(phrases[1]);
}

/* Nothing in the cache lets a passphrase be guessed faster than Argon2id. */
static void the_cache_holds_no_phrase(void **state)
{
	struct ph_phrase *phrase;
	uint8_t secret[PH_MESH_SECRET] = {1};
	char bytes[256];
	int fd;
	ssize_t length;

	put(path(*state, "p"), PHRASE, 0600);
	assert_int_equal(ph_phrase_read(&phrase, path(*state, "p"), NULL), 0);
	assert_int_equal(ph_secret_save(secret, *state, phrase, NULL), 0);
	fd = open(path(*state, "mesh.key"), O_RDONLY);
	length = read(fd, bytes, sizeof(bytes));
	close(fd);
	assert_int_equal(length, 64);
	assert_null(memmem(bytes, (size_t)length, "horse", 5));
	ph_phrase_free(phrase);
}

static void hardened_processes_leave_no_core(void **state)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		struct rlimit core = {1, 1};

		if (ph_secrets_harden(NULL) || prctl(PR_GET_DUMPABLE) != 0)
			_exit(1);
		getrlimit(RLIMIT_CORE, &core);
		_exit(core.rlim_cur || core.rlim_max);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

#define IN_DIRECTORY(test)                                                     \
	cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_DIRECTORY(an_identity_is_made_once),
		IN_DIRECTORY(identities_differ),
		IN_DIRECTORY(an_exposed_identity_is_refused),
		IN_DIRECTORY(a_damaged_identity_is_told),
		IN_DIRECTORY(a_missing_directory_is_told),
		IN_DIRECTORY(leftovers_of_a_crash_do_no_harm),
		IN_DIRECTORY(phrases_are_read_without_the_line_end),
		IN_DIRECTORY(exposed_phrases_are_refused),
		IN_DIRECTORY(bad_phrases_are_told),
		IN_DIRECTORY(unreadable_phrases_are_told),
		IN_DIRECTORY(phrases_come_by_pipe_too),
		IN_DIRECTORY(a_made_phrase_is_kept),
		IN_DIRECTORY(the_secret_is_derived_once),
		IN_DIRECTORY(another_phrase_is_derived_anew),
		IN_DIRECTORY(the_cache_holds_no_phrase),
		cmocka_unit_test(hardened_processes_leave_no_core),
	};

	return cmocka_run_group_tests_name("keys", tests, NULL, NULL);
}
