/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/audit_page.h"

#include <inttypes.h>
#include <string.h>

#include "admin/cmd_audit.h"
#include "os/clock.h"

#define KEYS_SHOWN 25u
#define ROWS_SHOWN 50u
/* A chart, in the units of its drawing. */
#define CHART_WIDTH 960u
#define CHART_HEIGHT 110u
#define BAR_PITCH (CHART_WIDTH / HSM_SUMMARY_SPANS)

/* The two colours of a chart differ in lightness too, for those who see no red. */
static const char head[] =
    "<!DOCTYPE html>\n"
    "<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
    "'unsafe-inline'\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta name=\"color-scheme\" content=\"light dark\">\n"
    "<title>Audit report</title>\n<style>\n"
    ":root{--back:#fff;--text:#1c2024;--soft:#5a636d;--line:#d5dadf;--ok:#2b6cb0;--bad:#c2410c;"
    "--good-back:#e6f4ea;--good-text:#14532d;--soft-back:#eef1f4;--bad-back:#fdeae3;--bad-text:#"
    "7c2d12}\n"
    "@media (prefers-color-scheme:dark){:root{--back:#14171a;--text:#e6e9ec;--soft:#9aa4ae;"
    "--line:#343b42;--ok:#63a4e8;--bad:#ffa07a;--good-back:#12331f;--good-text:#b6e6c5;--soft-back:"
    "#23292f;"
    "--bad-back:#44200f;--bad-text:#ffd3c0}}\n"
    "body{margin:2rem auto;padding:0 1rem;max-width:62rem;background:var(--back);"
    "color:var(--text);font:16px/1.5 system-ui,sans-serif}\n"
    "h1{margin-bottom:0}h2{margin:2.5rem 0 .5rem}h3{margin:1.5rem 0 .25rem;font-size:1rem}\n"
    "p{margin:.25rem 0}.soft{color:var(--soft)}\n"
    ".verdict{margin:1.5rem 0;padding:.75rem 1rem;border-radius:.4rem}\n"
    ".good{background:var(--good-back);color:var(--good-text)}"
    ".wrong{background:var(--bad-back);color:var(--bad-text)}"
    ".unproven{background:var(--soft-back)}\n"
    ".scroll{overflow-x:auto}table{border-collapse:collapse;width:100%}\n"
    "th,td{padding:.3rem .75rem .3rem 0;border-bottom:1px solid var(--line);text-align:left;"
    "vertical-align:top;overflow-wrap:anywhere}\n"
    "th{color:var(--soft);font-weight:600}.n{text-align:right;white-space:nowrap;"
    "overflow-wrap:normal;font-variant-numeric:tabular-nums}\n"
    "svg{display:block;width:100%;height:auto}svg text{fill:var(--soft);font-size:12px}\n"
    ".ok{fill:var(--ok)}.bad{fill:var(--bad)}.axis{stroke:var(--line)}\n"
    ".swatch{display:inline-block;width:.8rem;height:.8rem;margin:0 .3rem 0 1rem;"
    "vertical-align:baseline}\n"
    ".swatch.ok{background:var(--ok)}.swatch.bad{background:var(--bad)}\n"
    "</style>\n</head>\n<body>\n";

/* --- text ------------------------------------------------------------------------------------------ */

/* Also within a direction of its own, so that a label can't turn round what stands beside it. */
static void put_text(const char *text, FILE *out)
{
    static const char *const escapes[128] = {
        ['&'] = "&amp;", ['<'] = "&lt;", ['>'] = "&gt;", ['"'] = "&quot;", ['\''] = "&#39;",
    };

    (void)fputs("<bdi>", out);
    for (; *text != '\0'; text++) {
        const unsigned char c = (unsigned char)*text;

        if (c < 0x80 && escapes[c] != NULL)
            (void)fputs(escapes[c], out);
        else if (c < 0x20 || c == 0x7f)
            (void)fputs("\xef\xbf\xbd", out); /* controls are no part of HTML */
        else
            (void)fputc(c, out);
    }
    (void)fputs("</bdi>", out);
}

