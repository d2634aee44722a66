/* DIDs of connections, and the documents that belong to them.
 *
 *   unqualified, did:sov   first 16 bytes of a verkey; the document comes with the message
 *   did:peer:1             hash of a document, which comes with the message
 *   did:peer:2             the document's keys and services, in the DID
 *   did:peer:4             the document and its hash: the long form has both, the short one the hash only
 *
 * Written are unqualified ones (vcx_doc_make) and did:peer:4; all are read. Nothing here asks a network.
 */
#ifndef VCX_DID_H
#define VCX_DID_H

#include "connections/vcx/vcx_doc.h"

#define VCX_MAX_DID   VCX_MAX_B58 /* bytes of any DID */
#define VCX_MAX_SHORT 64          /* bytes of the short form of a did:peer:4, NUL included */

/* The document of a DID. `attached` = what came beside it, or NULL; did:peer:2 and did:peer:4 do not need it and do not
 * look at it. It must be this very DID's: its id, and the hash, or for an unqualified DID a key whose beginning is the
 * DID. false = why. */
bool vcx_did_resolve(struct vcx_doc *doc, struct pbay_str did, const json_t *attached, char why[VCX_WHY]);

/* Append the long form of the did:peer:4 for an address; the short form, NUL-ended, into `brief`. false = the endpoint
 * is not UTF-8, or the DID would be too long; then `out` is as it was. */
bool vcx_peer4_make(struct pb_buf *out, char brief[VCX_MAX_SHORT], const struct vcx_address *address);

/* The short form of a long one whose hash is right. false = why. */
bool vcx_peer4_short(struct pbay_str did, char brief[VCX_MAX_SHORT], char why[VCX_WHY]);

#endif
