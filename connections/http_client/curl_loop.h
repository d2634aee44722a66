/* A multi handle of libcurl that waits for nothing: all of its descriptors are in one epoll descriptor. */
#ifndef CURL_LOOP_H
#define CURL_LOOP_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#define CURL_LOOP_NEVER INT64_MAX

struct curl_loop {
    CURLM *multi; /* NULL = it is not open */
    int fd;       /* readable when there is something to do; valid while it is open */
    int64_t due;  /* libcurl's timer, ms on the monotonic clock; CURL_LOOP_NEVER = none */
};

/* false = it is not open; errno says why, 0 = libcurl does not say. */
bool curl_loop_open(struct curl_loop *loop);

/* No transfer may be in it. Nothing is done for one that is zeroed or not open. */
void curl_loop_close(struct curl_loop *loop);

/* Let libcurl read, write and look at its timer once; the caller then takes what has ended with curl_multi_info_read.
 * false = there was nothing to do. */
bool curl_loop_run(struct curl_loop *loop);

#endif
