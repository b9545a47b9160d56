/* Object handles of the application: which handle stands for which object.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CORE_HANDLES_H
#define HSM_CORE_HANDLES_H

#include "base/ck.h"
#include "base/handle.h"
#include "base/scope.h"
#include "store/object.h"

typedef struct hsm_handles hsm_handles;

/* What a handle stands for. Token objects are named by id and read through the store; session
 * objects are held. */
typedef struct hsm_handle_target {
    uint64_t id;
    uint32_t slot;
    bool is_token;
    bool is_private;
    hsm_object *object; /* session objects; NULL for token objects */
} hsm_handle_target;

/* The most object handles one application can hold. */
#define HSM_HANDLES_MAX ((size_t)4 * 1000 * 1000)

HSM_MUST_USE hsm_err hsm_handles_create(hsm_handles **out_handles);
void hsm_handles_destroy(hsm_handles *handles);
HSM_DEFINE_DROP(hsm_handles)

/* The handle of an object; the same object (its id) always gets the same one.
 * The table takes a reference of its own to target->object.
 * errors  HSM_E_LIMIT, HSM_E_NO_MEMORY
 * thread  the table's own lock, as all functions here */
HSM_MUST_USE hsm_err hsm_handles_put(hsm_handles *handles, const hsm_handle_target *target,
                                     CK_OBJECT_HANDLE *out_handle);
/* out_target->object, if not NULL, is one reference.
 * errors  HSM_E_OBJECT_HANDLE */
HSM_MUST_USE hsm_err hsm_handles_get(hsm_handles *handles, CK_OBJECT_HANDLE handle,
                                     hsm_handle_target *out_target);
void hsm_handles_remove(hsm_handles *handles, CK_OBJECT_HANDLE handle);
/* The handle an object has, by its id. errors HSM_E_OBJECT_HANDLE */
HSM_MUST_USE hsm_err hsm_handles_find(hsm_handles *handles, uint64_t id,
                                      CK_OBJECT_HANDLE *out_handle);
/* Lets the handle of a session object stand for its new version. */
void hsm_handles_renew(hsm_handles *handles, hsm_object *object);
/* Removes every handle for which `matches` is true. O(number of handles). */
void hsm_handles_remove_if(hsm_handles *handles,
                           bool (*matches)(const hsm_handle_target *target, const void *arg),
                           const void *arg);

#endif
