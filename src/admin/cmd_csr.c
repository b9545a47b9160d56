/* csr: a certificate request for a key in the token.
 * SPDX-License-Identifier: Apache-2.0 */
#include "admin/cmd_key.h"
#include "base/handle.h"
#include "core/request.h"

static hsm_err explain(hsm_admin *admin, hsm_err err)
{
    switch ((int)err) {
    case HSM_OK:
        return err;
    case HSM_E_DATA:
    case HSM_E_LIMIT:
        hsm_admin_hint(admin, "--subject \"CN=a.example,O=Some Company,C=CH\" "
                              "--san DNS:a.example,IP:192.0.2.1,EMAIL:a@b.example,URI:...");
        return hsm_admin_fail(admin, HSM_E_ARG, "the subject or the alternative names");
    case HSM_E_KEY_TYPE:
        return hsm_admin_fail(admin, err, "keys of this kind sign no requests");
    case HSM_E_ATTRIBUTE_TYPE:
        return hsm_admin_fail(admin, err, "the key does not know its public half");
    default:
        return hsm_admin_fail(admin, err, "signing the request");
    }
}

static hsm_err run_csr(hsm_admin *admin)
{
    HSM_AUTO(hsm_admin_objects_end) hsm_admin_objects objects = { 0 };
    HSM_AUTO(hsm_buf_clear) hsm_buf der = { 0 };
    hsm_core_request request = { .key = HSM_HANDLE_NONE,
                                 .subject = hsm_admin_text(admin, "subject"),
                                 .alt_names = hsm_admin_text(admin, "san") };

    if (!hsm_admin_is_given(admin, "handle") && !hsm_admin_is_given(admin, "label") &&
        !hsm_admin_is_given(admin, "id"))
        return hsm_admin_fail(admin, HSM_E_ARG, "name the key: --handle, --label or --id");
    HSM_TRY(hsm_admin_objects_begin(admin, &objects));
    HSM_TRY(hsm_admin_select_class(admin, &objects, "private", &request.key));
    HSM_TRY(explain(admin, hsm_core_make_request(admin->core, objects.session, &request, &der)));
    return hsm_admin_deliver_der(admin, hsm_buf_view(&der), "CERTIFICATE REQUEST");
}

static const hsm_admin_option csr_options[] = {
    HSM_ADMIN_OPTIONS_NAME,
    { .name = "subject",
      .value = "DN",
      .help = "\"CN=a.example,O=Some Company,C=CH\"",
      .kind = HSM_ADMIN_TEXT,
      .is_required = true },
    { .name = "san",
      .value = "LIST",
      .help = "alternative names: DNS:a.example,IP:192.0.2.1,EMAIL:a@b.example,URI:...",
      .kind = HSM_ADMIN_TEXT },
    HSM_ADMIN_OPTIONS_OUTPUT,
    HSM_ADMIN_OPTIONS_LOGIN,
    { .name = NULL },
};

static const hsm_admin_command csr_commands[] = {
    {
        .name = "",
        .summary = "make a certificate request (PKCS#10) signed by a private key",
        .text =
            "The private key is the one that --handle, --label or --id name; it never leaves. "
            "The\nsubject is written as RFC 4514 does, the most specific part first; a backslash "
            "goes\nbefore a comma that belongs to a value.",
        .options = csr_options,
        .run = run_csr,
    },
};

const hsm_admin_group hsm_admin_csr_group = {
    .name = "csr",
    .summary = "make a certificate request",
    .commands = csr_commands,
    .command_count = HSM_ARRAY_LEN(csr_commands),
};
