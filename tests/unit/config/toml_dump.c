/* Reads documents from standard input, each after its length on a line of its own, and answers each
 * with a line of JSON: its values, or ["error"]. For check_toml.py. Strings are in hexadecimal.
 * SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/toml.h"

static void print_hex(const char *text, size_t len)
{
    putchar('"');
    for (size_t i = 0; i < len; i++)
        printf("%02x", (unsigned)(unsigned char)text[i]);
    putchar('"');
}

static void print_children(const hsm_toml_node *node);

static void print_value(const hsm_toml_node *node)
{
    switch (node->type) {
    case HSM_TOML_STRING:
        printf("[\"string\",");
        print_hex(node->text, node->text_len);
        break;
    case HSM_TOML_INTEGER:
        printf("[\"integer\",%" PRId64, node->integer);
        break;
    case HSM_TOML_FLOAT:
        printf("[\"float\",");
        print_hex(node->text, node->text_len);
        break;
    case HSM_TOML_BOOLEAN:
        printf("[\"boolean\",%s", node->boolean ? "true" : "false");
        break;
    case HSM_TOML_DATE_TIME:
        printf("[\"date\",");
        print_hex(node->text, node->text_len);
        break;
    case HSM_TOML_ARRAY:
        printf("[\"array\",[");
        print_children(node);
        putchar(']');
        break;
    case HSM_TOML_TABLE:
        printf("[\"table\",{");
        print_children(node);
        putchar('}');
        break;
    }
    putchar(']');
}

static void print_children(const hsm_toml_node *node)
{
    for (const hsm_toml_node *child = node->first; child != NULL; child = child->next) {
        if (child->key != NULL) {
            print_hex(child->key, child->key_len);
            putchar(':');
        }
        print_value(child);
        if (child->next != NULL)
            putchar(',');
    }
}

int main(void)
{
    unsigned long len = 0;

    while (scanf("%lu", &len) == 1 && getchar() == '\n' && len <= HSM_TOML_MAX_BYTES) {
        hsm_toml_node *root = NULL;
        hsm_toml_error error = { 0 };
        uint8_t *text = malloc(len > 0 ? len : 1);

        if (text == NULL || fread(text, 1, len, stdin) != len)
            return 1;

        const hsm_err err = hsm_toml_parse(hsm_bytes_of(text, len), &root, &error);
        if (err == HSM_OK)
            print_value(root);
        else
            printf("[\"error\",%u,%u]", error.line, error.column);
        putchar('\n');
        hsm_toml_destroy(root);
        free(text);
    }
    return 0;
}
