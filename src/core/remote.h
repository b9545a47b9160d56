/* What a front door needs whose callers are on other machines: no pointers in parameters, names in
 * the place of handles, and what an operation will cost.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CORE_REMOTE_H
#define HSM_CORE_REMOTE_H

#include "core/core.h"

/* The structure that a mechanism's parameter is. A caller on another machine cannot send pointers:
 * the front door builds the structure itself, and only the one that the mechanism reads. */
typedef enum hsm_param_form {
    HSM_FORM_UNSERVED,       /* none of the below: not to be had from another machine */
    HSM_FORM_FLAT,           /* no pointer in it: the caller's bytes as they are; often none */
    HSM_FORM_GCM,            /* CK_GCM_PARAMS */
    HSM_FORM_CCM,            /* CK_CCM_PARAMS */
    HSM_FORM_CHACHA20,       /* CK_CHACHA20_PARAMS */
    HSM_FORM_CHACHA_POLY,    /* CK_SALSA20_CHACHA20_POLY1305_PARAMS */
    HSM_FORM_OAEP,           /* CK_RSA_PKCS_OAEP_PARAMS */
    HSM_FORM_RSA_AES,        /* CK_RSA_AES_KEY_WRAP_PARAMS */
    HSM_FORM_EDDSA,          /* CK_EDDSA_PARAMS */
    HSM_FORM_ECDH1,          /* CK_ECDH1_DERIVE_PARAMS */
    HSM_FORM_ECDH_AES,       /* CK_ECDH_AES_KEY_WRAP_PARAMS */
    HSM_FORM_CONTEXT,        /* CK_SIGN_ADDITIONAL_CONTEXT */
    HSM_FORM_HASH_CONTEXT,   /* CK_HASH_SIGN_ADDITIONAL_CONTEXT */
    HSM_FORM_HKDF,           /* CK_HKDF_PARAMS */
    HSM_FORM_STRING_DATA,    /* CK_KEY_DERIVATION_STRING_DATA */
    HSM_FORM_CBC_DATA,       /* CK_AES_CBC_ENCRYPT_DATA_PARAMS */
    HSM_FORM_PBKDF2,         /* CK_PKCS5_PBKD2_PARAMS2 */
    HSM_FORM_X9_42,          /* CK_X9_42_DH1_DERIVE_PARAMS */
    HSM_FORM_KBKDF,          /* CK_SP800_108_KDF_PARAMS */
    HSM_FORM_KBKDF_FEEDBACK, /* CK_SP800_108_FEEDBACK_KDF_PARAMS */
    HSM_FORM_TLS12_MASTER,   /* CK_TLS12_MASTER_KEY_DERIVE_PARAMS */
    HSM_FORM_TLS12_EXTENDED, /* CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS */
    HSM_FORM_TLS12_KEYS,     /* CK_TLS12_KEY_MAT_PARAMS */
    HSM_FORM_TLS12_SAFE,     /* the same, and no initialisation vectors come back */
    HSM_FORM_TLS_EXPORTER,   /* CK_TLS_KDF_PARAMS */
    HSM_FORM_IKE_PRF,        /* CK_IKE_PRF_DERIVE_PARAMS */
    HSM_FORM_IKE2_PRF_PLUS,  /* CK_IKE2_PRF_PLUS_DERIVE_PARAMS */
    HSM_FORM_IKE1_PRF,       /* CK_IKE1_PRF_DERIVE_PARAMS */
    HSM_FORM_IKE1_EXTENDED,  /* CK_IKE1_EXTENDED_DERIVE_PARAMS */
} hsm_param_form;

typedef struct hsm_mechanism_facts {
    const char *name; /* static */
    hsm_param_form form;
    bool is_slow; /* tens of milliseconds or more, whatever the key */
} hsm_mechanism_facts;

/* errors  HSM_E_MECHANISM (unknown) */
HSM_MUST_USE hsm_err hsm_core_mechanism_facts(CK_MECHANISM_TYPE id, hsm_mechanism_facts *out_facts);

/* Appends the object's label, which may be empty. errors HSM_E_OBJECT_HANDLE, HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_core_object_label(hsm_core *core, hsm_session *session,
                                           CK_OBJECT_HANDLE handle, hsm_buf *out_label);
/* The label in a template; false when there is none. Borrowed from the template. */
bool hsm_core_template_label(const hsm_template *tmpl, hsm_bytes *out_label);

/* The private or secret key with this label and id that may sign; either may be empty, not both.
 * errors  HSM_E_ARG (both empty), HSM_E_KEY_HANDLE (none, or more than one), HSM_E_OPERATION_ACTIVE,
 *         those of hsm_core_find() */
HSM_MUST_USE hsm_err hsm_core_find_signer(hsm_core *core, hsm_session *session, hsm_bytes label,
                                          hsm_bytes id, CK_OBJECT_HANDLE *out_key);

/* Writes that a front door refused something by rules of its own, which no call of the core tells of.
 * client: who asked; what: a few words.
 * errors  HSM_E_AUDIT
 * thread  any; waits for the disk */
HSM_MUST_USE hsm_err hsm_core_refused(hsm_core *core, const char *client, const char *what);

/* For who serves callers by threads of different priority, before there are any: what the store and the
 * audit log write is written by threads of the caller's priority or a better one, so that nobody waits for
 * one that may not run for long (os/combiner.h). Two threads, which closing ends.
 * errors  HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_core_start_clerks(hsm_core *core);

#endif
