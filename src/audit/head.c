/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/head.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/ct.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/paths.h"
#include "os/self.h"

#define PAGE_BYTES 4096u
#define PLACE_BYTES 1920u
#define TIPS_AT ((size_t)2 * PLACE_BYTES)
#define LOST_AT (LATCH_AT - 8u)
#define LATCH_AT (PAGE_BYTES - 16u)
#define MARK_AT (PAGE_BYTES - 4u)
#define FORMAT 0x43414832u /* "CAH2" */
#define FORMAT_WITHOUT_TIPS \
    0x43414831u /* "CAH1": each entry had moved the head itself; only read */
#define MAC_BYTES HSM_SHA256_BYTES
#define BODY_AT 8u /* after u32 format and u32 length */
#define BODY_MIN_BYTES 16u
/* A tip: u64 serial of its head, u32 entries since then, u64 offset, link, HMAC over all that. One block of
 * SHA-256; that it begins with a zero byte tells it from heads and entries, whose key is the same. */
#define TIP_MACED_BYTES (8u + 4u + 8u + HSM_LINK_BYTES)
#define TIP_BYTES (TIP_MACED_BYTES + MAC_BYTES)
_Static_assert(TIPS_AT + (size_t)2 * TIP_BYTES <= LOST_AT,
               "the parts of the page lie one after the other");
/* How long a page that is being made is waited for. */
#define FILL_MS 10000u

/* What tips are ordered by. */
typedef struct tip_order {
    uint64_t serial;
    uint32_t more;
} tip_order;

struct hsm_head_page {
    int fd;
    hsm_hmac *mac;
    uint8_t *map;
    /* As read or written last: */
    unsigned newest;     /* place of the head */
    uint64_t count;      /* of the head's entries */
    unsigned newest_tip; /* place of the tip */
    tip_order order;     /* of that tip */
};

static hsm_err extend(int fd)
{
    static const uint8_t zeros[PAGE_BYTES];
    const off_t len = lseek(fd, 0, SEEK_END);

    HSM_CHECK(len >= 0, hsm_file_err(errno));
    if (len >= (off_t)PAGE_BYTES)
        return HSM_OK;
    HSM_CHECK(pwrite(fd, zeros, (size_t)(PAGE_BYTES - len), len) == (ssize_t)(PAGE_BYTES - len),
              hsm_file_err(errno == 0 ? ENOSPC : errno));
    HSM_CHECK(fsync(fd) == 0, hsm_file_err(errno));
    return HSM_OK;
}

/* A new file is filled before it is mapped: on a full disk a write through the mapping would be a
 * SIGBUS. One process at a time, or what one has written already would be filled over. */
static hsm_err fill(int fd)
{
    HSM_TRY(hsm_lock_acquire(fd, HSM_LOCK_EXCLUSIVE, hsm_clock_deadline_ns(FILL_MS)));
    const hsm_err err = extend(fd);
    hsm_lock_release(fd);
    return err;
}

hsm_err hsm_head_open(const char *path, hsm_hmac *mac, bool may_write, hsm_head_page **out_page)
{
    const int access = may_write ? O_RDWR | O_CREAT : O_RDONLY;
    HSM_AUTO(hsm_fd_drop) int fd = open(path, access | O_CLOEXEC | O_NOFOLLOW, 0600);

    HSM_CHECK(fd >= 0, hsm_file_err(errno));
    HSM_TRY(hsm_file_check_fd(fd, HSM_FILE_PRIVATE));
    if (may_write)
        HSM_TRY(fill(fd));
    HSM_CHECK(lseek(fd, 0, SEEK_END) >= (off_t)PAGE_BYTES, HSM_E_STORE_NOT_FOUND);
    hsm_head_page *page = calloc(1, sizeof *page);
    HSM_CHECK(page != NULL, HSM_E_NO_MEMORY);
    const int rights = PROT_READ | (may_write ? PROT_WRITE : 0);
    void *map = mmap(NULL, PAGE_BYTES, rights, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        free(page);
        return HSM_E_NO_MEMORY;
    }
    *page = (hsm_head_page){ .fd = fd, .mac = mac, .map = map };
    fd = -1;
    *out_page = page;
    return HSM_OK;
}

