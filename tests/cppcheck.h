/* For cppcheck alone: what the loops of uthash and utlist are, without their headers. */
#define HASH_ITER(hh, head, el, tmp)            for ((el) = (head), (tmp) = (el); (el); (el) = (tmp))
#define DL_FOREACH(head, el)                    for ((el) = (head); (el); (el) = (el)->next)
#define DL_FOREACH_SAFE(head, el, tmp)          for ((el) = (head), (tmp) = (el); (el); (el) = (tmp))
#define DL_FOREACH2(head, el, next)             for ((el) = (head); (el); (el) = (el)->next)
#define DL_FOREACH_SAFE2(head, el, tmp, next)   for ((el) = (head), (tmp) = (el); (el); (el) = (tmp))
#define json_array_foreach(array, index, value) for ((index) = 0; ((value) = json_array_get(array, index)); (index)++)
