/* What searches must know about particular attributes.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_STORE_ATTR_INDEX_H
#define HSM_STORE_ATTR_INDEX_H

#include "store/driver.h"
#include "store/object.h"

/* The attributes with tags in the blind index: fine ones, the most selective first, and coarse ones.
 * CKA_UNIQUE_ID and CKA_TOKEN need none: the one is the id, the other the same for all. */
extern const CK_ATTRIBUTE_TYPE hsm_attr_index_fine[HSM_TAGS_FINE_MAX];
extern const CK_ATTRIBUTE_TYPE hsm_attr_index_coarse[HSM_TAGS_COARSE];

/* What a template says about where to look. */
typedef struct hsm_search_scope {
    bool is_hopeless; /* nothing in the store can match */
    bool may_public;
    bool may_private;
    bool has_id;
    uint64_t id;
} hsm_search_scope;
hsm_search_scope hsm_template_scope(const hsm_template *tmpl);

/* CKA_UNIQUE_ID of an id: 16 lower case hexadecimal digits. */
HSM_MUST_USE hsm_err hsm_draft_put_store_id(hsm_draft *draft, uint64_t id);
bool hsm_draft_is_private(const hsm_draft *draft);

#endif
