/* A life of the module in steps, each to be tried with a C library that fails. */
#ifndef FAULT_ABI_STEPS_H
#define FAULT_ABI_STEPS_H

#include "abi/support.h"
#include "fault/shim.h"

/* What the steps work on. Made once, without faults. */
typedef struct scene {
    CK_SLOT_ID slot;
    CK_SESSION_HANDLE session;
    pair rsa;
    pair ec;
    pair ed;
    CK_OBJECT_HANDLE aes;
    CK_OBJECT_HANDLE hmac;
    size_t objects;           /* on the token */
    CK_OBJECT_HANDLE made[2]; /* by the step */
    CK_BYTE message[64];
    CK_BYTE cipher[512];
    CK_ULONG cipher_len;
    CK_BYTE signature[256];
    CK_ULONG signature_len;
    bool had_other_pin; /* a change of the PIN was done, and not told */
} scene;

/* Initialises and logs in. */
CK_RV scene_start(scene *s);
/* With the user's PIN; where it was changed, changes it back. */
CK_RV scene_log_in(scene *s);
/* Token objects there are. */
size_t scene_count(scene *s);
/* The handles of a later initialisation. */
void scene_find(scene *s);
/* Makes keys and texts, without faults. */
void scene_make(scene *s);
/* Destroys token objects that scene_make() did not make; how many there were. */
size_t scene_sweep(scene *s);

/* Steps on their own. */
CK_RV scene_sign_rsa(scene *s);
CK_RV scene_verify_rsa(scene *s);
CK_RV scene_sign_ec(scene *s);
CK_RV scene_verify_ec(scene *s);
CK_RV scene_encrypt(scene *s);
CK_RV scene_decrypt(scene *s);

/* Those of abi_steps_more.c. */
CK_RV scene_store_ml_dsa(scene *s);
CK_RV scene_make_ml_dsa(scene *s);
CK_RV scene_make_ml_kem(scene *s);
CK_RV scene_sign_ml_dsa(scene *s);
CK_RV scene_agree_ml_kem(scene *s);
CK_RV scene_encrypt_message(scene *s);
CK_RV scene_save_state(scene *s);
CK_RV scene_deactivate(scene *s);

/* A row: all but run happen without faults. */
typedef struct step {
    const char *name;
    CK_RV (*prepare)(scene *s);
    CK_RV (*run)(scene *s);
    CK_RV (*undo)(scene *s); /* after a success */
    CK_RV (*mend)(scene *s); /* after a failure, which may have cost a try, or left the object */
    unsigned needs;          /* kinds it can not do without: the test of the test */
    bool is_closed;          /* the library is not initialised before it */
    bool has_pins;           /* changes PINs or costs tries */
} step;

/* In the order of a life; the first two open the library. */
extern const step steps[];
extern const size_t step_count;

#endif
