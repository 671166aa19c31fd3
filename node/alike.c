#include "node/alike.h"

#include <string.h>

bool ph_is_alike(const char *a, const char *b)
{
	size_t length = strlen(a);
	size_t other = strlen(b);
	unsigned differ = 0;

	if (!length || !other || length > other + 1 || other > length + 1)
		return false;
	if (length != other) {
		const char *longer = length > other ? a : b;
		const char *shorter = length > other ? b : a;

		while (*shorter && *shorter == *longer)
			shorter++, longer++;
		return !strcmp(shorter, longer + 1);
	}
	for (size_t i = 0; i < length; i++)
		differ += a[i] != b[i];
	return differ <= 2 && differ < length;
}
