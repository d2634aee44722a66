#include "connections/vcx/vcx_guard.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "schema/buf.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define V4           4
#define V6           16
#define V4_IN_V6     12 /* where the IPv4 address stands in the mapped one, and in NAT64's */

struct net {
    uint8_t bytes[V6];
    unsigned bits;
};

/* IANA's registry of special-purpose addresses, and what clouds have made of others. */
static const struct net v4_refused[] = {
    {{0}, 8},                 /* this network */
    {{10}, 8},                /* private */
    {{100, 64}, 10},          /* shared: CGNAT; metadata of Alibaba */
    {{127}, 8},               /* loopback */
    {{168, 63, 129, 16}, 32}, /* metadata of Azure */
    {{169, 254}, 16},         /* link-local; metadata of most */
    {{172, 16}, 12},          /* private */
    {{192, 0, 0}, 24},        /* IETF; metadata of Oracle */
    {{192, 0, 2}, 24},        /* documentation */
    {{192, 88, 99}, 24},      /* relays of 6to4 */
    {{192, 168}, 16},         /* private */
    {{198, 18}, 15},          /* benchmarks */
    {{198, 51, 100}, 24},     /* documentation */
    {{203, 0, 113}, 24},      /* documentation */
    {{224}, 3},               /* multicast, reserved, broadcast */
};

/* Of IPv6 only global unicast is open: whatever is not in there is refused without a row. */
static const struct net v6_global = {{0x20}, 3};
static const struct net v6_refused[] = {
    {{0x20, 0x01, 0x00}, 23},       /* IETF: Teredo, benchmarks, ORCHID */
    {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documentation */
    {{0x20, 0x02}, 16},             /* 6to4 */
    {{0x3f, 0xff}, 20},             /* documentation */
};

/* Of these, the IPv4 address in their last bytes counts. */
static const struct net v6_with_v4[] = {
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96}, /* mapped */
    {{0, 0x64, 0xff, 0x9b}, 96},                      /* NAT64 */
};

static bool is_in(const struct net *net, const uint8_t *address)
{
    size_t whole = net->bits / 8;
    unsigned rest = net->bits % 8, mask = 0xff00U >> rest & 0xff;

    return memcmp(net->bytes, address, whole) == 0 && (!rest || ((net->bytes[whole] ^ address[whole]) & mask) == 0);
}

static bool is_in_any(const struct net *nets, size_t n, const uint8_t *address)
{
    for (size_t i = 0; i < n; i++) {
        if (is_in(&nets[i], address))
            return true;
    }
    return false;
}

static bool is_public_v4(const uint8_t *address)
{
    return !is_in_any(v4_refused, COUNT(v4_refused), address);
}

static bool is_public_v6(const uint8_t *address)
{
    if (is_in_any(v6_with_v4, COUNT(v6_with_v4), address))
        return is_public_v4(address + V4_IN_V6);
    return is_in(&v6_global, address) && !is_in_any(v6_refused, COUNT(v6_refused), address);
}

bool vcx_guard_is_public(const struct sockaddr *address, socklen_t n)
{
    uint8_t bytes[V6];

    if (address->sa_family == AF_INET && n >= sizeof(struct sockaddr_in)) {
        memcpy(bytes, (const char *)address + offsetof(struct sockaddr_in, sin_addr), V4);
        return is_public_v4(bytes);
    }
    if (address->sa_family == AF_INET6 && n >= sizeof(struct sockaddr_in6)) {
        memcpy(bytes, (const char *)address + offsetof(struct sockaddr_in6, sin6_addr), V6);
        return is_public_v6(bytes);
    }
    return false;
}

/* ---- URLs ---- */

static bool is_visible(struct pbay_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] <= ' ' || s.p[i] > '~')
            return false;
    }
    return s.n > 0;
}

/* libcurl's own parser: what is checked here is what is connected to. */
static bool check_url(CURLU *parsed, struct pbay_str url, char why[VCX_WHY])
{
    char *text = pb_strndup(url), *scheme = NULL;
    CURLUcode code = curl_url_set(parsed, CURLUPART_URL, text, CURLU_DISALLOW_USER | CURLU_NON_SUPPORT_SCHEME);
    bool ok = false;

    free(text);
    if (code == CURLUE_USER_NOT_ALLOWED)
        return vcx_why(why, "the URL has a user in it");
    if (code)
        return vcx_why(why, "it is no URL");
    if (curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK)
        ok = strcasecmp(scheme, "http") == 0 || strcasecmp(scheme, "https") == 0;
    curl_free(scheme);
    return ok || vcx_why(why, "the URL is not http:// or https://");
}

CURLU *vcx_guard_url(struct pbay_str url, char why[VCX_WHY])
{
    CURLU *parsed;

    if (url.n > VCX_GUARD_URL || !is_visible(url)) {
        vcx_why(why, "expected a URL of 1 to %d visible ASCII characters", VCX_GUARD_URL);
        return NULL;
    }
    parsed = curl_url();
    if (!parsed) {
        vcx_why(why, "no memory for a URL");
        return NULL;
    }
    if (check_url(parsed, url, why))
        return parsed;
    curl_url_cleanup(parsed);
    return NULL;
}
