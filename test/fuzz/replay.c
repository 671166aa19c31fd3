/*
 * Feeds a fuzzer's corpus to it without libFuzzer, so that every `make test`
 * replays what once broke a decoder. Each file is given whole, cut at every
 * length up to a limit, and with a few bytes changed by a seeded generator;
 * then come inputs made of nothing but that generator.
 *
 *   fuzz_X [FILE|FOLDER]...
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX     ((size_t)1024 * 1024)
#define CUTS_MAX      512 /* lengths tried per file */
#define CHANGED	      200 /* changed copies per file */
#define RANDOM	      2000
#define RANDOM_LENGTH 300

static uint64_t random_state = 0x9e3779b97f4a7c15;
static unsigned long inputs;

static uint32_t random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 16);
}

/* In memory of exactly its size: reading past it is seen by ASan. */
static void give(const uint8_t *data, size_t length)
{
	uint8_t *copy = malloc(length ? length : 1);

	if (!copy)
		abort();
	if (length)
		memcpy(copy, data, length);
	LLVMFuzzerTestOneInput(copy, length);
	free(copy);
	inputs++;
}

static void give_changed(const uint8_t *data, size_t length)
{
	uint8_t *copy = malloc(length);

	if (!copy)
		abort();
	for (int i = 0; i < CHANGED; i++) {
		uint32_t changes = random_next() % 4 + 1;

		memcpy(copy, data, length);
		while (changes--)
			copy[random_next() % length] = (uint8_t)random_next();
		give(copy, length);
	}
	free(copy);
}

static void give_file(const char *path)
{
	static uint8_t data[INPUT_MAX];
	FILE *file = fopen(path, "rb");
	size_t length;

	if (!file) {
		perror(path);
		exit(1);
	}
	length = fread(data, 1, sizeof(data), file);
	fclose(file);
	give(data, length);
	for (size_t cut = 0; cut < length && cut < CUTS_MAX; cut++)
		give(data, cut);
	if (length)
		give_changed(data, length);
}

static void give_path(const char *path)
{
	struct dirent **entries;
	struct stat status;
	char name[4096];
	int count;

	if (stat(path, &status) < 0)
		return; /* no corpus yet */
	if (!S_ISDIR(status.st_mode)) {
		give_file(path);
		return;
	}
	count = scandir(path, &entries, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.')
			give_path(name);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

int main(int argc, char **argv)
{
	uint8_t data[RANDOM_LENGTH] = {0};

	give(data, 0);
	for (int i = 1; i < argc; i++)
		give_path(argv[i]);
	for (int i = 0; i < RANDOM; i++) {
		size_t length = random_next() % sizeof(data);

		for (size_t at = 0; at < length; at++)
			data[at] = (uint8_t)random_next();
		give(data, length);
	}
	printf("%lu inputs\n", inputs);
	return 0;
}
