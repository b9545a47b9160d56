/* The rows, and what is found by looking at their descriptors.
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/remote.h"
#include "cratond/convert.h"
#include "cratond/handlers.h"
#include <health.pb-c.h>
#include <reflection.pb-c.h>

#define USER (1u << HSM_ROLE_USER)
#define OPERATOR (1u << HSM_ROLE_OPERATOR)
#define AUDITOR (1u << HSM_ROLE_AUDITOR)
#define MONITOR (1u << HSM_ROLE_MONITOR)
#define ANYBODY (USER | OPERATOR | AUDITOR | MONITOR)

#define SERVICE "/craton_hsm.HsmService/"
#define PATH(text) (text), .path_len = sizeof(text) - 1
#define MESSAGES(in, out)                               \
    .request = &craton_hsm__##in##_request__descriptor, \
    .response = &craton_hsm__##out##_response__descriptor
/* protoc-c writes InitPINRequest as one word. */
#define MESSAGES_PIN(name)                               \
    .request = &craton_hsm__##name##request__descriptor, \
    .response = &craton_hsm__##name##response__descriptor

/* operation NULL: whoever has the role may, whatever its rule's operations are. */
static const rpc_method methods[] = {
    { .path = PATH(SERVICE "OpenSession"),
      MESSAGES(open_session, open_session),
      .handle = rpc_open_session,
      .roles = USER | OPERATOR,
      .place = RPC_NEW_SESSION },
    { .path = PATH(SERVICE "CloseSession"),
      MESSAGES(close_session, close_session),
      .handle = rpc_close_session,
      .roles = USER | OPERATOR,
      .place = RPC_END_SESSION },
    { .path = PATH(SERVICE "Login"),
      MESSAGES(login, login),
      .handle = rpc_login,
      .roles = USER | OPERATOR,
      .place = RPC_ON_SESSION,
      .lane = POOL_SLOW },
    { .path = PATH(SERVICE "Logout"),
      MESSAGES(logout, logout),
      .handle = rpc_logout,
      .roles = USER | OPERATOR,
      .place = RPC_ON_SESSION,
      .lane = POOL_SLOW },
    { .path = PATH(SERVICE "GetTokenInfo"),
      MESSAGES(get_token_info, get_token_info),
      .handle = rpc_token_info,
      .roles = ANYBODY,
      .place = RPC_ON_CLIENT },
    { .path = PATH(SERVICE "InitToken"),
      MESSAGES(init_token, init_token),
      .handle = rpc_init_token,
      .operation = "init_token",
      .roles = OPERATOR,
      .place = RPC_ON_CLIENT,
      .lane = POOL_SLOW },
    { .path = PATH(SERVICE "GenerateKey"),
      MESSAGES(generate_key, generate_key),
      .handle = rpc_generate_key,
      .operation = "generate_key",
      .roles = USER,
      .place = RPC_ON_SESSION },
    { .path = PATH(SERVICE "GenerateKeyPair"),
      MESSAGES(generate_key_pair, generate_key_pair),
      .handle = rpc_generate_pair,
      .operation = "generate_key_pair",
      .roles = USER,
      .place = RPC_ON_SESSION,
      .lane = POOL_SLOW },
    { .path = PATH(SERVICE "DestroyObject"),
      MESSAGES(destroy_object, destroy_object),
      .handle = rpc_destroy_object,
      .operation = "destroy_object",
      .roles = USER,
      .place = RPC_ON_SESSION },
    { .path = PATH(SERVICE "FindObjects"),
      MESSAGES(find_objects, find_objects),
      .handle = rpc_find_objects,
      .operation = "find_objects",
      .roles = USER | OPERATOR,
      .place = RPC_ON_SESSION },
    { .path = PATH(SERVICE "GetAttributeValue"),
      MESSAGES(get_attribute_value, get_attribute_value),
      .handle = rpc_get_attributes,
      .operation = "get_attribute",
      .roles = USER | OPERATOR,
      .place = RPC_ON_SESSION },
    { .path = PATH(SERVICE "WrapKey"),
      MESSAGES(wrap_key, wrap_key),
      .handle = rpc_wrap_key,
      .operation = "wrap_key",
      .roles = USER,
      .place = RPC_ON_SESSION },
    { .path = PATH(SERVICE "UnwrapKey"),
      MESSAGES(unwrap_key, unwrap_key),
      .handle = rpc_unwrap_key,
      .operation = "unwrap_key",
      .roles = USER,
      .place = RPC_ON_SESSION },
    { .path = PATH(SERVICE "DeriveKey"),
      MESSAGES(derive_key, derive_key),
      .handle = rpc_derive_key,
      .operation = "derive_key",
      .roles = USER,
      .place = RPC_ON_SESSION },
    { .path = PATH(SERVICE "CopyObject"),
      MESSAGES(copy_object, copy_object),
      .handle = rpc_copy_object,
      .operation = "copy_object",
      .roles = USER,
      .place = RPC_ON_SESSION },
    { .path = PATH(SERVICE "InitPIN"),
      MESSAGES_PIN(init_pin),
      .handle = rpc_init_pin,
      .operation = "init_pin",
      .roles = OPERATOR,
      .place = RPC_ON_SESSION,
      .lane = POOL_SLOW },
    { .path = PATH(SERVICE "SetPIN"),
      MESSAGES_PIN(set_pin),
      .handle = rpc_set_pin,
      .operation = "set_pin",
      .roles = USER | OPERATOR,
      .place = RPC_ON_SESSION,
      .lane = POOL_SLOW },
    { .path = PATH(SERVICE "Sign"),
      MESSAGES(sign, sign),
      .handle = rpc_sign,
      .operation = "sign",
      .roles = USER,
      .place = RPC_ON_SESSION },
    { .path = PATH(SERVICE "Verify"),
      MESSAGES(verify, verify),
      .handle = rpc_verify,
      .operation = "verify",
      .roles = USER,
      .place = RPC_ON_SESSION },
    { .path = PATH(SERVICE "Encrypt"),
      MESSAGES(encrypt, encrypt),
      .handle = rpc_encrypt,
      .operation = "encrypt",
      .roles = USER,
      .place = RPC_ON_SESSION },
    { .path = PATH(SERVICE "Decrypt"),
      MESSAGES(decrypt, decrypt),
      .handle = rpc_decrypt,
      .operation = "decrypt",
      .roles = USER,
      .place = RPC_ON_SESSION },
    { .path = PATH(SERVICE "Digest"),
      MESSAGES(digest, digest),
      .handle = rpc_digest,
      .operation = "digest",
      .roles = USER,
      .place = RPC_ON_SESSION },
    { .path = PATH(SERVICE "GenerateRandom"),
      MESSAGES(generate_random, generate_random),
      .handle = rpc_random,
      .operation = "generate_random",
      .roles = USER,
      .place = RPC_ON_SESSION },
    { .path = PATH(SERVICE "HealthCheck"),
      MESSAGES(health_check, health_check),
      .handle = rpc_daemon_health,
      .roles = ANYBODY,
      .place = RPC_ON_CORE },

    { .path = PATH(SERVICE "ListSlots"),
      MESSAGES(list_slots, list_slots),
      .handle = rpc_list_slots,
      .roles = ANYBODY,
      .place = RPC_ON_CORE },
    { .path = PATH(SERVICE "GetMechanismList"),
      MESSAGES(get_mechanism_list, get_mechanism_list),
      .handle = rpc_mechanism_list,
      .roles = ANYBODY,
      .place = RPC_ON_CORE },
    { .path = PATH(SERVICE "GetMechanismInfo"),
      MESSAGES(get_mechanism_info, get_mechanism_info),
      .handle = rpc_mechanism_info,
      .roles = ANYBODY,
      .place = RPC_ON_CORE },
    { .path = PATH(SERVICE "CreateObject"),
      MESSAGES(create_object, create_object),
      .handle = rpc_create_object,
      .operation = "create_object",
      .roles = USER,
      .place = RPC_ON_SESSION },
    { .path = PATH(SERVICE "SetAttributeValue"),
      MESSAGES(set_attribute_value, set_attribute_value),
      .handle = rpc_set_attributes,
      .operation = "set_attribute",
      .roles = USER,
      .place = RPC_ON_SESSION },
    { .path = PATH(SERVICE "EncapsulateKey"),
      MESSAGES(encapsulate_key, encapsulate_key),
      .handle = rpc_encapsulate,
      .operation = "encapsulate",
      .roles = USER,
      .place = RPC_ON_SESSION },
    { .path = PATH(SERVICE "DecapsulateKey"),
      MESSAGES(decapsulate_key, decapsulate_key),
      .handle = rpc_decapsulate,
      .operation = "decapsulate",
      .roles = USER,
      .place = RPC_ON_SESSION },
    { .path = PATH(SERVICE "MessageEncrypt"),
      MESSAGES(message_encrypt, message_encrypt),
      .handle = rpc_message_encrypt,
      .operation = "encrypt",
      .roles = USER,
      .place = RPC_ON_SESSION },
    { .path = PATH(SERVICE "MessageDecrypt"),
      MESSAGES(message_decrypt, message_decrypt),
      .handle = rpc_message_decrypt,
      .operation = "decrypt",
      .roles = USER,
      .place = RPC_ON_SESSION },
    { .path = PATH(SERVICE "SignWith"),
      MESSAGES(sign_with, sign_with),
      .handle = rpc_sign_with,
      .operation = "sign",
      .roles = USER,
      .place = RPC_ON_CLIENT },
    { .path = PATH(SERVICE "SignStream"),
      MESSAGES(stream, sign),
      .handle = rpc_sign_stream,
      .operation = "sign",
      .roles = USER,
      .kind = RPC_STREAM,
      .place = RPC_ON_SESSION,
      .end = rpc_stream_end,
      .session_of = rpc_stream_session },
    { .path = PATH(SERVICE "VerifyStream"),
      MESSAGES(stream, verify),
      .handle = rpc_verify_stream,
      .operation = "verify",
      .roles = USER,
      .kind = RPC_STREAM,
      .place = RPC_ON_SESSION,
      .end = rpc_stream_end,
      .session_of = rpc_stream_session },
    { .path = PATH(SERVICE "DigestStream"),
      MESSAGES(stream, digest),
      .handle = rpc_digest_stream,
      .operation = "digest",
      .roles = USER,
      .kind = RPC_STREAM,
      .place = RPC_ON_SESSION,
      .end = rpc_stream_end,
      .session_of = rpc_stream_session },
    { .path = PATH(SERVICE "EncryptStream"),
      MESSAGES(stream, stream),
      .handle = rpc_encrypt_stream,
      .operation = "encrypt",
      .roles = USER,
      .kind = RPC_STREAM,
      .place = RPC_ON_SESSION,
      .end = rpc_stream_end,
      .session_of = rpc_stream_session },
    { .path = PATH(SERVICE "DecryptStream"),
      MESSAGES(stream, stream),
      .handle = rpc_decrypt_stream,
      .operation = "decrypt",
      .roles = USER,
      .kind = RPC_STREAM,
      .place = RPC_ON_SESSION,
      .end = rpc_stream_end,
      .session_of = rpc_stream_session },

    { .path = PATH(SERVICE "ReadAudit"),
      MESSAGES(read_audit, read_audit),
      .handle = rpc_read_audit,
      .operation = "read_audit",
      .roles = AUDITOR,
      .place = RPC_ON_CORE,
      .lane = POOL_SLOW },
    { .path = PATH(SERVICE "VerifyAudit"),
      MESSAGES(verify_audit, verify_audit),
      .handle = rpc_verify_audit,
      .operation = "verify_audit",
      .roles = AUDITOR,
      .place = RPC_ON_CORE,
      .lane = POOL_SLOW },

    { .path = PATH("/grpc.health.v1.Health/Check"),
      .request = &grpc__health__v1__health_check_request__descriptor,
      .response = &grpc__health__v1__health_check_response__descriptor,
      .handle = rpc_health_check,
      .roles = ANYBODY,
      .place = RPC_IN_LOOP },
    { .path = PATH("/grpc.health.v1.Health/Watch"),
      .request = &grpc__health__v1__health_check_request__descriptor,
      .response = &grpc__health__v1__health_check_response__descriptor,
      .handle = rpc_health_check,
      .roles = ANYBODY,
      .kind = RPC_WATCH,
      .place = RPC_IN_LOOP },
    { .path = PATH("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"),
      .request = &grpc__reflection__v1__server_reflection_request__descriptor,
      .response = &grpc__reflection__v1__server_reflection_response__descriptor,
      .handle = rpc_reflect,
      .roles = ANYBODY,
      .kind = RPC_STREAM,
      .place = RPC_IN_LOOP },
    { .path = PATH("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"),
      .request = &grpc__reflection__v1__server_reflection_request__descriptor,
      .response = &grpc__reflection__v1__server_reflection_response__descriptor,
      .handle = rpc_reflect,
      .roles = ANYBODY,
      .kind = RPC_STREAM,
      .place = RPC_IN_LOOP },
};

