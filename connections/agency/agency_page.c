#include "connections/agency/agency_page.h"

#include <string.h>

#include "connections/vcx/vcx_invite.h"
#include "connections/vcx/vcx_qr.h"

const char *const agency_page_fields[] = {
    "Content-Security-Policy",
    "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy",
    "no-referrer",
    "X-Content-Type-Options",
    "nosniff",
    "Cache-Control",
    "no-store",
    "Vary",
    "Accept",
    NULL};

static void add(struct pb_buf *page, const char *text)
{
    pb_buf_add(page, text, strlen(text));
}

void agency_escape(struct pb_buf *page, const char *text)
{
    static const char special[] = "&<>\"'";
    static const char *const names[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};

    for (; *text; text++) {
        const char *found = strchr(special, *text);

        if (found)
            add(page, names[found - special]);
        else
            pb_buf_add(page, text, 1);
    }
}

/* Plain base64, which a data: URL has: base64url with two characters changed. */
static void add_base64(struct pb_buf *page, const struct pb_buf *bytes)
{
    size_t from = page->n;

    vcx_b64_encode(page, bytes->p, bytes->n, true);
    for (size_t i = from; i < page->n; i++) {
        if (page->p[i] == '-')
            page->p[i] = '+';
        else if (page->p[i] == '_')
            page->p[i] = '/';
    }
}

static void add_code(struct pb_buf *page, struct pbay_str text)
{
    struct vcx_qr qr;
    struct pb_buf png = {0};
    char why[VCX_WHY];

    if (vcx_qr_make(&qr, text, why) && vcx_qr_png(&png, &qr, why)) {
        add(page, "<p><img alt=\"QR code\" src=\"data:image/png;base64,");
        add_base64(page, &png);
        add(page, "\"></p>\n");
    }
    pb_buf_fini(&png);
    vcx_qr_fini(&qr);
}

static void add_link(struct pb_buf *page, const char *href, const char *text)
{
    add(page, "<p><a href=\"");
    agency_escape(page, href);
    add(page, "\">");
    agency_escape(page, text);
    add(page, "</a></p>\n");
}

bool agency_page(struct pb_buf *page, const char *base, const char *link, const json_t *invitation)
{
    const char *label = json_string_value(json_object_get(invitation, "label"));
    struct pb_buf url = {0}, deep = {0};
    bool good = vcx_invite_url(&url, base, invitation) && vcx_invite_url(&deep, "didcomm://", invitation);

    if (good) {
        pb_buf_add(&url, "", 1);
        pb_buf_add(&deep, "", 1);
        add(page, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                  "<meta name=\"viewport\" content=\"width=device-width\"><title>Invitation</title></head><body>\n"
                  "<h1>Invitation</h1>\n<p>");
        agency_escape(page, label && *label ? label : "Somebody");
        add(page, " invites you to connect. Scan the code with a wallet, or open it on this device.</p>\n");
        add_code(page, url.n - 1 <= VCX_MAX_QR ? (struct pbay_str){(char *)url.p, url.n - 1} : pbay_str(link));
        add_link(page, (char *)deep.p, "Open in a wallet");
        add(page, "</body></html>\n");
    }
    pb_buf_fini(&url);
    pb_buf_fini(&deep);
    return good;
}
