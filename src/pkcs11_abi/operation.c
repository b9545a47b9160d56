/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11_abi/operation.h"

#include <stdlib.h>

#include "pkcs11_abi/abi.h"
#include "pkcs11_abi/args.h"

CK_RV abi_op_init(CK_SESSION_HANDLE handle, hsm_op op, const void *mechanism, CK_OBJECT_HANDLE key)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    CK_MECHANISM copy;
    hsm_err err = hsm_core_session(core, handle, &session);
    if (err == HSM_OK && mechanism != NULL)
        err = abi_mechanism(mechanism, &copy);
    if (err == HSM_OK)
        err = hsm_core_op_init(core, session, op, mechanism == NULL ? NULL : &copy, key);
    return abi_rv(err);
}

CK_RV abi_op_single(CK_SESSION_HANDLE handle, hsm_op op, const abi_io *io)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    hsm_err err = hsm_core_session_go_on(core, handle, &session);
    if (err != HSM_OK)
        return abi_rv(err);

    hsm_bytes in;
    hsm_out out;
    if (!abi_in(io->in, io->in_len, &in) || !abi_out(io->out, io->out_len, &out))
        return abi_rv(hsm_core_abort(session, op, HSM_E_ARG)); /* an error ends the operation */

    err = hsm_core_op_single(core, session, op, in, &out);
    return abi_out_done(err, &out, io->out_len);
}

CK_RV abi_op_update(CK_SESSION_HANDLE handle, hsm_op op, const abi_io *io)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    hsm_err err = hsm_core_session(core, handle, &session);
    if (err != HSM_OK)
        return abi_rv(err);

    hsm_bytes in;
    hsm_out out;
    if (!abi_in(io->in, io->in_len, &in) || !abi_out(io->out, io->out_len, &out))
        return abi_rv(hsm_core_abort(session, op, HSM_E_ARG));

    err = hsm_core_op_update(core, session, op, in, &out);
    return abi_out_done(err, &out, io->out_len);
}

CK_RV abi_op_feed(CK_SESSION_HANDLE handle, hsm_op op, const void *in, CK_ULONG in_len)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    hsm_err err = hsm_core_session(core, handle, &session);
    if (err != HSM_OK)
        return abi_rv(err);

    hsm_bytes part;
    if (!abi_in(in, in_len, &part))
        return abi_rv(hsm_core_abort(session, op, HSM_E_ARG));
    return abi_rv(hsm_core_op_update(core, session, op, part, NULL));
}

CK_RV abi_op_final(CK_SESSION_HANDLE handle, hsm_op op, void *out, void *out_len)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    hsm_err err = hsm_core_session(core, handle, &session);
    if (err != HSM_OK)
        return abi_rv(err);

    hsm_out room;
    if (!abi_out(out, out_len, &room))
        return abi_rv(hsm_core_abort(session, op, HSM_E_ARG));

    err = hsm_core_op_final(core, session, op, &room);
    return abi_out_done(err, &room, out_len);
}

/* The plaintext that goes in, kept where the output would overwrite it before it is digested or
 * signed. */
typedef struct kept_input {
    uint8_t *copy; /* NULL while the caller's own will do */
    size_t len;
} kept_input;

static void wipe_kept(kept_input *kept)
{
    if (kept->copy != NULL)
        explicit_bzero(kept->copy, kept->len);
    free(kept->copy);
    kept->copy = NULL;
}

static hsm_err keep_input(const abi_dual *ops, const hsm_out *out, hsm_bytes *in, kept_input *kept)
{
    if (ops->cipher != HSM_OP_ENCRYPT || in->len == 0 || out->data == NULL ||
        !hsm_bytes_overlap(*in, hsm_bytes_of(out->data, out->cap)))
        return HSM_OK;
    kept->copy = malloc(in->len);
    HSM_CHECK(kept->copy != NULL, HSM_E_NO_MEMORY);
    kept->len = in->len;
    (void)memcpy(kept->copy, in->data, in->len);
    in->data = kept->copy;
    return HSM_OK;
}

static hsm_err process_both(hsm_core *core, hsm_session *session, const abi_dual *ops, hsm_bytes in,
                            hsm_out *out)
{
    HSM_AUTO(wipe_kept) kept_input kept = { 0 };

    /* An empty part tells whether the other operation is open, before the cipher moves on. */
    HSM_TRY(hsm_core_op_update(core, session, ops->other, hsm_bytes_none(), NULL));
    HSM_TRY(keep_input(ops, out, &in, &kept));
    HSM_TRY(hsm_core_op_update(core, session, ops->cipher, in, out));
    if (out->data == NULL)
        return HSM_OK; /* only the length was asked for */
    return hsm_core_op_update(
        core, session, ops->other,
        ops->cipher == HSM_OP_ENCRYPT ? in : hsm_bytes_of(out->data, out->len), NULL);
}

/* Neither can go on without the other's part. */
static hsm_err abort_both(hsm_session *session, const abi_dual *ops, hsm_err err)
{
    (void)hsm_core_abort(session, ops->other, err);
    (void)hsm_core_abort(session, ops->cipher, err);
    return err;
}

CK_RV abi_op_dual(CK_SESSION_HANDLE handle, const abi_dual *ops, const abi_io *io)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    hsm_err err = hsm_core_session(core, handle, &session);
    if (err != HSM_OK)
        return abi_rv(err);

    hsm_bytes in;
    hsm_out out;
    if (!abi_in(io->in, io->in_len, &in) || !abi_out(io->out, io->out_len, &out))
        return abi_rv(abort_both(session, ops, HSM_E_ARG));

    err = process_both(core, session, ops, in, &out);
    if (err != HSM_OK && err != HSM_E_BUFFER_TOO_SMALL)
        return abi_rv(abort_both(session, ops, err));
    return abi_out_done(err, &out, io->out_len);
}
