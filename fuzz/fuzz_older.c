/* The decrypted content of an older system's backup, both forms: the first byte chooses, 1 or 2. What is
 * taken lies within the input, which changes on the way in one of them; faults do too.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "core/older_record.h"
#include "fuzz.h"

static void require_within(const hsm_older_reader *reader, hsm_bytes part)
{
    FUZZ_REQUIRE(part.data == NULL || (part.data >= reader->data && part.len <= reader->len &&
                                       part.data + part.len <= reader->data + reader->at));
}

static void look_at(const hsm_older_reader *reader, const hsm_older_object *object)
{
    FUZZ_REQUIRE(object->attr_count <= HSM_OLDER_ATTRS_MAX);
    FUZZ_REQUIRE(object->state < HSM_OLDER_STATE_COUNT);
    for (size_t i = 0; i < HSM_OLDER_BYTES_COUNT; i++) {
        require_within(reader, object->bytes[i]);
        FUZZ_REQUIRE(object->bytes[i].len <= HSM_OLDER_FIELD_MAX_BYTES);
    }
    for (size_t i = 0; i < object->attr_count; i++) {
        require_within(reader, object->attrs[i].value);
        FUZZ_REQUIRE(hsm_older_find(object, object->attrs[i].type) == &object->attrs[i]);
    }
}

static hsm_err read_all(hsm_older_reader *reader)
{
    hsm_older_head head = { 0 };
    hsm_older_object object;

    HSM_TRY(hsm_older_begin(reader, &head));
    FUZZ_REQUIRE(reader->left == head.objects && head.objects <= HSM_OLDER_OBJECTS_MAX);
    require_within(reader, head.id);
    require_within(reader, head.serial);
    while (reader->left > 0) {
        HSM_TRY(hsm_older_next(reader, &object));
        look_at(reader, &object);
    }
    return hsm_older_end(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const size_t len = size - 1;
    uint8_t *content =
        malloc(len > 0 ? len : 1); /* of exactly its size: one byte too far is seen */
    FUZZ_REQUIRE(content != NULL);
    if (len > 0)
        memcpy(content, data + 1, len);
    hsm_older_reader reader = {
        .format = data[0] == 1 ? 1 : 2,
        .data = content,
        .len = len,
    };
    const hsm_err err = read_all(&reader);
    FUZZ_REQUIRE(reader.at <= reader.len && reader.len == len);
    if (err == HSM_OK)
        FUZZ_REQUIRE(reader.at == reader.len);
    else
        FUZZ_REQUIRE(reader.fault != NULL);
    free(content);
    return 0;
}
