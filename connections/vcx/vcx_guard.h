/* Where a URL may lead that a stranger has chosen: the endpoint of an invitation or a DID document, a short link.
 *
 * A URL is looked at before anything is done with it, an address at the moment when a socket is to be opened to it: so
 * a name that is looked up once more, or written in an odd way, gains nothing. A network that translates addresses with
 * a prefix of its own (NAT64, RFC 6052) is not seen through; a firewall has to help there. */
#ifndef VCX_GUARD_H
#define VCX_GUARD_H

#include <curl/curl.h>
#include <sys/socket.h>

#include "connections/vcx/vcx_why.h"
#include "pbay_envelope.h"

#define VCX_GUARD_URL 8192 /* bytes of a URL */

/* An address that anybody in the internet could reach, too? Not: this host, private, shared (CGNAT), link-local, unique
 * local, multicast, reserved, for documentation or tests, nor the addresses at which clouds tell a machine its secrets;
 * nor those of IPv6 that mean one of these in IPv4 (mapped, NAT64), nor Teredo and 6to4. */
bool vcx_guard_is_public(const struct sockaddr *address, socklen_t n);

/* A URL of visible ASCII, http or https, with a host and without a user. The caller ends it with curl_url_cleanup; NULL
 * = why. */
CURLU *vcx_guard_url(struct pbay_str url, char why[VCX_WHY]);

#endif
