/* Keys that go between the module and the openssl command: files of a fixture's directory, PKCS#8 for
 * private keys, SubjectPublicKeyInfo for public ones.
 *
 * The command is the one in CRATON_HSM_OPENSSL, of 3.5 or later. */
#ifndef INTEROP_OPENSSL_CROSS_H
#define INTEROP_OPENSSL_CROSS_H

#include "abi/support.h"

#define CROSS_ROOM 60000 /* the largest signature has 49856 bytes */
#define MESSAGE "a message that both of them are asked about"
#define MESSAGE_LEN (sizeof MESSAGE - 1)

/* A kind of key: how ours is told to make one, and how openssl. */
typedef struct cross_kind {
    const char *label;
    const char *genpkey;
    CK_MECHANISM_TYPE gen;
    CK_KEY_TYPE type;
    CK_ULONG set;       /* CKA_PARAMETER_SET, or the bits of a modulus */
    const char *params; /* CKA_EC_PARAMS, in hexadecimal */
    size_t number_len;  /* ECDSA: bytes of r and of s */
    bool can_sign;
    bool can_derive;
    bool can_decrypt;
    bool has_forms; /* seed, expanded and both (RFC 9881, RFC 9935) */
} cross_kind;

/* The kind of that label. */
const cross_kind *cross_kind_of(const char *label);
extern const cross_kind cross_kinds[];
extern const size_t cross_kind_count;

/* Runs openssl with these arguments, in the fixture's directory; whether it ended well. */
__attribute__((format(printf, 2, 3))) bool cross_openssl(const fixture *fix, const char *format,
                                                         ...);
/* A file of the fixture's directory; its length, or SIZE_MAX. */
size_t cross_read(const fixture *fix, const char *name, void *out, size_t room);
/* Whether two files are alike. */
bool cross_same(const fixture *fix, const char *one, const char *other);

/* An extractable pair made here. */
pair cross_generate(const fixture *fix, const cross_kind *kind);
/* NAME.key by openssl, with its public half in NAME.pub, both DER. */
bool cross_genpkey(const fixture *fix, const cross_kind *kind, const char *name);
/* NAME.key in the token, by C_UnwrapKey; the public key is made of the private one. */
pair cross_import(const fixture *fix, const cross_kind *kind, const char *name);
/* A pair of the token to NAME.key and NAME.pub, by C_WrapKey and CKA_PUBLIC_KEY_INFO. */
bool cross_export(const fixture *fix, const pair *keys, const char *name);

#endif
