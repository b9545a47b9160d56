/* SPDX-License-Identifier: Apache-2.0 */
#include "store/index.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/codec.h"
#include "store/attr_index.h"

struct hsm_index {
    pthread_mutex_t lock; /* guards hmac */
    hsm_hmac *hmac;
};

hsm_err hsm_index_create(hsm_crypto *crypto, hsm_bytes key, hsm_index **out_index)
{
    hsm_index *index = calloc(1, sizeof *index);

    HSM_CHECK(index != NULL, HSM_E_NO_MEMORY);
    const hsm_err err = hsm_hmac_create(crypto, key, &index->hmac);
    if (err != HSM_OK) {
        free(index);
        return err;
    }
    (void)pthread_mutex_init(&index->lock, NULL);
    *out_index = index;
    return HSM_OK;
}

void hsm_index_destroy(hsm_index *index)
{
    if (index == NULL)
        return;
    hsm_hmac_destroy(index->hmac);
    (void)pthread_mutex_destroy(&index->lock);
    free(index);
}

static bool is_number(const hsm_attr *attr)
{
    const hsm_attr_info *info = hsm_attr_any(attr->type);

    return info != NULL && info->kind == HSM_ATTR_ULONG && attr->value.len == sizeof(CK_ULONG);
}

/* The value as it is hashed: the same on every machine. Borrows from attr or from room. */
static hsm_bytes canonical(const hsm_attr *attr, uint8_t room[8])
{
    const hsm_attr_info *info = hsm_attr_any(attr->type);
    hsm_bytes value = attr->value;

    if (is_number(attr)) {
        hsm_writer writer = hsm_writer_of(room, 8);
        CK_ULONG number = 0;
        memcpy(&number, value.data, sizeof number);
        hsm_write_u64(&writer, number == CK_UNAVAILABLE_INFORMATION ? UINT64_MAX : number);
        return hsm_bytes_of(room, 8);
    }
    while (info != NULL && info->kind == HSM_ATTR_NUMBER && value.len > 0 && value.data[0] == 0)
        value = hsm_bytes_of(value.data + 1, value.len - 1);
    return value;
}

hsm_err hsm_index_tag(hsm_index *index, const hsm_attr *attr, hsm_tag *out_tag)
{
    uint8_t type[8];
    uint8_t room[8];
    uint8_t hash[HSM_SHA256_BYTES];
    hsm_writer writer = hsm_writer_of(type, sizeof type);

    hsm_write_u64(&writer, attr->type);
    const hsm_bytes parts[] = { hsm_bytes_of(type, sizeof type), canonical(attr, room) };
    (void)pthread_mutex_lock(&index->lock);
    const hsm_err err = hsm_hmac_compute(index->hmac, parts, HSM_ARRAY_LEN(parts), hash);
    (void)pthread_mutex_unlock(&index->lock);
    HSM_TRY(err);
    memcpy(out_tag->bytes, hash, HSM_TAG_BYTES);
    return HSM_OK;
}

/* Where the attributes to be tagged come from: an object or a template. */
typedef struct source {
    const hsm_object *object; /* or NULL */
    const hsm_template *tmpl;
} source;

static bool get(const source *from, CK_ATTRIBUTE_TYPE type, hsm_attr *out_attr)
{
    out_attr->type = type;
    if (from->object != NULL)
        return hsm_object_get(from->object, type, &out_attr->value);
    const hsm_attr *attr = hsm_template_get(from->tmpl, type);
    if (attr != NULL)
        *out_attr = *attr;
    return attr != NULL;
}

static hsm_err tag_all(hsm_index *index, const source *from, hsm_tags *out_tags)
{
    hsm_tags tags = { 0 };
    hsm_attr attr;

    for (size_t i = 0; i < HSM_TAGS_FINE_MAX; i++) {
        if (get(from, hsm_attr_index_fine[i], &attr))
            HSM_TRY(hsm_index_tag(index, &attr, &tags.fine[tags.fine_count++]));
    }
    for (size_t i = 0; i < HSM_TAGS_COARSE; i++) {
        tags.has_coarse[i] = get(from, hsm_attr_index_coarse[i], &attr);
        if (tags.has_coarse[i])
            HSM_TRY(hsm_index_tag(index, &attr, &tags.coarse[i]));
    }
    *out_tags = tags;
    return HSM_OK;
}

hsm_err hsm_index_object(hsm_index *index, const hsm_object *object, hsm_tags *out_tags)
{
    return tag_all(index, &(source){ .object = object }, out_tags);
}

hsm_err hsm_index_template(hsm_index *index, const hsm_template *tmpl, hsm_tags *out_tags)
{
    return tag_all(index, &(source){ .tmpl = tmpl }, out_tags);
}
