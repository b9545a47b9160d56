/* Objects as several commands choose and show them.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_ADMIN_OBJECTS_H
#define HSM_ADMIN_OBJECTS_H

#include "admin/admin.h"
#include "core/keyring.h"

/* The options that choose objects: by names, of a class, of a kind of key. */
#define HSM_ADMIN_OPTION_HANDLE                                                               \
    {                                                                                         \
        .name = "handle", .value = "H",                                                       \
        .help = "the object with this handle (as key list shows it)", .kind = HSM_ADMIN_TEXT, \
    }
#define HSM_ADMIN_OPTION_HANDLES                                                        \
    {                                                                                   \
        .name = "handle", .value = "HANDLES",                                           \
        .help = "the objects with these handles (as key list shows them), with commas", \
        .kind = HSM_ADMIN_TEXT,                                                         \
    }
#define HSM_ADMIN_OPTIONS_LABEL_ID                                                      \
    { .name = "label", .value = "L", .help = "of this label", .kind = HSM_ADMIN_TEXT }, \
    {                                                                                   \
        .name = "id", .value = "HEX", .help = "of this CKA_ID", .kind = HSM_ADMIN_TEXT, \
    }
#define HSM_ADMIN_OPTION_CLASS                                                            \
    {                                                                                     \
        .name = "class", .value = "C", .help = "of this class", .kind = HSM_ADMIN_CHOICE, \
        .choices = "private public secret certificate data profile",                      \
    }
#define HSM_ADMIN_OPTION_FAMILY                                                            \
    {                                                                                      \
        .name = "type", .value = "TYPE", .help = "of this family", .kind = HSM_ADMIN_TEXT, \
    }
#define HSM_ADMIN_OPTIONS_NAME HSM_ADMIN_OPTION_HANDLE, HSM_ADMIN_OPTIONS_LABEL_ID
#define HSM_ADMIN_OPTIONS_SELECT HSM_ADMIN_OPTIONS_NAME, HSM_ADMIN_OPTION_CLASS
#define HSM_ADMIN_OPTIONS_LOGIN HSM_ADMIN_OPTION_SLOT, HSM_ADMIN_OPTIONS_SECRET("pin", "user PIN")

/* A logged in session that is released for every other core call. */
typedef struct hsm_admin_objects {
    CK_SESSION_HANDLE handle;
    hsm_session *session; /* locked */
} hsm_admin_objects;
/* Logs in as the user and locks the session; end with hsm_admin_objects_end() (HSM_AUTO). */
HSM_MUST_USE hsm_err hsm_admin_objects_begin(hsm_admin *admin, hsm_admin_objects *out_objects);
void hsm_admin_objects_end(hsm_admin_objects *objects);

/* The template of --handle, --label, --id, --class and --type.
 * errors  HSM_E_ARG (--id is not hexadecimal, --handle is none) */
HSM_MUST_USE hsm_err hsm_admin_selection(hsm_admin *admin, hsm_named *out_named);
/* The same where --handle names several, with commas: a template for each of them. */
typedef struct hsm_admin_choices {
    hsm_named *named;
    hsm_template *templates; /* borrowed from named */
    size_t count;            /* 0: none of the options is given, everything is chosen */
} hsm_admin_choices;
void hsm_admin_choices_clear(hsm_admin_choices *choices);
/* in      count_max  more handles are refused
 * errors  as above, HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_admin_get_choices(hsm_admin *admin, size_t count_max,
                                           hsm_admin_choices *out_choices);
/* The one token object that the options choose.
 * errors  HSM_E_OBJECT_HANDLE (none), HSM_E_ARG (several; nothing chosen), with hints */
HSM_MUST_USE hsm_err hsm_admin_select_one(hsm_admin *admin, const hsm_admin_objects *objects,
                                          CK_OBJECT_HANDLE *out_object);
/* The one object that fits. errors HSM_E_OBJECT_HANDLE (none), HSM_E_ARG (several) */
HSM_MUST_USE hsm_err hsm_admin_find_one(hsm_admin *admin, const hsm_admin_objects *objects,
                                        const hsm_named *named, CK_OBJECT_HANDLE *out_object);
/* The same among the objects of a class. */
HSM_MUST_USE hsm_err hsm_admin_select_class(hsm_admin *admin, const hsm_admin_objects *objects,
                                            const char *class_name, CK_OBJECT_HANDLE *out_object);

/* Starts the table "objects"; adds an object to it. */
void hsm_admin_objects_table(hsm_admin *admin);
HSM_MUST_USE hsm_err hsm_admin_put_object(hsm_admin *admin, const hsm_admin_objects *objects,
                                          CK_OBJECT_HANDLE handle);

/* Writes a result to --output: a new file of this mode, or with --force in the place of one.
 * errors  HSM_E_STORE_CONFLICT (it exists), those of os/file.h */
HSM_MUST_USE hsm_err hsm_admin_write_output(hsm_admin *admin, hsm_bytes content, unsigned mode);

#endif
