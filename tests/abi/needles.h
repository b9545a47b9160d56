/* Values that must not be found: in memory, files, a core. Kept masked, so that a hit is not ours. */
#ifndef ABI_NEEDLES_H
#define ABI_NEEDLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NEEDLE_BYTES = 32, NEEDLES_MAX = 40 };

typedef struct needle {
    char label[48];
    uint8_t masked[NEEDLE_BYTES];
    size_t found; /* by the last search */
} needle;

typedef struct needles {
    size_t count;
    needle at[NEEDLES_MAX];
} needles;

/* Adds the first NEEDLE_BYTES of a value; with is_number also with its bytes in the other order, as
 * big numbers lie in memory (then `len` says how many it has). */
void needles_add(needles *all, const char *label, const uint8_t *value, size_t len, bool is_number);
/* Each searches, sets `found` of all, and returns the sum; SIZE_MAX if it can't. */
size_t needles_in_file(needles *all, const char *path);
/* All files in a folder and those below it. */
size_t needles_in_folder(needles *all, const char *path);
/* This process's writable memory; only_dumped: without what a core file leaves out. */
size_t needles_in_memory(needles *all, bool only_dumped);
/* Shows which were found. */
void needles_show(const needles *all, const char *where);

#endif
