/* The blind index: a value is found by its keyed hash, so the storage learns no value.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_STORE_INDEX_H
#define HSM_STORE_INDEX_H

#include "store/driver.h"
#include "store/object.h"

/* One key's tags. Its own lock; any number of threads. */
typedef struct hsm_index hsm_index;

/* key: 32 bytes */
HSM_MUST_USE hsm_err hsm_index_create(hsm_crypto *crypto, hsm_bytes key, hsm_index **out_index);
void hsm_index_destroy(hsm_index *index);
HSM_DEFINE_DROP(hsm_index)

/* The tag of one value: the first 16 bytes of HMAC-SHA256 over the type (8 bytes, big-endian) and the
 * value; CK_ULONG values as 8 bytes big-endian, numbers without leading zeros. */
HSM_MUST_USE hsm_err hsm_index_tag(hsm_index *index, const hsm_attr *attr, hsm_tag *out_tag);

/* The tags of an object's indexed attributes. */
HSM_MUST_USE hsm_err hsm_index_object(hsm_index *index, const hsm_object *object,
                                      hsm_tags *out_tags);
/* The tags of a template's indexed attributes. */
HSM_MUST_USE hsm_err hsm_index_template(hsm_index *index, const hsm_template *tmpl,
                                        hsm_tags *out_tags);

#endif
