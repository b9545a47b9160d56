/* What the tests of the C ABI share: loading the module, a token of its own for each test, and
 * short ways to write templates.
 *
 * The module's path is in CRATON_HSM_MODULE. It may be another PKCS#11 module, to compare: nothing
 * here is specific to ours but the configuration that is written beside the other's. */
#ifndef ABI_SUPPORT_H
#define ABI_SUPPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#include "pkcs11/pkcs11.h"
#include "support/check.h"

#define SO_PIN "so-pin-1234"
#define USER_PIN "user-pin-1234"
#define OTHER_PIN "other-pin-1234"
#define TOKEN_LABEL "abi test token"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* The module's functions; loaded by module_load(), which every fixture calls. */
extern CK_FUNCTION_LIST *p11;
/* The 3.2 list, or NULL where the module has none. */
extern CK_FUNCTION_LIST_3_2 *p11_3;
/* Loads once; ends the process if that fails. */
void module_load(void);
/* An exported symbol, or NULL. */
void *module_symbol(const char *name);
/* The handle of dlopen(). */
void *module_handle(void);
/* Whether it is our module, and not another one for comparison. */
bool module_is_ours(void);

/* A token in a directory of its own, initialised, with both PINs. */
typedef struct fixture {
    char dir[64]; /* fixture_place is short */
    CK_SLOT_ID slot;
    CK_SESSION_HANDLE session; /* read-write; the user is logged in */
    bool is_ready;
} fixture;

/* More lines for the configuration of the fixtures that follow; NULL: none. */
extern const char *fixture_settings;
/* Where their directories are made; NULL: /tmp. */
extern const char *fixture_place;
/* A place for what need not outlive a loss of power: a file system in memory, if there is one. */
const char *place_in_memory(void);

/* Directory and configuration only; the library is not initialised. */
fixture fixture_prepare(void);
/* All of it. */
fixture fixture_start(void);
/* Finalises and removes the directory. */
void fixture_stop(fixture *fix);

/* Declares a fixture that is stopped when the test function ends. */
#define FIXTURE(name)                                                      \
    __attribute__((cleanup(fixture_stop))) fixture name = fixture_start(); \
    REQUIRE_THAT(name.is_ready)
#define FIXTURE_PREPARED(name) \
    __attribute__((cleanup(fixture_stop))) fixture name = fixture_prepare()

/* The first slot with a token, after C_Initialize. */
CK_SLOT_ID first_slot(void);
/* A new session; CK_INVALID_HANDLE when it can't be opened. */
CK_SESSION_HANDLE open_session(const fixture *fix, bool is_rw);
CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user, const char *pin);

/* A text as the standard's functions take it. */
static inline CK_UTF8CHAR *utf8(const char *text)
{
    return (CK_UTF8CHAR *)(uintptr_t)text;
}

/* A template being written. */
#define TEMPLATE_MAX 24
typedef struct attrs {
    CK_ATTRIBUTE at[TEMPLATE_MAX];
    CK_ULONG count;
    CK_ULONG ulongs[TEMPLATE_MAX];
    CK_BBOOL bools[TEMPLATE_MAX];
} attrs;
void put_bool(attrs *tmpl, CK_ATTRIBUTE_TYPE type, bool value);
void put_ulong(attrs *tmpl, CK_ATTRIBUTE_TYPE type, CK_ULONG value);
/* Borrowed. */
void put_bytes(attrs *tmpl, CK_ATTRIBUTE_TYPE type, const void *value, size_t len);
void put_text(attrs *tmpl, CK_ATTRIBUTE_TYPE type, const char *text);

/* Objects; CK_INVALID_HANDLE (and a failed check) when they can't be made. */
CK_OBJECT_HANDLE import_secret(CK_SESSION_HANDLE session, CK_KEY_TYPE type, const void *value,
                               size_t len);
CK_OBJECT_HANDLE generate_aes(CK_SESSION_HANDLE session, CK_ULONG bytes, bool is_token,
                              const char *label);
/* A key pair for every use its type has. params: DER of CKA_EC_PARAMS, or NULL for RSA. */
typedef struct pair {
    CK_OBJECT_HANDLE public_key;
    CK_OBJECT_HANDLE private_key;
} pair;
typedef struct pair_kind {
    CK_MECHANISM_TYPE mechanism;
    const uint8_t *params;
    size_t params_len;
    CK_ULONG rsa_bits;
    bool can_sign;
    bool can_derive;
} pair_kind;
extern const pair_kind rsa_2048, p_256, p_384, ed_25519, x_25519;
pair generate_pair(CK_SESSION_HANDLE session, const pair_kind *kind, bool is_token,
                   const char *label);
CK_OBJECT_HANDLE create_data(CK_SESSION_HANDLE session, bool is_token, bool is_private,
                             const char *label);

/* The mechanism of CKK_DH or CKK_X9_42_DH that agrees with the other side's public value. X9.42's
 * parameter is put into room. */
CK_MECHANISM dh_agreement(CK_KEY_TYPE type, void *peer, CK_ULONG len,
                          CK_X9_42_DH1_DERIVE_PARAMS *room);

/* Objects that match; SIZE_MAX when the search fails. */
size_t find_all(CK_SESSION_HANDLE session, attrs *tmpl, CK_OBJECT_HANDLE *found, size_t max);
size_t find_label(CK_SESSION_HANDLE session, const char *label, CK_OBJECT_HANDLE *found,
                  size_t max);
/* An attribute's value; its length, or SIZE_MAX. */
size_t get_attr(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                void *value, size_t room);
/* The answer of asking for one attribute. */
CK_RV ask_attr(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type);
bool get_bool(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type);

/* Lines of the fixture's audit log that have both words. */
int audit_lines_with(const fixture *fix, const char *first, const char *second);

/* Writes and reads files of a fixture's directory; whether that worked. */
bool write_file(const fixture *fix, const char *name, const void *data, size_t len);
/* Runs a shell command in the directory; whether it ended with status 0. */
bool run_command(const fixture *fix, const char *command);
bool has_command(const char *name);

/* Bytes from hexadecimal digits (spaces allowed); the number of bytes. */
size_t from_hex(const char *hex, uint8_t *out, size_t room);

/* Calls child(arg) in a forked process and gives its exit status: child()'s result, or -1 if it died
 * otherwise. A check in the child that fails makes the status non-zero. */
int in_child(int (*child)(void *arg), void *arg);
/* The same in two parts. */
pid_t begin_child(int (*child)(void *arg), void *arg);
int wait_for_child(pid_t pid);
/* The same in a new process: this program again, with one argument that names the role (see
 * ROLE_MAIN) and the fixture's directory. */
int in_new_process(const char *role, const fixture *fix);

/* A function that another process of this program runs. */
typedef struct process_role {
    const char *name;
    int (*run)(const fixture *fix);
} process_role;
/* main() of a program with roles. */
int role_main(const process_role *roles, size_t role_count, const check_test *tests,
              size_t test_count, int argc, char **argv);

#endif
