/* Operations and objects that only count what is done to them; and memory that runs out. */
#ifndef UNIT_SESSION_FAKE_CRYPT_H
#define UNIT_SESSION_FAKE_CRYPT_H

#include "session/session.h"

typedef struct fake_counts {
    int created;
    int destroyed;
    int ended;
    int forgotten;
    int released;  /* objects */
    int templates; /* cleared */
} fake_counts;

/* Since the last fake_reset(); for tests with one thread. */
fake_counts fake_counted(void);
void fake_reset(void);
/* The next hsm_crypt_create() fails. */
void fake_fail_create(hsm_err err);
/* The n-th allocation from now on fails, once; 0: none does. */
void fake_fail_allocation(int n);

#endif
