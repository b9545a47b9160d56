/* Messages to what the core takes, and back.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRATOND_CONVERT_H
#define HSM_CRATOND_CONVERT_H

#include "core/core.h"
#include "core/remote.h"
#include "cratond/rpc.h"
#include <craton_hsm.pb-c.h>

/* protobuf-c's type for bytes to a pointer and a length of PKCS#11's. */
#define WIRE_PUT(from_bytes, to_pointer, to_len) \
    do {                                         \
        (to_pointer) = (from_bytes).data;        \
        (to_len) = (from_bytes).len;             \
    } while (0)

/* Pieces of what an SP 800-108 derivation's PRF is given, and keys that a parameter names. */
#define WIRE_PIECES_MAX 32u
#define WIRE_MORE_KEYS_MAX 15u
#define WIRE_NAMED_KEYS_MAX 8u
/* Bytes of an initialisation vector that a TLS derivation gives. */
#define WIRE_TLS_IV_MAX_BYTES 256u

/* What a parameter points to, or a derivation writes to. */
typedef union wire_room {
    CK_RSA_PKCS_OAEP_PARAMS oaep;
    struct {
        CK_PRF_DATA_PARAM pieces[WIRE_PIECES_MAX];
        union {
            CK_SP800_108_COUNTER_FORMAT counter;
            CK_SP800_108_DKM_LENGTH_FORMAT length;
        } formats[WIRE_PIECES_MAX];
        CK_DERIVED_KEY more_keys[WIRE_MORE_KEYS_MAX];
        CK_OBJECT_HANDLE more_handles[WIRE_MORE_KEYS_MAX];
        size_t more_count;
    } kbkdf;
    struct {
        CK_SSL3_KEY_MAT_OUT keys;
        CK_VERSION version;
        size_t iv_len;
        uint8_t client_iv[WIRE_TLS_IV_MAX_BYTES];
        uint8_t server_iv[WIRE_TLS_IV_MAX_BYTES];
    } tls;
} wire_room;

/* A mechanism with the structure that its parameter is, built here: pointers that a caller sends are
 * never followed. Borrows from the message. */
typedef struct wire_mechanism {
    CK_MECHANISM view;
    hsm_param_form form;
    size_t named_count; /* keys that a derivation's parameter names beside the base key */
    CK_OBJECT_HANDLE named[WIRE_NAMED_KEYS_MAX];
    union {
        CK_RSA_PKCS_PSS_PARAMS pss;
        CK_RSA_PKCS_OAEP_PARAMS oaep;
        CK_GCM_PARAMS gcm;
        CK_CCM_PARAMS ccm;
        CK_CHACHA20_PARAMS chacha20;
        CK_SALSA20_CHACHA20_POLY1305_PARAMS chacha_poly;
        CK_ECDH1_DERIVE_PARAMS ecdh;
        CK_HKDF_PARAMS hkdf;
        CK_EDDSA_PARAMS eddsa;
        CK_SIGN_ADDITIONAL_CONTEXT context;
        CK_HASH_SIGN_ADDITIONAL_CONTEXT hash_context;
        CK_AES_CTR_PARAMS ctr;
        CK_RSA_AES_KEY_WRAP_PARAMS rsa_aes;
        CK_ECDH_AES_KEY_WRAP_PARAMS ecdh_aes;
        CK_PKCS5_PBKD2_PARAMS2 pbkdf2;
        CK_KEY_DERIVATION_STRING_DATA string;
        CK_AES_CBC_ENCRYPT_DATA_PARAMS cbc;
        CK_X9_42_DH1_DERIVE_PARAMS x9_42;
        CK_SP800_108_KDF_PARAMS kbkdf;
        CK_SP800_108_FEEDBACK_KDF_PARAMS feedback;
        CK_TLS12_MASTER_KEY_DERIVE_PARAMS tls_master;
        CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS tls_extended;
        CK_TLS12_KEY_MAT_PARAMS tls_keys;
        CK_TLS_KDF_PARAMS tls_exporter;
        CK_IKE_PRF_DERIVE_PARAMS ike_prf;
        CK_IKE2_PRF_PLUS_DERIVE_PARAMS ike2_prf_plus;
        CK_IKE1_PRF_DERIVE_PARAMS ike1_prf;
        CK_IKE1_EXTENDED_DERIVE_PARAMS ike1_extended;
    } params;
    wire_room room; /* last, and written only where it is used: it is large */
} wire_mechanism;

/* errors  HSM_E_ARG (there is none), HSM_E_MECHANISM, HSM_E_MECHANISM_PARAM (raw bytes where the
 *         structure has pointers, or another one's typed parameter) */
HSM_MUST_USE hsm_err wire_mechanism_read(const CratonHsm__Mechanism *from, wire_mechanism *out);

/* A template; borrows from the message and from the call's memory.
 * errors  HSM_E_ARG (more than HSM_TEMPLATE_MAX_ATTRS), HSM_E_ATTRIBUTE_VALUE (a nested one that is
 *         none), HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err wire_template_read(rpc_context *context, size_t count,
                                        CratonHsm__Attribute *const *from, hsm_template *out);
/* An attribute's value into a message. */
HSM_MUST_USE hsm_err wire_attribute_write(rpc_context *context, CK_ATTRIBUTE_TYPE type,
                                          hsm_bytes value, bool is_template,
                                          CratonHsm__Attribute **out_attribute);

static inline hsm_bytes wire_bytes(ProtobufCBinaryData data)
{
    return hsm_bytes_of(data.data, data.len);
}

/* The rules for this client's keys: whether a key or an object may be used, and whether one with this
 * template may be made. The daemon's own key is only for who is given its label.
 * errors HSM_E_OBJECT_HANDLE, HSM_E_ACTION_PROHIBITED */
HSM_MUST_USE hsm_err wire_may_use(rpc_context *context, hsm_session *session,
                                  CK_OBJECT_HANDLE handle);
HSM_MUST_USE hsm_err wire_may_make(const rpc_context *context, const hsm_template *tmpl);
/* The same for other keys, which a derivation's parameter names.
 * errors HSM_E_OBJECT_HANDLE */
HSM_MUST_USE hsm_err wire_may_use_parameter(rpc_context *context, hsm_session *session,
                                            const wire_mechanism *mechanism);
/* Refuses by the client's rules: writes so in the audit log. errors HSM_E_ACTION_PROHIBITED, HSM_E_AUDIT */
HSM_MUST_USE hsm_err wire_refuse(const rpc_context *context, const char *what);
/* errors those of wire_refuse() */
HSM_MUST_USE hsm_err wire_may_slot(const rpc_context *context, uint64_t slot);
/* A handle as the core counts. */
static inline CK_OBJECT_HANDLE wire_handle(uint64_t handle)
{
    return handle <= (CK_ULONG)-1 ? (CK_OBJECT_HANDLE)handle : CK_INVALID_HANDLE;
}

#endif
