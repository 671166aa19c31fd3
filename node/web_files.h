#ifndef PH_NODE_WEB_FILES_H
#define PH_NODE_WEB_FILES_H

#include <stddef.h>
#include <stdint.h>

/* What stands in web/, as web/embed.sh puts it into the binary. */
struct ph_web_file {
	const char *path; /* "/page.js" */
	const char *type;
	const char *tag; /* changes with the content, in quotes */
	const uint8_t *plain;
	size_t plain_length;
	const uint8_t *packed; /* gzip */
	size_t packed_length;
};

/* Ends with a path of NULL. */
extern const struct ph_web_file ph_web_files[];

#endif
