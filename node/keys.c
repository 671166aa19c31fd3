#include "node/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "node/secret_file.h"

#define IDENTITY_FILE "identity.key"
#define CACHE_FILE    PH_SECRET_FILE
#define SEED	      32u

int ph_secrets_harden(struct ph_error *error)
{
	const struct rlimit none = {0, 0};

	if (sodium_init() < 0)
		return ph_fail(error, PH_EXIT_NEGATIVE, "",
			"see whether /dev/urandom is there",
			"no source of random numbers");
	if (setrlimit(RLIMIT_CORE, &none) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return ph_fail(error, PH_EXIT_NEGATIVE, "", "",
			"core files cannot be forbidden: %s", strerror(errno));
	return 0;
}

/* Needs no ph_secrets_harden before it: tests and tools do without. */
static void *secret_alloc(size_t size)
{
	return sodium_init() < 0 ? NULL : sodium_malloc(size);
}

/* Identity. */

static void keys_fill(struct ph_keys *keys)
{
	uint8_t secret[crypto_sign_SECRETKEYBYTES];

	crypto_sign_seed_keypair(keys->key, secret, keys->seed);
	sodium_memzero(secret, sizeof(secret));
	ph_node_id_text(keys->id, keys->key);
}

/* 0, -1 with `error`. The seed is made only when there is no file at all: a
 * damaged one is never replaced, or the node would silently be another. */
static int seed_get(
	uint8_t seed[SEED], const char *directory, struct ph_error *error)
{
	uint8_t bytes[SEED + 1];
	struct secret_file file;
	int status = secret_file_open(&file, directory, IDENTITY_FILE, error);

	if (status == -ENOENT) {
		randombytes_buf(seed, SEED);
		return secret_file_write(
			directory, IDENTITY_FILE, seed, SEED, error);
	}
	if (status)
		return -1;
	status = secret_file_read(&file, bytes, sizeof(bytes), error);
	if (status >= 0 && (unsigned)status != SEED)
		status = ph_fail(error, PH_EXIT_NEGATIVE, file.path,
			"restore it from a backup; or remove it: the node then "
			"gets a new identity and must be let in again",
			"the identity file is damaged: %d bytes instead of %u",
			status, SEED);
	if (status >= 0)
		memcpy(seed, bytes, SEED);
	sodium_memzero(bytes, sizeof(bytes));
	secret_file_close(&file);
	return status < 0 ? -1 : 0;
}

int ph_keys_open(
	struct ph_keys **out, const char *directory, struct ph_error *error)
{
	struct ph_keys *keys = secret_alloc(sizeof(*keys));

	if (!keys)
		return ph_fail(error, PH_EXIT_NEGATIVE, directory,
			"raise the limit of locked memory (ulimit -l)",
			"no memory for secrets");
	if (seed_get(keys->seed, directory, error)) {
		sodium_free(keys);
		return -1;
	}
	keys_fill(keys);
	*out = keys;
	return 0;
}

void ph_keys_close(struct ph_keys *keys)
{
	sodium_free(keys);
}

/* Passphrase. */

static void origin_make(struct ph_phrase *phrase, const struct stat *about)
{
	const int64_t facts[] = {
		(int64_t)about->st_dev,
		(int64_t)about->st_ino,
		(int64_t)about->st_size,
		(int64_t)about->st_mtim.tv_sec,
		(int64_t)about->st_mtim.tv_nsec,
		(int64_t)about->st_ctim.tv_sec,
		(int64_t)about->st_ctim.tv_nsec,
	};

	memset(phrase->origin, 0, sizeof(phrase->origin));
	/* What came by a pipe is like nothing before: never cached. */
	if (S_ISREG(about->st_mode))
		crypto_generichash(phrase->origin, sizeof(phrase->origin),
			(const uint8_t *)facts, sizeof(facts),
			(const uint8_t *)phrase->mesh, sizeof(phrase->mesh));
}

static int phrase_check(struct ph_phrase *phrase, size_t length,
	const struct secret_file *file, struct ph_error *error)
{
	while (length && (phrase->text[length - 1] == '\n' ||
				 phrase->text[length - 1] == '\r'))
		length--;
	phrase->text[length] = '\0';
	phrase->length = length;
	if (memchr(phrase->text, '\n', length))
		return ph_fail(error, PH_EXIT_USAGE, file->path,
			"put the passphrase alone into the file",
			"the passphrase file has more than one line");
	if (ph_passphrase_mesh(phrase->mesh, phrase->text, length))
		return ph_fail(error, PH_EXIT_USAGE, file->path,
			"posthouse passphrase makes a good one",
			"the passphrase must have %d to %d characters of UTF-8",
			PH_PASSPHRASE_LEAST, PH_PASSPHRASE_MOST);
	origin_make(phrase, &file->about);
	return 0;
}

int ph_phrase_read(
	struct ph_phrase **out, const char *path, struct ph_error *error)
{
	struct ph_phrase *phrase;
	struct secret_file file;
	int length = secret_file_open(&file, NULL, path, error);

	if (length == -ENOENT)
		return ph_fail(error, PH_EXIT_NOT_FOUND, path,
			"posthouse passphrase > FILE makes one (umask 077)",
			"there is no passphrase file");
	if (length)
		return -1;
	phrase = secret_alloc(sizeof(*phrase));
	if (phrase)
		length = secret_file_read(
			&file, phrase->text, sizeof(phrase->text) - 1, error);
	else
		length = ph_fail(error, PH_EXIT_NEGATIVE, path,
			"raise the limit of locked memory (ulimit -l)",
			"no memory for secrets");
	if (length >= 0)
		length = phrase_check(phrase, (size_t)length, &file, error);
	secret_file_close(&file);
	if (length < 0) {
		sodium_free(phrase);
		return -1;
	}
	*out = phrase;
	return 0;
}

int ph_phrase_make(struct ph_phrase **out, struct ph_error *error)
{
	struct ph_phrase *phrase = secret_alloc(sizeof(*phrase));

	if (!phrase)
		return ph_fail(error, PH_EXIT_NEGATIVE, "",
			"raise the limit of locked memory (ulimit -l)",
			"no memory for secrets");
	memset(phrase, 0, sizeof(*phrase));
	ph_passphrase_make(phrase->text);
	phrase->length = strlen(phrase->text);
	if (ph_passphrase_mesh(phrase->mesh, phrase->text, phrase->length))
		abort();
	*out = phrase;
	return 0;
}

void ph_phrase_free(struct ph_phrase *phrase)
{
	sodium_free(phrase);
}

int ph_phrase_save(
	const char *directory, const char *text, struct ph_error *error)
{
	char line[PH_PASSPHRASE_MOST + 2];
	size_t length = strlen(text);
	int status;

	if (length > PH_PASSPHRASE_MOST)
		return ph_fail(error, PH_EXIT_USAGE, directory, "",
			"the passphrase is longer than %d bytes",
			PH_PASSPHRASE_MOST);
	memcpy(line, text, length);
	line[length] = '\n';
	status = secret_file_write(
		directory, PH_PHRASE_FILE, line, length + 1, error);
	sodium_memzero(line, sizeof(line));
	return status;
}

/* The derived secret: origin of its phrase, then the secret. */

struct cache {
	uint8_t origin[32];
	uint8_t secret[PH_MESH_SECRET];
	uint8_t beyond; /* nothing may come here */
};

#define CACHE_BYTES (32 + PH_MESH_SECRET)

int ph_secret_load(uint8_t secret[PH_MESH_SECRET], const char *directory,
	const struct ph_phrase *phrase)
{
	struct secret_file file;
	struct cache cache;
	int length;

	if (sodium_is_zero(phrase->origin, sizeof(phrase->origin)) ||
		secret_file_open(&file, directory, CACHE_FILE, NULL))
		return -ENOENT;
	length = secret_file_read(&file, &cache, sizeof(cache), NULL);
	secret_file_close(&file);
	if (length == CACHE_BYTES &&
		memcmp(cache.origin, phrase->origin, sizeof(cache.origin)) == 0)
		memcpy(secret, cache.secret, PH_MESH_SECRET);
	else
		length = -ENOENT;
	sodium_memzero(&cache, sizeof(cache));
	return length < 0 ? -ENOENT : 0;
}

int ph_secret_save(const uint8_t secret[PH_MESH_SECRET], const char *directory,
	const struct ph_phrase *phrase, struct ph_error *error)
{
	struct cache cache;
	int status;

	if (sodium_is_zero(phrase->origin, sizeof(phrase->origin)))
		return 0;
	memcpy(cache.origin, phrase->origin, sizeof(cache.origin));
	memcpy(cache.secret, secret, sizeof(cache.secret));
	status = secret_file_write(
		directory, CACHE_FILE, &cache, CACHE_BYTES, error);
	sodium_memzero(&cache, sizeof(cache));
	return status;
}

int ph_secret_get(uint8_t secret[PH_MESH_SECRET], const char *directory,
	const struct ph_phrase *phrase, struct ph_error *error)
{
	if (ph_secret_load(secret, directory, phrase) == 0)
		return 0;
	if (ph_passphrase_secret(
		    secret, phrase->mesh, phrase->text, phrase->length))
		return ph_fail(error, PH_EXIT_NEGATIVE, "",
			"64 MiB are needed for a moment, once per passphrase",
			"no memory to derive the mesh's secret");
	ph_secret_save(secret, directory, phrase, NULL);
	return 0;
}
