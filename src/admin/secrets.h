/* PINs and passphrases: from a file, a descriptor, a systemd credential or a prompt without echo;
 * never from an argument or the environment.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_ADMIN_SECRETS_H
#define HSM_ADMIN_SECRETS_H

#include "base/secret.h"

struct hsm_admin;

#define HSM_ADMIN_SECRET_MAX_BYTES 1024u

typedef enum hsm_admin_role {
    HSM_ADMIN_USER_PIN,
    HSM_ADMIN_SO_PIN,
    HSM_ADMIN_FIRST_USER_PIN, /* of a token that has none yet: the options of the user PIN */
    HSM_ADMIN_FIRST_SO_PIN,
    HSM_ADMIN_NEW_USER_PIN,
    HSM_ADMIN_NEW_SO_PIN,
    HSM_ADMIN_FILE_PASSPHRASE, /* opens a key file or a backup */
    HSM_ADMIN_NEW_PASSPHRASE,  /* protects one that is made */
    HSM_ADMIN_OTHER_TOKEN_PIN, /* of a token that is migrated */
    HSM_ADMIN_ROLE_COUNT,
} hsm_admin_role;

/* The secret of a role. Looked for in this order: the options --ROLE-file and --ROLE-fd of this
 * command, the credential craton-hsm-ROLE in $CREDENTIALS_DIRECTORY, a prompt (new ones are asked
 * for twice). Of a file or descriptor it is the first line, without its end.
 * errors  HSM_E_ARG (no terminal to ask, both options, bad descriptor), HSM_E_STORE_PERMISSION (the
 *         file can be read by others), HSM_E_STORE_NOT_FOUND, HSM_E_DATA (empty),
 *         HSM_E_LIMIT (longer than HSM_ADMIN_SECRET_MAX_BYTES), HSM_E_OPERATION_CANCELLED */
HSM_MUST_USE hsm_err hsm_admin_get_secret(struct hsm_admin *admin, hsm_admin_role role,
                                          hsm_secret **out_secret);
/* Says what a passphrase must be; gives HSM_E_PIN_LEN. */
hsm_err hsm_admin_weak_passphrase(struct hsm_admin *admin);
/* Whether it comes from somewhere else than a prompt. */
bool hsm_admin_has_secret(const struct hsm_admin *admin, hsm_admin_role role);
/* What people call it: "user PIN". */
const char *hsm_admin_role_name(hsm_admin_role role);

#endif
