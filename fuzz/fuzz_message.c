/* Every request message of the daemon: the first byte chooses the method, the rest is decoded in
 * bounded memory; its mechanism and its template are then turned into what the core takes.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cratond/arena.h"
#include "cratond/client.h"
#include "cratond/convert_kdf.h"
#include "cratond/rpc.h"
#include "fuzz.h"

static const void *field_of(const ProtobufCMessage *message, const char *name, ProtobufCLabel label)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(message->descriptor, name);

    if (field == NULL || field->type != PROTOBUF_C_TYPE_MESSAGE || field->label != label)
        return NULL;
    return (const char *)message + field->offset;
}

static void convert_mechanism(rpc_context *context, const ProtobufCMessage *message)
{
    CratonHsm__Mechanism *const *mechanism = field_of(message, "mechanism", PROTOBUF_C_LABEL_NONE);
    wire_mechanism made;

    if (mechanism == NULL || wire_mechanism_read(*mechanism, &made) != HSM_OK)
        return;
    /* A parameter is either what was sent, or a structure of ours. */
    FUZZ_REQUIRE((made.view.pParameter == &made.params ||
                  made.view.pParameter == (*mechanism)->parameter.data) &&
                 made.named_count <= WIRE_NAMED_KEYS_MAX);
    if (wire_more_keys_read(context, *mechanism, &made) == HSM_OK && made.form == HSM_FORM_KBKDF)
        FUZZ_REQUIRE(made.room.kbkdf.more_count <= WIRE_MORE_KEYS_MAX);
}

static void convert_template(rpc_context *context, const ProtobufCMessage *message)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(message->descriptor, "template");
    hsm_template tmpl;

    if (field == NULL)
        return;
    const size_t *count = (const void *)((const char *)message + field->quantifier_offset);
    CratonHsm__Attribute **const *attributes =
        (const void *)((const char *)message + field->offset);
    if (wire_template_read(context, *count, *attributes, &tmpl) == HSM_OK)
        FUZZ_REQUIRE(tmpl.count == *count && tmpl.count <= HSM_TEMPLATE_MAX_ATTRS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t method_count = 0;
    const rpc_method *methods = rpc_table(&method_count);
    arena memory;

    if (size < 1)
        return 0;
    const rpc_method *method = &methods[data[0] % method_count];
    const size_t len = size - 1;
    arena_init(&memory, ARENA_BASE_BYTES + ARENA_FACTOR * len);
    client anybody = { .rule = NULL };
    rpc_context context = { .memory = &memory, .client = &anybody };
    ProtobufCMessage *message =
        protobuf_c_message_unpack(method->request, &memory.allocator, len, data + 1);
    FUZZ_REQUIRE(memory.used <= memory.budget);
    if (message != NULL) {
        (void)rpc_session_of(method, message);
        (void)rpc_lane_of(method, message);
        convert_mechanism(&context, message);
        convert_template(&context, message);
    }
    arena_clear(&memory);
    FUZZ_REQUIRE(memory.used == 0);
    return 0;
}
