/* Which objects a backup takes.
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/backup_parts.h"
#include "core/prints.h"
#include "core/restore.h"
#include "store/object_portable.h"

void hsm_backup_picker_clear(hsm_backup_picker *picker)
{
    hsm_buf_clear(&picker->related);
}

static hsm_err fits(hsm_backup_picker *picker, const hsm_object *object, bool *out_fits)
{
    const hsm_backup_selection *selection = picker->selection;

    *out_fits = false;
    for (size_t i = 0; i < selection->choice_count; i++) {
        bool matches = false;

        HSM_TRY(hsm_object_matches(object, hsm_core_serial(picker->core, picker->slot),
                                   &selection->choices[i], &matches));
        picker->was_met[i] = picker->was_met[i] || matches;
        *out_fits = *out_fits || matches;
    }
    return HSM_OK;
}

/* --- what belongs to it --------------------------------------------------------------------------- */

/* The CKA_ID of a half of a pair or a certificate, or nothing: other objects that happen to have the
 * same one are of another kind. */
static hsm_bytes pair_id(const hsm_object *object)
{
    const bool is_pair = object->object_class == CKO_PUBLIC_KEY ||
                         object->object_class == CKO_PRIVATE_KEY ||
                         object->object_class == CKO_CERTIFICATE;

    return is_pair ? hsm_object_value(object, CKA_ID) : hsm_bytes_none();
}

static hsm_err note_related(void *arg, hsm_object *object)
{
    hsm_backup_picker *picker = arg;
    const hsm_bytes id = pair_id(object);
    uint8_t print[HSM_PRINT_BYTES];
    bool is = false;

    HSM_TRY(fits(picker, object, &is));
    if (!is || id.len == 0)
        return HSM_OK;
    HSM_TRY(hsm_print_make(picker->core->crypto, id, print));
    return hsm_buf_append(&picker->related, hsm_bytes_of(print, sizeof print));
}

static hsm_err is_related(const hsm_backup_picker *picker, hsm_bytes id, bool *out_is)
{
    uint8_t print[HSM_PRINT_BYTES];

    HSM_TRY(hsm_print_make(picker->core->crypto, id, print));
    *out_is = hsm_prints_have(&picker->related, print);
    return HSM_OK;
}

/* --- from outside --------------------------------------------------------------------------------- */

static hsm_err check_choices(const hsm_backup_selection *selection)
{
    HSM_CHECK(selection->choice_count <= HSM_BACKUP_CHOICES_MAX, HSM_E_LIMIT);
    for (size_t i = 0; i < selection->choice_count; i++) {
        const hsm_template *choice = &selection->choices[i];

        for (size_t k = 0; k < choice->count; k++)
            HSM_TRY(hsm_attr_check(&choice->attrs[k]));
    }
    return HSM_OK;
}

hsm_err hsm_backup_pick_begin(hsm_backup_picker *picker)
{
    const hsm_backup_selection *selection = picker->selection;

    HSM_TRY(check_choices(selection));
    hsm_buf_reset(&picker->related);
    if (selection->choice_count > 0 && selection->with_related)
        HSM_TRY(hsm_store_each(picker->core->store, picker->slot, note_related, picker));
    hsm_prints_sort(&picker->related);
    memset(picker->was_met, 0, sizeof picker->was_met); /* what counts is what is written */
    return HSM_OK;
}

hsm_err hsm_backup_pick(hsm_backup_picker *picker, const hsm_object *object, bool *out_is)
{
    const hsm_bytes id = picker->selection->with_related ? pair_id(object) : hsm_bytes_none();
    bool is = picker->selection->choice_count == 0;
    bool is_kin = false;

    if (!is) {
        HSM_TRY(fits(picker, object, &is));
        if (id.len > 0)
            HSM_TRY(is_related(picker, id, &is_kin));
        HSM_CHECK(!is || id.len == 0 || is_kin, HSM_E_STORE_CONFLICT);
    }
    *out_is = is || is_kin;
    return HSM_OK;
}

hsm_err hsm_backup_pick_end(const hsm_backup_picker *picker, size_t *out_unmet)
{
    for (size_t i = 0; i < picker->selection->choice_count; i++) {
        if (!picker->was_met[i]) {
            *out_unmet = i;
            return HSM_E_OBJECT_HANDLE;
        }
    }
    return HSM_OK;
}