void hsm_head_close(hsm_head_page *page)
{
    if (page == NULL)
        return;
    (void)munmap(page->map, PAGE_BYTES);
    (void)close(page->fd);
    free(page);
}

/* --- one place -------------------------------------------------------------------------------- */

static uint8_t *place_of(const hsm_head_page *page, unsigned which)
{
    return page->map + (size_t)which * PLACE_BYTES;
}

static void encode(const hsm_head *head, hsm_writer *out)
{
    const hsm_chain_state *chain = &head->chain;

    hsm_write_u64(out, head->serial);
    hsm_write_u32(out, head->flags);
    hsm_write_raw(out, hsm_bytes_of(head->log_id, sizeof head->log_id));
    hsm_write_raw(out, hsm_bytes_of(head->boot_id, sizeof head->boot_id));
    hsm_write_u64(out, head->generation);
    hsm_write_u64(out, head->offset);
    hsm_write_u64(out, head->durable_count);
    hsm_write_u64(out, head->durable_offset);
    hsm_write_u32(out, head->files);
    for (size_t i = 0; i <= HSM_AUDIT_GENERATIONS; i++)
        hsm_write_u64(out, head->first[i]);
    hsm_write_u64(out, chain->count);
    hsm_write_u64(out, chain->timestamp);
    hsm_write_raw(out, hsm_bytes_of(chain->link, sizeof chain->link));
    hsm_write_u64(out, chain->interval_first);
    hsm_write_u32(out, chain->tree.count);
    for (unsigned level = 0; level < HSM_TREE_LEVELS; level++) {
        if ((chain->tree.count >> level & 1) != 0)
            hsm_write_raw(out, hsm_bytes_of(chain->tree.level[level], HSM_LINK_BYTES));
    }
}

static hsm_err decode(hsm_bytes body, hsm_head *out_head)
{
    hsm_reader in = hsm_reader_of(body);
    hsm_chain_state *chain = &out_head->chain;

    out_head->serial = hsm_read_u64(&in);
    out_head->flags = hsm_read_u32(&in);
    hsm_read_copy(&in, out_head->log_id, sizeof out_head->log_id);
    hsm_read_copy(&in, out_head->boot_id, sizeof out_head->boot_id);
    out_head->generation = hsm_read_u64(&in);
    out_head->offset = hsm_read_u64(&in);
    out_head->durable_count = hsm_read_u64(&in);
    out_head->durable_offset = hsm_read_u64(&in);
    out_head->files = hsm_read_u32(&in);
    for (size_t i = 0; i <= HSM_AUDIT_GENERATIONS; i++)
        out_head->first[i] = hsm_read_u64(&in);
    chain->count = hsm_read_u64(&in);
    chain->timestamp = hsm_read_u64(&in);
    hsm_read_copy(&in, chain->link, sizeof chain->link);
    chain->interval_first = hsm_read_u64(&in);
    chain->tree.count = hsm_read_u32(&in);
    HSM_CHECK(chain->tree.count <= HSM_TREE_LEAVES_MAX, HSM_E_STORE_CORRUPT);
    for (unsigned level = 0; level < HSM_TREE_LEVELS; level++) {
        if ((chain->tree.count >> level & 1) != 0)
            hsm_read_copy(&in, chain->tree.level[level], HSM_LINK_BYTES);
    }
    HSM_CHECK(out_head->files <= HSM_AUDIT_GENERATIONS + 1, HSM_E_STORE_CORRUPT);
    return hsm_reader_end(&in, HSM_E_STORE_CORRUPT);
}

