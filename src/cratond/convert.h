/* Messages to what the core takes, and back.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRATOND_CONVERT_H
#define HSM_CRATOND_CONVERT_H

#include "core/core.h"
#include "cratond/rpc.h"
#include <craton_hsm.pb-c.h>

/* A mechanism with the structure that its parameter is, built here: pointers that a caller sends are
 * never followed. Borrows from the message. */
typedef struct wire_mechanism {
    CK_MECHANISM view;
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
    } params;
    CK_RSA_PKCS_OAEP_PARAMS inner; /* that rsa_aes points to */
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
 * template may be made. errors HSM_E_KEY_HANDLE, HSM_E_ACTION_PROHIBITED */
HSM_MUST_USE hsm_err wire_may_use(rpc_context *context, hsm_session *session,
                                  CK_OBJECT_HANDLE handle);
HSM_MUST_USE hsm_err wire_may_make(const rpc_context *context, const hsm_template *tmpl);
/* The same for a second key, which a derivation's parameter names.
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
