/* What the configuration names: wallet and database, opened, and an agency of them. */
#ifndef AGENCY_OPEN_H
#define AGENCY_OPEN_H

#include "connections/agency/agency.h"
#include "connections/agency/agency_config.h"
#include "connections/vcx/vcx_wallet.h"

struct agency_home {
    struct vcx_wallet *wallet;
    struct vcx_db *db;
    struct agency *agency;
};

/* false = why. On failure too, it is to be closed. */
bool agency_home_open(struct agency_home *home, const struct agency_config *config, int64_t now, char why[VCX_WHY]);
void agency_home_close(struct agency_home *home);

#endif
