/* What the commands about keys and certificates share.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_ADMIN_CMD_KEY_H
#define HSM_ADMIN_CMD_KEY_H

#include "admin/objects.h"

/* Where a public result goes. */
#define HSM_ADMIN_OPTIONS_OUTPUT                     \
    { .name = "output",                              \
      .value = "FILE",                               \
      .help = "where to write it (standard output)", \
      .kind = HSM_ADMIN_FILE },                      \
        { .name = "format",                          \
          .value = "FORM",                           \
          .help = "how (pem)",                       \
          .kind = HSM_ADMIN_CHOICE,                  \
          .choices = "pem der" },                    \
        HSM_ADMIN_OPTION_FORCE

/* What a key that is made or imported gets. */
#define HSM_ADMIN_OPTIONS_NEW_KEY                                                                  \
    { .name = "label",                                                                             \
      .value = "L",                                                                                \
      .help = "CKA_LABEL",                                                                         \
      .kind = HSM_ADMIN_TEXT,                                                                      \
      .is_required = true },                                                                       \
        { .name = "id", .value = "HEX", .help = "CKA_ID (random)", .kind = HSM_ADMIN_TEXT },       \
        { .name = "extractable", .help = "the key may leave, wrapped", .kind = HSM_ADMIN_SWITCH }, \
    {                                                                                              \
        .name = "attributes", .value = "LIST",                                                     \
        .help = "more of the private or secret key: NAME=VALUE,NAME=VALUE,...",                    \
        .kind = HSM_ADMIN_TEXT,                                                                    \
    }

/* key export (cmd_key_export.c). */
extern const hsm_admin_option hsm_admin_export_options[];
HSM_MUST_USE hsm_err hsm_admin_run_export(hsm_admin *admin);
/* key import (cmd_key_import.c). */
extern const hsm_admin_option hsm_admin_import_options[];
HSM_MUST_USE hsm_err hsm_admin_run_import(hsm_admin *admin);

/* CKA_TOKEN, CKA_LABEL of --label and CKA_ID of --id (or the same random one) in each template. */
HSM_MUST_USE hsm_err hsm_admin_put_identity(hsm_admin *admin, const hsm_admin_objects *objects,
                                            hsm_named *const *named, size_t count);
/* What private and secret keys get: private, sensitive, --extractable, --attributes. */
HSM_MUST_USE hsm_err hsm_admin_put_protection(hsm_admin *admin, hsm_named *named);
/* Appends DER as PEM (RFC 7468): "-----BEGIN what-----" ... */
HSM_MUST_USE hsm_err hsm_admin_put_pem(hsm_bytes der, const char *what, hsm_buf *out);
/* Writes DER as --format says to the file of --output, of this mode. */
HSM_MUST_USE hsm_err hsm_admin_write_der(hsm_admin *admin, hsm_bytes der, const char *what,
                                         unsigned mode);
/* The same with something public, and says where in the report; without --output it is printed, with
 * --json as its member "pem". */
HSM_MUST_USE hsm_err hsm_admin_deliver_der(hsm_admin *admin, hsm_bytes der, const char *what);
/* The same with an attribute of the chosen object. */
HSM_MUST_USE hsm_err hsm_admin_export_value(hsm_admin *admin, const char *attribute,
                                            const char *what);

#endif
