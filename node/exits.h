/* Exit statuses with which a connection tells whoever started it what to do next. */
#ifndef PB_EXITS_H
#define PB_EXITS_H

enum pb_exit {
    PB_EXIT_CONFIG = 2,     /* bad configuration: starting it again at once is of no use */
    PB_EXIT_FENCED = 76,    /* a newer process has its name: it is not to be started again */
    PB_EXIT_STUCK = 77,     /* stuck, and on_stuck is fail: it counts as failed */
    PB_EXIT_PROPAGATE = 78, /* a send has failed, and that is the agent's end: with an error */
    PB_EXIT_STOP = 79       /* the same, without one */
};

#endif