/* A place: u32 format, u32 body length, body (which begins with the serial), HMAC over all that. */
static hsm_err read_place(const hsm_head_page *page, unsigned which, hsm_head *out_head,
                          bool *out_has_tips)
{
    uint8_t place[PLACE_BYTES]; /* a copy: a reader without the lock may see it change */
    uint8_t mac[MAC_BYTES];

    memcpy(place, place_of(page, which), sizeof place);
    hsm_reader in = hsm_reader_of(hsm_bytes_of(place, sizeof place));

    const uint32_t format = hsm_read_u32(&in);
    HSM_CHECK(format == FORMAT || format == FORMAT_WITHOUT_TIPS, HSM_E_STORE_CORRUPT);
    *out_has_tips = format == FORMAT;
    const hsm_bytes body = hsm_read_bytes(&in, PLACE_BYTES - BODY_MIN_BYTES - MAC_BYTES);
    const hsm_bytes maced = hsm_bytes_of(place, BODY_AT + body.len);
    const hsm_bytes kept = hsm_read_raw(&in, MAC_BYTES);
    HSM_CHECK(!in.is_failed && body.len >= BODY_MIN_BYTES, HSM_E_STORE_CORRUPT);
    HSM_TRY(hsm_hmac_compute(page->mac, &maced, 1, mac));
    HSM_CHECK(hsm_ct_equal(kept, hsm_bytes_of(mac, sizeof mac)), HSM_E_STORE_CORRUPT);
    return decode(body, out_head);
}

/* --- one tip ---------------------------------------------------------------------------------- */

static uint8_t *tip_of(const hsm_head_page *page, unsigned which)
{
    return page->map + TIPS_AT + (size_t)which * TIP_BYTES;
}

static tip_order order_in(const hsm_head_page *page, unsigned which)
{
    hsm_reader in = hsm_reader_of(hsm_bytes_of(tip_of(page, which), TIP_BYTES));
    const uint64_t serial = hsm_read_u64(&in);

    return (tip_order){ .serial = serial, .more = hsm_read_u32(&in) };
}

/* The tip in a place, if it is authentic and goes with that head. */
static hsm_err read_tip(const hsm_head_page *page, unsigned which, const hsm_head *head,
                        hsm_tip *out_tip)
{
    uint8_t bytes[TIP_BYTES]; /* a copy, as above */
    uint8_t mac[MAC_BYTES];

    memcpy(bytes, tip_of(page, which), sizeof bytes);
    hsm_reader in = hsm_reader_of(hsm_bytes_of(bytes, sizeof bytes));
    const hsm_bytes maced = hsm_bytes_of(bytes, TIP_MACED_BYTES);

    HSM_TRY(hsm_hmac_compute(page->mac, &maced, 1, mac));
    HSM_CHECK(hsm_ct_equal(hsm_bytes_of(bytes + TIP_MACED_BYTES, MAC_BYTES),
                           hsm_bytes_of(mac, sizeof mac)),
              HSM_E_STORE_CORRUPT);
    HSM_CHECK(hsm_read_u64(&in) == head->serial, HSM_E_STORE_CORRUPT);
    out_tip->count = head->chain.count + hsm_read_u32(&in);
    out_tip->offset = hsm_read_u64(&in);
    hsm_read_copy(&in, out_tip->link, sizeof out_tip->link);
    return HSM_OK;
}

static hsm_err write_tip(hsm_head_page *page, const hsm_head *head)
{
    HSM_UNINITIALIZED uint8_t bytes[TIP_BYTES]; /* filled here */
    const tip_order order = { .serial = head->serial,
                              .more = (uint32_t)hsm_head_distance(page, head) };
    hsm_writer out = hsm_writer_of(bytes, sizeof bytes);
    const hsm_bytes maced = hsm_bytes_of(bytes, TIP_MACED_BYTES);

    hsm_write_u64(&out, order.serial);
    hsm_write_u32(&out, order.more);
    hsm_write_u64(&out, head->offset);
    hsm_write_raw(&out, hsm_bytes_of(head->chain.link, sizeof head->chain.link));
    HSM_TRY(hsm_hmac_compute(page->mac, &maced, 1, bytes + TIP_MACED_BYTES));
    page->newest_tip = 1 - page->newest_tip;
    page->order = order;
    memcpy(tip_of(page, page->newest_tip), bytes, sizeof bytes);
    return HSM_OK;
}

/* --- the page --------------------------------------------------------------------------------- */

static bool is_blank(const hsm_head_page *page)
{
    for (size_t i = 0; i < LOST_AT; i++) {
        if (page->map[i] != 0)
            return false;
    }
    return true;
}

bool hsm_head_has_moved(const hsm_head_page *page)
{
    const tip_order own = order_in(page, page->newest_tip);
    const tip_order other = order_in(page, 1 - page->newest_tip);

    return own.serial != page->order.serial || own.more != page->order.more ||
           other.serial > own.serial || (other.serial == own.serial && other.more > own.more);
}

