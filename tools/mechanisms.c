/* Prints docs/mechanisms.md: the mechanism table for users.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "crypto/mech.h"

static const struct {
    hsm_op_set ops;
    const char *text;
} columns[] = {
    { HSM_OP_ENCRYPT | HSM_OP_DECRYPT, "encrypt" },
    { HSM_OP_MESSAGE_ENCRYPT | HSM_OP_MESSAGE_DECRYPT, "encrypt messages" },
    { HSM_OP_SIGN | HSM_OP_VERIFY, "sign" },
    { HSM_OP_MESSAGE_SIGN | HSM_OP_MESSAGE_VERIFY, "sign messages" },
    { HSM_OP_SIGN_RECOVER | HSM_OP_VERIFY_RECOVER, "recover" },
    { HSM_OP_DIGEST, "digest" },
    { HSM_OP_GENERATE | HSM_OP_GENERATE_PAIR, "generate" },
    { HSM_OP_WRAP | HSM_OP_UNWRAP, "wrap" },
    { HSM_OP_DERIVE, "derive" },
    { HSM_OP_ENCAPSULATE | HSM_OP_DECAPSULATE, "encapsulate" },
};

static void print_row(const hsm_mech *mech)
{
    static const char *const approvals[] = {
        [HSM_NOT_APPROVED] = "no",
        [HSM_APPROVED] = "yes",
        [HSM_APPROVED_DATA] = "yes, but to wrap",
        [HSM_APPROVED_LEGACY] = "old data only",
    };
    const unsigned unit = mech->is_size_in_bytes ? 8 : 1;
    const char *separator = "";

    (void)printf("| `CKM_%s` | ", mech->name);
    for (size_t i = 0; i < HSM_ARRAY_LEN(columns); i++) {
        if ((mech->ops & columns[i].ops) != 0) {
            (void)printf("%s%s", separator, columns[i].text);
            separator = ", ";
        }
    }
    if (mech->key_max_bits > 0)
        (void)printf(" | %u to %u %s", mech->key_min_bits / unit, mech->key_max_bits / unit,
                     mech->is_size_in_bytes ? "bytes" : "bits");
    else
        (void)printf(" | -");
    (void)printf(" | %s | %s | %s |\n", mech->is_multi_part ? "yes" : "no",
                 approvals[mech->approval], mech->source);
}

int main(void)
{
    size_t count = 0;
    const hsm_mech *rows = hsm_mech_table(&count);

    (void)printf("# Mechanisms\n\n"
                 "%zu rows, printed from the table by `tools/mechanisms.c`; do not edit. *Encrypt* "
                 "means decrypt as well, and\nso on. *Approved*: usable with "
                 "`algorithms.fips_approved_only`; *old data only* means to verify, decrypt\nand "
                 "unwrap. The conditions are in [approved-mode.md](approved-mode.md). "
                 "`CKM_CRATON_...` are vendor numbers (`include/pkcs11/pkcs11_craton.h`).\n\n"
                 "Limits that OpenSSL sets: AES-GCM takes initialization vectors of 1 to 128 bytes "
                 "(SP 800-38D allows more).\n\n"
                 "| mechanism | for | key size | in parts | approved | defined by |\n"
                 "| --- | --- | --- | --- | --- | --- |\n",
                 count);
    for (size_t i = 0; i < count; i++)
        print_row(&rows[i]);
    return 0;
}