const rpc_method *rpc_table(size_t *out_count)
{
    *out_count = HSM_ARRAY_LEN(methods);
    return methods;
}

const rpc_method *rpc_find(hsm_bytes path)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(methods); i++) {
        if (hsm_bytes_equal(path, hsm_bytes_of(methods[i].path, methods[i].path_len)))
            return &methods[i];
    }
    return NULL;
}

bool rpc_is_operation(const char *name)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(methods); i++) {
        if (methods[i].operation != NULL && strcmp(methods[i].operation, name) == 0)
            return true;
    }
    return false;
}

/* A field of a message by name; NULL: the message has none. */
static const void *field_of(const ProtobufCMessage *message, const char *name)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(message->descriptor, name);

    return field == NULL ? NULL : (const char *)message + field->offset;
}

uint64_t rpc_session_of(const rpc_method *method, const void *request)
{
    const uint64_t *handle = NULL;

    if (method->session_of != NULL)
        return method->session_of(request);
    handle = field_of(request, "session_handle");
    return handle != NULL ? *handle : 0;
}

static bool is_slow(const CratonHsm__Mechanism *mechanism)
{
    hsm_mechanism_facts facts;

    return mechanism != NULL &&
           hsm_core_mechanism_facts((CK_MECHANISM_TYPE)mechanism->mechanism_type, &facts) ==
               HSM_OK &&
           facts.is_slow;
}

pool_lane rpc_lane_of(const rpc_method *method, const void *request)
{
    const ProtobufCBinaryData *pin = field_of(request, "pin");
    CratonHsm__Mechanism *const *mechanism = field_of(request, "mechanism");

    if ((mechanism != NULL && is_slow(*mechanism)) || (pin != NULL && pin->len > 0))
        return POOL_SLOW;
    return method->lane;
}

bool rpc_mechanism_of(const void *request, uint64_t *out_mechanism)
{
    CratonHsm__Mechanism *const *mechanism = field_of(request, "mechanism");

    if (mechanism == NULL || *mechanism == NULL)
        return false;
    *out_mechanism = (*mechanism)->mechanism_type;
    return true;
}

size_t rpc_request_max(const rpc_method *method, size_t configured)
{
    return method->kind == RPC_STREAM && RPC_PART_MAX_BYTES < configured ? RPC_PART_MAX_BYTES
                                                                         : configured;
}
