/* What libpatchbay exports; everything else is hidden. */
#ifndef PBAY_VISIBILITY_H
#define PBAY_VISIBILITY_H
#define PBAY_API __attribute__((visibility("default")))
#endif