static void put_time(uint64_t timestamp, FILE *out)
{
    char text[HSM_ADMIN_TIME_CHARS];

    hsm_admin_time_text(timestamp, text);
    if (strlen(text) > sizeof "2026-11-27T12:00:00" - 1) /* to the second */
        memcpy(text + sizeof "2026-11-27T12:00:00" - 1, "Z", sizeof "Z");
    (void)fputs(text, out);
}

static void put_cell(const char *text, FILE *out)
{
    (void)fputs("<td>", out);
    put_text(text, out);
    (void)fputs("</td>", out);
}

static void put_number_cell(uint64_t number, FILE *out)
{
    (void)fprintf(out, "<td class=\"n\">%" PRIu64 "</td>", number);
}

static void put_time_cell(uint64_t timestamp, FILE *out)
{
    (void)fputs("<td class=\"n\">", out);
    put_time(timestamp, out);
    (void)fputs("</td>", out);
}

/* Titles, separated by "|"; those that begin with "#" are of numbers. */
static void begin_table(const char *titles, FILE *out)
{
    (void)fputs("<div class=\"scroll\"><table>\n<thead><tr>", out);
    while (*titles != '\0') {
        const size_t len = strcspn(titles, "|");
        const bool is_number = titles[0] == '#';

        (void)fprintf(out, "<th scope=\"col\"%s>%.*s</th>", is_number ? " class=\"n\"" : "",
                      (int)(len - (is_number ? 1 : 0)), titles + (is_number ? 1 : 0));
        titles += len + (titles[len] == '|' ? 1 : 0);
    }
    (void)fputs("</tr></thead>\n<tbody>\n", out);
}

static void end_table(FILE *out)
{
    (void)fputs("</tbody></table></div>\n", out);
}

/* What a table leaves out. */
static void put_rest(uint64_t number, const char *what, FILE *out)
{
    if (number > 0)
        (void)fprintf(out, "<p class=\"soft\">%" PRIu64 " %s</p>\n", number, what);
}

/* --- the verdict ----------------------------------------------------------------------------------- */

static void put_verdict(const hsm_audit_page *page, FILE *out)
{
    const hsm_audit_verdict *verdict = page->verdict;
    const bool is_good = verdict->fault == HSM_AUDIT_FAULT_NONE;
    const bool is_proven = verdict->is_keyed || verdict->is_signed;

    (void)fprintf(out, "<div class=\"verdict %s\" id=\"verdict\"><p><strong>",
                  !is_good    ? "wrong"
                  : is_proven ? "good"
                              : "unproven");
    if (is_good)
        (void)fputs(is_proven
                        ? "The log is whole"
                        : "The log is chained, which anybody can do: it was read without keys",
                    out);
    else
        (void)fprintf(out, "Entry %" PRIu64 ": %s", verdict->bad_index,
                      hsm_audit_fault_text(verdict->fault));
    (void)fputs("</strong>", out);
    if (verdict->bad_file[0] != '\0' && !is_good) {
        (void)fputs(" (", out);
        put_text(verdict->bad_file, out);
        (void)fprintf(out, ", line %" PRIu64 ")", verdict->bad_line);
    }
    (void)fprintf(out,
                  "</p>\n<p>%" PRIu64 " good entries, %" PRIu64 " signed checkpoints, %" PRIu64
                  " entries proven by them. Codes %schecked, signatures %schecked, end %schecked."
                  "</p></div>\n",
                  verdict->entries, verdict->checkpoints, verdict->proven,
                  verdict->is_keyed ? "" : "not ", verdict->is_signed ? "" : "not ",
                  verdict->has_head ? "" : "not ");
}

/* --- charts ---------------------------------------------------------------------------------------- */

static const char *const kind_titles[HSM_SUMMARY_KINDS] = {
    [HSM_SUMMARY_USE] = "Keys used",
    [HSM_SUMMARY_OBJECTS] = "Keys and objects made, changed, destroyed",
    [HSM_SUMMARY_ACCESS] = "Sessions, logins, PINs",
    [HSM_SUMMARY_ADMIN] = "Administration",
};