uint64_t hsm_head_distance(const hsm_head_page *page, const hsm_head *head)
{
    return head->chain.count - page->count;
}

/* The newer of the tips that go with a head; false: there is none. */
static bool find_tip(hsm_head_page *page, const hsm_head *head, hsm_tip *out_tip)
{
    bool is_found = false;

    for (unsigned i = 0; i < 2; i++) {
        hsm_tip tip = { 0 };

        if (read_tip(page, i, head, &tip) != HSM_OK || (is_found && tip.count < out_tip->count))
            continue;
        is_found = true;
        page->newest_tip = i;
        *out_tip = tip;
    }
    return is_found;
}

hsm_tip hsm_head_tip(const hsm_head *head)
{
    hsm_tip tip = { .count = head->chain.count, .offset = head->offset };

    memcpy(tip.link, head->chain.link, sizeof tip.link);
    return tip;
}

/* A disk writes sectors, so a power cut may leave heads of one moment and tips of another one. That was in
 * an earlier boot; in this one somebody took the tips away. */
static hsm_err do_without_tip(const hsm_head *head, hsm_tip *out_tip)
{
    uint8_t boot[HSM_BOOT_ID_BYTES];

    hsm_head_boot_id(boot);
    HSM_CHECK(
        !hsm_bytes_equal(hsm_bytes_of(boot, sizeof boot), hsm_bytes_of(head->boot_id, sizeof boot)),
        HSM_E_STORE_CORRUPT);
    *out_tip = hsm_head_tip(head);
    out_tip->is_lost = true;
    return HSM_OK;
}

/* The newest head that has a tip; its place is then page->newest. */
static hsm_err find_head(hsm_head_page *page, hsm_head heads[2], hsm_tip *out_tip)
{
    bool is_good[2];
    bool has_tips[2] = { true, true };

    for (unsigned i = 0; i < 2; i++)
        is_good[i] = read_place(page, i, &heads[i], &has_tips[i]) == HSM_OK;
    HSM_CHECK(is_good[0] || is_good[1], HSM_E_STORE_CORRUPT);
    const unsigned newer = !is_good[0] || (is_good[1] && heads[1].serial > heads[0].serial);
    if (!has_tips[newer]) {
        page->newest = newer;
        *out_tip = hsm_head_tip(&heads[newer]);
        return HSM_OK;
    }
    for (unsigned i = 0; i < 2; i++) {
        page->newest = i == 0 ? newer : 1 - newer;
        if (is_good[page->newest] && find_tip(page, &heads[page->newest], out_tip))
            return HSM_OK;
    }
    page->newest = newer;
    return do_without_tip(&heads[newer], out_tip);
}

hsm_err hsm_head_read(hsm_head_page *page, hsm_head *out_head, hsm_tip *out_tip)
{
    hsm_head heads[2] = { 0 };

    *out_tip = (hsm_tip){ 0 };
    page->newest = 1; /* the first write goes to place 0 */
    page->newest_tip = 1;
    if (!is_blank(page))
        HSM_TRY(find_head(page, heads, out_tip));
    *out_head = heads[page->newest];
    page->count = out_head->chain.count;
    page->order = order_in(page, page->newest_tip);
    return HSM_OK;
}

hsm_err hsm_head_write(hsm_head_page *page, hsm_head *head)
{
    uint8_t place[PLACE_BYTES];
    hsm_writer out = hsm_writer_of(place, sizeof place);
    hsm_writer len_out = hsm_writer_of(place + 4, 4);
    uint8_t mac[MAC_BYTES];

    head->serial++;
    hsm_write_u32(&out, FORMAT);
    hsm_write_u32(&out, 0);
    encode(head, &out);
    hsm_write_u32(&len_out, (uint32_t)(out.len - BODY_AT));
    const hsm_bytes maced = hsm_bytes_of(place, out.len);
    HSM_CHECK(!out.is_failed, HSM_E_INTERNAL);
    HSM_TRY(hsm_hmac_compute(page->mac, &maced, 1, mac));
    hsm_write_raw(&out, hsm_bytes_of(mac, sizeof mac));
    HSM_CHECK(hsm_writer_end(&out) == HSM_OK, HSM_E_INTERNAL);
    page->newest = 1 - page->newest;
    memcpy(place_of(page, page->newest), place, out.len);
    page->count = head->chain.count;
    return write_tip(page, head);
}

