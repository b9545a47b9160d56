/* Prints docs/approved-mode.md: the text in docs/approved-mode.in.md, given on standard input, with
 * the table in the place of the line "@TABLE@".
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "crypto/approval.h"

#define LINE_MAX_BYTES 512

static const struct {
    hsm_op op;
    const char *text;
} operations[] = {
    { HSM_OP_ENCRYPT, "encrypt" },
    { HSM_OP_DECRYPT, "decrypt" },
    { HSM_OP_DIGEST, "digest" },
    { HSM_OP_SIGN, "sign" },
    { HSM_OP_VERIFY, "verify" },
    { HSM_OP_SIGN_RECOVER, "sign recover" },
    { HSM_OP_VERIFY_RECOVER, "verify recover" },
    { HSM_OP_GENERATE, "generate" },
    { HSM_OP_GENERATE_PAIR, "generate" },
    { HSM_OP_WRAP, "wrap" },
    { HSM_OP_UNWRAP, "unwrap" },
    { HSM_OP_DERIVE, "derive" },
    { HSM_OP_ENCAPSULATE, "encapsulate" },
    { HSM_OP_DECAPSULATE, "decapsulate" },
    { HSM_OP_MESSAGE_ENCRYPT, "encrypt messages" },
    { HSM_OP_MESSAGE_DECRYPT, "decrypt messages" },
    { HSM_OP_MESSAGE_SIGN, "sign messages" },
    { HSM_OP_MESSAGE_VERIFY, "verify messages" },
};

/* The operations of a row that are approved, or those that are not. */
static void print_operations(const hsm_mech *mech, bool are_approved)
{
    const char *separator = "";

    for (size_t i = 0; i < HSM_ARRAY_LEN(operations); i++) {
        const hsm_op op = operations[i].op;

        if ((mech->ops & op) == 0 || (hsm_approval_of_row(mech, op) == HSM_OK) != are_approved)
            continue;
        (void)printf("%s%s", separator, operations[i].text);
        separator = ", ";
    }
    if (*separator == '\0')
        (void)printf("-");
}

static void print_table(void)
{
    size_t count = 0;
    const hsm_mech *rows = hsm_mech_table(&count);

    (void)printf("| mechanism | approved to | not approved to | condition | defined by |\n"
                 "| --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < count; i++) {
        const char *text = hsm_approval_text(rows[i].alg);
        const bool is_approved = rows[i].approval != HSM_NOT_APPROVED;

        (void)printf("| `CKM_%s` | ", rows[i].name);
        print_operations(&rows[i], true);
        (void)printf(" | ");
        print_operations(&rows[i], false);
        (void)printf(" | %s | %s |\n", is_approved && text != NULL ? text : "-", rows[i].source);
    }
}

int main(void)
{
    char line[LINE_MAX_BYTES];

    while (fgets(line, sizeof line, stdin) != NULL) {
        if (strcmp(line, "@TABLE@\n") == 0)
            print_table();
        else
            (void)fputs(line, stdout);
    }
    return 0;
}
