/* The slots of a package in any order that the runtime could call them in. */
#ifndef CONFORMANCE_WALK_H
#define CONFORMANCE_WALK_H

#include "tests/conformance/rig.h"

#define WALK_STEPS 1000

/* The same seed, the same steps. */
void walk(struct rig *rig, unsigned seed);

#endif