static uint64_t highest(const hsm_summary *summary, size_t kind)
{
    uint64_t most = 0;

    for (size_t i = 0; i < HSM_SUMMARY_SPANS; i++) {
        const hsm_summary_tally *tally = &summary->spans[i][kind];
        const uint64_t sum = tally->succeeded + tally->failed;

        most = sum > most ? sum : most;
    }
    return most;
}

/* Anything at all is seen: the least height is one unit. */
static unsigned height_of(uint64_t number, uint64_t most)
{
    const unsigned height = (unsigned)((double)number / (double)most * CHART_HEIGHT);

    return number > 0 && height == 0 ? 1 : height;
}

static void put_bar(const hsm_summary *summary, size_t span, size_t kind, FILE *out)
{
    const hsm_summary_tally *tally = &summary->spans[span][kind];
    const uint64_t most = highest(summary, kind);
    const unsigned ok = height_of(tally->succeeded, most);
    const unsigned bad = height_of(tally->failed, most);
    const unsigned x = (unsigned)span * BAR_PITCH;

    if (tally->succeeded + tally->failed == 0)
        return;
    (void)fputs("<g><title>", out);
    put_time(summary->first_timestamp + span * summary->span_ns, out);
    (void)fprintf(out, ": %" PRIu64 " succeeded, %" PRIu64 " failed</title>", tally->succeeded,
                  tally->failed);
    (void)fprintf(out, "<rect class=\"ok\" x=\"%u\" y=\"%u\" width=\"%u\" height=\"%u\"/>", x,
                  CHART_HEIGHT + 1 - ok, BAR_PITCH - 1, ok);
    (void)fprintf(out, "<rect class=\"bad\" x=\"%u\" y=\"%u\" width=\"%u\" height=\"%u\"/></g>\n",
                  x, CHART_HEIGHT + 1 - (ok + bad < CHART_HEIGHT + 1 ? ok + bad : CHART_HEIGHT + 1),
                  BAR_PITCH - 1, bad);
}

static void put_chart(const hsm_summary *summary, size_t kind, FILE *out)
{
    const hsm_summary_tally *sum = &summary->kinds[kind];

    (void)fprintf(out, "<h3>%s: %" PRIu64 " succeeded, %" PRIu64 " failed</h3>\n",
                  kind_titles[kind], sum->succeeded, sum->failed);
    if (sum->succeeded + sum->failed == 0)
        return;
    (void)fprintf(out, "<svg viewBox=\"0 0 %u %u\" role=\"img\" aria-label=\"%s over time\">\n",
                  CHART_WIDTH, CHART_HEIGHT + 22, kind_titles[kind]);
    (void)fprintf(out, "<line class=\"axis\" x1=\"0\" y1=\"%u.5\" x2=\"%u\" y2=\"%u.5\"/>\n",
                  CHART_HEIGHT + 1, CHART_WIDTH, CHART_HEIGHT + 1);
    for (size_t span = 0; span < HSM_SUMMARY_SPANS; span++)
        put_bar(summary, span, kind, out);
    (void)fprintf(out, "<text x=\"0\" y=\"%u\">", CHART_HEIGHT + 18);
    put_time(summary->first_timestamp, out);
    (void)fprintf(out, "</text><text x=\"%u\" y=\"%u\" text-anchor=\"end\">", CHART_WIDTH,
                  CHART_HEIGHT + 18);
    put_time(summary->first_timestamp + HSM_SUMMARY_SPANS * summary->span_ns, out);
    (void)fprintf(out,
                  "</text><text x=\"%u\" y=\"%u\" text-anchor=\"middle\">highest: %" PRIu64
                  " in %" PRIu64 " s</text>\n</svg>\n",
                  CHART_WIDTH / 2, CHART_HEIGHT + 18, highest(summary, kind),
                  (uint64_t)(summary->span_ns / HSM_NS_PER_SEC));
}

static void put_charts(const hsm_summary *summary, FILE *out)
{
    (void)fputs("<h2>Operations over time</h2>\n<p class=\"soft\"><span class=\"swatch ok\" "
                "style=\"margin-left:0\"></span>succeeded<span class=\"swatch bad\"></span>failed"
                "</p>\n",
                out);
    for (size_t kind = 0; kind < HSM_SUMMARY_KINDS; kind++)
        put_chart(summary, kind, out);
}

