#ifndef PH_NODE_ANSWERS_H
#define PH_NODE_ANSWERS_H

#include <stdbool.h>

/*
 * What each command answers with --json: one table (node/answers.def), printed
 * as JSON Schema (draft-07) by `posthouse schema COMMAND`.
 */

/* Free it; NULL when no command is called so, or it answers no JSON.
 * "error" is what stands on stderr when a command fails. */
char *ph_answer_schema(const char *command);
/* Whether the command prints a text, which --json has as {text}. `graph` does
 * so by its format: it says false. */
bool ph_answer_is_text(const char *command);

#endif
