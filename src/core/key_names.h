/* The names of kinds of key.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CORE_KEY_NAMES_H
#define HSM_CORE_KEY_NAMES_H

#include "core/internal.h"

/* Writes what hsm_core_key_spec() reads, for a key; "X.509" for a certificate, "-" for others. */
void hsm_key_name(const hsm_object *object, char *out, size_t out_room);
/* "private", "public", "secret" ...; "other". */
const char *hsm_class_name(CK_OBJECT_CLASS object_class);

#endif