/* --- tables ---------------------------------------------------------------------------------------- */

static void put_keys(const hsm_summary *summary, FILE *out)
{
    const size_t shown = summary->key_count < KEYS_SHOWN ? summary->key_count : KEYS_SHOWN;

    (void)fputs("<h2 id=\"keys\">Busiest keys</h2>\n", out);
    begin_table("Label|Identifier|#Succeeded|#Failed|#Last", out);
    for (size_t i = 0; i < shown; i++) {
        const hsm_summary_key *key = &summary->keys[i];

        (void)fputs("<tr>", out);
        put_cell(key->label, out);
        put_cell(key->id, out);
        put_number_cell(key->tally.succeeded, out);
        put_number_cell(key->tally.failed, out);
        put_time_cell(key->last_timestamp, out);
        (void)fputs("</tr>\n", out);
    }
    end_table(out);
    put_rest(summary->key_count - shown, "more keys are not shown.", out);
    put_rest(summary->other_keys, "entries are of keys beyond those told apart.", out);
}

static void put_rows(const hsm_summary_rows *rows, bool has_both, FILE *out)
{
    for (size_t i = 0; i < rows->count && i < ROWS_SHOWN; i++) {
        const hsm_summary_row *row = &rows->row[i];

        (void)fputs("<tr>", out);
        put_cell(row->what, out);
        put_cell(row->how, out);
        if (has_both)
            put_number_cell(row->tally.succeeded, out);
        put_number_cell(row->tally.failed, out);
        put_time_cell(row->last_timestamp, out);
        (void)fputs("</tr>\n", out);
    }
    end_table(out);
    put_rest(rows->count > ROWS_SHOWN ? rows->count - ROWS_SHOWN : 0, "more rows are not shown.",
             out);
    put_rest(rows->others, "entries are beyond the rows told apart.", out);
}

static void put_last(const hsm_summary_last *last, FILE *out)
{
    const uint64_t shown = last->count < HSM_SUMMARY_LAST ? last->count : HSM_SUMMARY_LAST;

    begin_table("#Entry|#Time|Operation|Result|Who|Key", out);
    for (uint64_t i = 1; i <= shown; i++) { /* the newest first */
        const hsm_summary_event *event = &last->event[(last->count - i) % HSM_SUMMARY_LAST];

        (void)fputs("<tr>", out);
        put_number_cell(event->index, out);
        put_time_cell(event->timestamp, out);
        put_cell(event->operation, out);
        put_cell(event->result, out);
        put_cell(event->who, out);
        put_cell(event->label, out);
        (void)fputs("</tr>\n", out);
    }
    end_table(out);
}

void hsm_audit_page_write(const hsm_audit_page *page, FILE *out)
{
    const hsm_summary *summary = page->summary;

    (void)fputs(head, out);
    (void)fputs("<h1>Audit report</h1>\n<p class=\"soft\">", out);
    put_text(page->log, out);
    (void)fputs(", made ", out);
    put_time(page->made_at, out);
    (void)fprintf(out, "; %" PRIu64 " entries from ", summary->entries);
    put_time(summary->first_timestamp, out);
    (void)fputs(" to ", out);
    put_time(summary->last_timestamp, out);
    (void)fputs("</p>\n", out);
    put_rest(summary->damaged, "lines are no entries.", out);
    put_verdict(page, out);
    put_charts(summary, out);
    put_keys(summary, out);
    (void)fputs("<h2 id=\"failures\">Failures</h2>\n", out);
    begin_table("Operation|Result|#Times|#Last", out);
    put_rows(&summary->failures, false, out);
    (void)fputs("<h3>The latest</h3>\n", out);
    put_last(&summary->last_failures, out);
    (void)fputs("<h2 id=\"logins\">Logins</h2>\n", out);
    begin_table("Who|As|#Succeeded|#Failed|#Last", out);
    put_rows(&summary->logins, true, out);
    (void)fputs("<h3>The latest</h3>\n", out);
    put_last(&summary->last_logins, out);
    (void)fputs("</body>\n</html>\n", out);
}