hsm_err hsm_head_move_tip(hsm_head_page *page, const hsm_head *head)
{
    return write_tip(page, head);
}

static _Atomic(uint32_t) *mark_of(const hsm_head_page *page)
{
    return (_Atomic(uint32_t) *)(void *)(page->map + MARK_AT);
}

_Atomic(uint64_t) *hsm_head_lost(hsm_head_page *page)
{
    return (_Atomic(uint64_t) *)(void *)(page->map + LOST_AT);
}

hsm_latch_words *hsm_head_latch(hsm_head_page *page)
{
    return (hsm_latch_words *)(void *)(page->map + LATCH_AT);
}

void hsm_head_mark(hsm_head_page *page, bool is_writing)
{
    atomic_store(mark_of(page), is_writing ? 1u : 0u);
}

bool hsm_head_is_marked(const hsm_head_page *page)
{
    return atomic_load(mark_of(page)) != 0;
}

hsm_err hsm_head_sync(hsm_head_page *page)
{
    HSM_CHECK(fsync(page->fd) == 0, HSM_E_STORE_IO); /* also what was written through the mapping */
    return HSM_OK;
}

hsm_err hsm_head_path(hsm_crypto *crypto, const char *state_directory, const char *log_path,
                      char **out_path)
{
    enum { HASH_BYTES_SHOWN = 8 };
    uint8_t hash[HSM_SHA256_BYTES];
    char name[sizeof "audit-.head" + (size_t)2 * HASH_BYTES_SHOWN];
    hsm_text text = hsm_text_of(name, sizeof name - 1);

    HSM_TRY(hsm_crypto_sha256(crypto, hsm_bytes_of_text(log_path), hash));
    hsm_text_puts(&text, "audit-");
    hsm_text_hex(&text, hsm_bytes_of(hash, HASH_BYTES_SHOWN));
    hsm_text_puts(&text, ".head");
    name[text.len] = '\0';
    return hsm_path_join(state_directory, name, out_path);
}

static void page_drop(hsm_head_page **page)
{
    hsm_head_close(*page);
    *page = NULL;
}

hsm_err hsm_head_load(hsm_crypto *crypto, const char *path, hsm_bytes mac_key, hsm_head *out_head)
{
    enum { TRIES_MAX = 64 }; /* writes during one look make what was seen not fit together */
    HSM_AUTO(hsm_hmac_drop) hsm_hmac *mac = NULL;
    HSM_AUTO(page_drop) hsm_head_page *page = NULL;
    hsm_err err = HSM_E_STORE_CORRUPT;
    hsm_head head = { 0 };
    hsm_tip tip;

    HSM_TRY(hsm_hmac_create(crypto, mac_key, &mac));
    HSM_TRY(hsm_head_open(path, mac, false, &page));
    HSM_CHECK(page != NULL, HSM_E_INTERNAL); /* for analyzers that don't know HSM_AUTO */
    for (int i = 0; i < TRIES_MAX && err == HSM_E_STORE_CORRUPT; i++)
        err = hsm_head_read(page, &head, &tip);
    HSM_TRY(err);
    HSM_CHECK(head.serial > 0, HSM_E_STORE_NOT_FOUND);
    head.chain.count = tip.count;
    head.offset = tip.offset;
    memcpy(head.chain.link, tip.link, sizeof head.chain.link);
    *out_head = head;
    return HSM_OK;
}

void hsm_head_boot_id(uint8_t out[HSM_BOOT_ID_BYTES])
{
    char text[HSM_BOOT_ID_ROOM];
    char digits[2 * HSM_BOOT_ID_BYTES];
    size_t len = 0;

    memset(out, 0, HSM_BOOT_ID_BYTES);
    if (hsm_boot_id(text) != HSM_OK)
        return;
    for (size_t i = 0; text[i] != '\0' && len < sizeof digits; i++) {
        if (text[i] != '-')
            digits[len++] = text[i];
    }
    if (hsm_hex_decode(hsm_bytes_of(digits, len), out, HSM_BOOT_ID_BYTES) != HSM_OK)
        memset(out, 0, HSM_BOOT_ID_BYTES);
}
