/* The handlers of all methods, by file. Each fills its response and returns the call's error; none of
 * them decides anything that the core should.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRATOND_HANDLERS_H
#define HSM_CRATOND_HANDLERS_H

#include "cratond/rpc.h"

#define RPC_HANDLER(name) \
    HSM_MUST_USE hsm_err name(rpc_context *context, const void *request, void *response)

/* health.c */
RPC_HANDLER(rpc_health_check);
/* reflection.c */
RPC_HANDLER(rpc_reflect);
/* rpc_info.c */
RPC_HANDLER(rpc_daemon_health);
RPC_HANDLER(rpc_list_slots);
RPC_HANDLER(rpc_mechanism_list);
RPC_HANDLER(rpc_mechanism_info);
RPC_HANDLER(rpc_token_info);
RPC_HANDLER(rpc_random);
/* rpc_audit.c */
RPC_HANDLER(rpc_read_audit);
RPC_HANDLER(rpc_verify_audit);
/* rpc_session.c */
RPC_HANDLER(rpc_open_session);
RPC_HANDLER(rpc_close_session);
RPC_HANDLER(rpc_login);
RPC_HANDLER(rpc_logout);
RPC_HANDLER(rpc_init_token);
RPC_HANDLER(rpc_init_pin);
RPC_HANDLER(rpc_set_pin);
/* rpc_object.c */
RPC_HANDLER(rpc_create_object);
RPC_HANDLER(rpc_copy_object);
RPC_HANDLER(rpc_destroy_object);
RPC_HANDLER(rpc_find_objects);
RPC_HANDLER(rpc_get_attributes);
RPC_HANDLER(rpc_set_attributes);
/* rpc_key.c */
RPC_HANDLER(rpc_generate_key);
RPC_HANDLER(rpc_generate_pair);
RPC_HANDLER(rpc_wrap_key);
RPC_HANDLER(rpc_unwrap_key);
RPC_HANDLER(rpc_derive_key);
RPC_HANDLER(rpc_encapsulate);
RPC_HANDLER(rpc_decapsulate);
/* rpc_crypt.c */
RPC_HANDLER(rpc_sign);
RPC_HANDLER(rpc_verify);
RPC_HANDLER(rpc_encrypt);
RPC_HANDLER(rpc_decrypt);
RPC_HANDLER(rpc_digest);
RPC_HANDLER(rpc_sign_with);
/* rpc_message.c */
RPC_HANDLER(rpc_message_encrypt);
RPC_HANDLER(rpc_message_decrypt);
/* rpc_stream.c */
RPC_HANDLER(rpc_sign_stream);
RPC_HANDLER(rpc_verify_stream);
RPC_HANDLER(rpc_digest_stream);
RPC_HANDLER(rpc_encrypt_stream);
RPC_HANDLER(rpc_decrypt_stream);
void rpc_stream_end(rpc_context *context);
uint64_t rpc_stream_session(const void *request);

#endif
