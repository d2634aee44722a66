/* One stream, from a sender through the broker to a receiver: schema/SPEC.md sections 3.1, 6.2 to 6.5 and 8.1.
 *
 * Links are FIFO and end whenever they like; each end notices that when it likes (3.6.5). Messages vanish without a
 * trace, until PING's count tells (3.6.2). The broker and the receiver crash; a receiver that comes back is another
 * incarnation. FAULTS of all these together happen, each anywhere. Attaching (HELLO to CONFIRM) is one step.
 *
 *   I1  what the sender hears to be settled, a receiver has finished
 *   I2  nothing is shown twice to one incarnation; with -DSTORED: nor, up to its watermark, to one that stores that
 *   I3  first showings are in the order of the puts
 *   I8  no run ends before everything has ended; there is no cycle, so every run ends
 */
#ifndef FAULTS
#define FAULTS 2
#endif
#ifndef N
#define N 3 /* envelopes; all but the last are put at the start */
#endif
#define CAP 4
#define S 0 /* the sender's link */
#define R 1 /* the receiver's link */
#define BIT(q) (1 << (q))
#define UPTO(q) ((2 << (q)) - 1)
#define MORE(a, b) ((a) > (b) -> (a) : (b))
#define ROOM(c) (len(c) + 2 <= CAP)

mtype = { OPEN, PUB, OPENED, SETTLE, ANSWER };
mtype = { NONE, WAITING, ASKING, GOING, IDLE, OPENING };

chan up[2] = [CAP] of { mtype, byte, byte, byte, byte };
chan down[2] = [CAP] of { mtype, byte, byte, byte, byte };
bool wire[2];      /* what is sent arrives */
bool linked[2];    /* the node's opinion */
bool session[2];   /* the broker's */
bool lossy[2];          /* something vanished: the next PING or PONG will tell */
byte faults;

/* sender: 6.3.2 */
mtype s_state = IDLE;
byte s_base = 1, s_next = N, s_pos, s_prev, s_round, s_high;
byte s_kept = UPTO(N - 1) - 1; /* retained */
bool s_expired;

/* broker: 6.3.3 */
mtype b_state = NONE;
byte b_lo = 1, b_next, b_wm, b_settled, b_holes, b_given, b_admitted, b_sround, b_rround, b_sprev, b_rprev;
byte b_incarnation; /* of the receiver's session */
bool b_told;        /* OPENED was sent on the sender's present link */

/* receiver: 6.3.5 */
byte r_incarnation = 1, r_wm, r_settled, r_held, r_started, r_hi, r_prev, r_round;
bool r_known, r_open; /* has a state of the stream; opened on this link */

/* what has happened */
byte shown, shown_ever, finished;

#define DROP(c) do :: len(c) > 0 -> c?_,_,_,_,_ :: else -> break od; skip

inline cut(i)
{
    wire[i] = false;
    lossy[i] = false;
    DROP(up[i]);
    DROP(down[i])
}

inline say(c, i, verb, x, y, z, h)
{
    if
    :: wire[i] -> c!verb(x, y, z, h)
    :: else
    fi
}

/* ---- sender ---- */

/* 6.2.1: only while something is retained, and then always */
inline s_open()
{
    if
    :: s_kept -> s_state = OPENING; say(up[S], S, OPEN, s_base, s_next, s_high, 0)
    :: else -> s_state = IDLE
    fi
}

inline s_trim()
{
    do
    :: s_base < s_next && !(s_kept & BIT(s_base)) -> s_base++
    :: else -> break
    od;
    skip
}

inline s_forget(mask)
{
    assert(!(s_kept & (mask) & ~finished)); /* I1 */
    s_kept = s_kept & ~(mask);
    s_trim()
}

active proctype Sender()
{
    byte a, b, c, d;

    do
    :: s_base > N -> break
    /* put */
    :: d_step { s_next == N && ROOM(up[S]) ->
        s_kept = s_kept | BIT(N);
        s_next = N + 1;
        if
        :: s_state == IDLE && linked[S] -> s_open()
        :: else
        fi }
    /* 5.4.1: what was never sent may expire: a hole */
    :: d_step { !s_expired && s_high < N - 1 && (s_kept & BIT(N - 1)) ->
        s_expired = true;
        s_kept = s_kept & ~BIT(N - 1);
        s_trim() }
    /* 6.4.1 */
    :: d_step { linked[S] && s_state == GOING && s_pos < s_next && ROOM(up[S]) ->
        if
        :: s_kept & BIT(s_pos) ->
            say(up[S], S, PUB, s_round, s_pos, s_prev, 0);
            s_prev = s_pos;
            s_high = MORE(s_high, s_pos)
        :: else
        fi;
        s_pos++ }
    :: d_step { linked[S] && wire[S] && down[S]?[OPENED,_,_,_,_] ->
        down[S]?OPENED(a, b, c, d);
        s_state = GOING;
        s_round = a;
        s_prev = 0;
#ifdef TRUST_EXPECT /* 6.5.4 */
        s_forget(UPTO(b - 1));
#endif
        s_forget(UPTO(c) | d);
        s_pos = MORE(s_base, b);
        a = 0; b = 0; c = 0; d = 0 }
    :: d_step { linked[S] && wire[S] && down[S]?[SETTLE,_,_,_,_] ->
        down[S]?SETTLE(a, b, _, _);
        s_forget(UPTO(a) | b);
        a = 0; b = 0 }
    /* the link has ended, and a new one attaches */
    :: d_step { linked[S] && !wire[S] -> linked[S] = false; s_state = IDLE }
    :: d_step { !linked[S] ->
        linked[S] = true;
        wire[S] = true;
        session[S] = true;
        b_told = false;
        s_open() }
    od
}

/* ---- broker ---- */

/* 6.3.3: the receiver is asked what it has */
inline b_ask()
{
    b_told = false;
    b_rround++;
    b_state = ASKING;
    if
    :: session[R] -> say(down[R], R, OPEN, b_rround, b_lo, b_next, 0)
    :: else
    fi
}

inline b_trim()
{
    do
    :: b_lo < b_next && ((b_settled | b_holes) & BIT(b_lo)) -> b_lo++
    :: else -> break
    od;
    b_wm = MORE(b_wm, b_lo - 1)
}

inline b_merge(wm, ranges)
{
    b_wm = MORE(b_wm, wm);
    b_settled = b_settled | (UPTO(wm) & ~UPTO(b_lo - 1)) | (ranges);
    b_given = b_given & ~(UPTO(wm) | (ranges));
    b_trim()
}

/* 6.3.3, 4.8.1: `expect` is behind what is given, settled or a hole. SETTLE rides in the same message. */
inline b_opened()
{
    b_admitted = b_lo;
    c = 1;
    do
    :: c < b_next -> if :: b_given & BIT(c) -> b_admitted = MORE(b_admitted, c + 1) :: else fi; c++
    :: else -> break
    od;
    do
    :: b_admitted < b_next && ((b_settled | b_holes) & BIT(b_admitted)) -> b_admitted++
    :: else -> break
    od;
    b_admitted--;
    if
    :: session[S] ->
        b_sround++;
        b_sprev = 0;
        b_told = true;
#ifdef SPLIT
        say(down[S], S, OPENED, b_sround, b_admitted + 1, 0, 0);
        say(down[S], S, SETTLE, b_wm, b_settled, 0, 0)
#else
        say(down[S], S, OPENED, b_sround, b_admitted + 1, b_wm, b_settled)
#endif
    :: else
    fi;
    c = 0
}

/* 6.4.2: what lies between prev and seq has ended */
inline b_admit(seq)
{
    c = b_admitted + 1;
    do
    :: c < seq -> if :: !((b_given | b_settled) & BIT(c)) -> b_holes = b_holes | BIT(c) :: else fi; c++
    :: else -> break
    od;
    c = 0;
    b_sprev = seq;
    b_admitted = seq;
    b_next = MORE(b_next, seq + 1); /* 6.4.3 */
    if
    :: session[R] && !((b_given | b_settled | b_holes) & BIT(seq)) ->
        say(down[R], R, PUB, b_rround, seq, b_rprev, 0);
        b_rprev = seq;
        b_given = b_given | BIT(seq)
    :: else /* not dispatched while the link is down (3.6.5): the next round asks for it again */
    fi
}

#ifdef NO_ROUND /* 6.3.7 */
#define IS_ROUND(x, mine) true
#else
#define IS_ROUND(x, mine) ((x) == (mine))
#endif
#ifdef NO_PREV /* 6.4.1 */
#define IS_PREV(x, mine) true
#else
#define IS_PREV(x, mine) ((x) == (mine))
#endif

active proctype Broker()
{
    byte a, b, c, d;

end:
    do
    :: d_step { session[S] && wire[S] && up[S]?[OPEN,_,_,_,_] && ROOM(down[R]) ->
        up[S]?OPEN(a, b, _, _);
        b_next = MORE(b_next, b);
        b_lo = MORE(b_lo, a); /* 6.3.6 */
        b_given = b_given & ~UPTO(b_lo - 1);
        b_trim();
        if
        :: b_state == NONE -> b_state = WAITING
        :: b_state == ASKING || b_state == GOING -> b_ask()
        :: else
        fi;
        a = 0; b = 0 }
    :: d_step { b_state == WAITING && session[R] && ROOM(down[R]) -> b_ask() }
    :: d_step { session[S] && wire[S] && up[S]?[PUB,_,_,_,_] && ROOM(down[R]) ->
        up[S]?PUB(a, b, d, _);
        if
        :: !(b_state == GOING && b_told && IS_ROUND(a, b_sround)) /* 4.9.1 */
        :: else ->
            if
            :: !IS_PREV(d, b_sprev) -> cut(S); session[S] = false; b_told = false /* GAP */
            :: else ->
                if
                :: b <= b_admitted /* never: see the assertion */
#if !defined(NO_ROUND) && !defined(NO_PREV)
                    -> assert(false)
#endif
                :: else -> b_admit(b)
                fi
            fi
        fi;
        a = 0; b = 0; d = 0 }
    :: d_step { session[R] && wire[R] && up[R]?[ANSWER,_,_,_,_] && ROOM(down[S]) ->
        up[R]?ANSWER(a, b, c, d);
        if
        :: b_state == ASKING && a == b_rround ->
            assert(b < b_next); /* 6.4.3 */
            b_merge(b, c);
            b_given = d & ~UPTO(b_lo - 1);
            b_state = GOING;
            b_rprev = 0;
            b_opened()
        :: else
        fi;
        a = 0; b = 0; c = 0; d = 0 }
    :: d_step { session[R] && wire[R] && up[R]?[SETTLE,_,_,_,_] && ROOM(down[S]) ->
        up[R]?SETTLE(a, b, _, _);
        if
        :: b_state != NONE && b_state != WAITING ->
            assert(a < b_next);
            b_merge(a, b);
            if
            :: session[S] -> say(down[S], S, SETTLE, b_wm, b_settled, 0, 0)
            :: else
            fi
        :: else
        fi;
        a = 0; b = 0 }
    :: d_step { session[S] && !wire[S] -> session[S] = false; b_told = false }
    :: d_step { session[R] && !wire[R] -> session[R] = false }
    od
}

/* ---- receiver ---- */

/* 6.5.2: over what is settled, over holes only up to hi, never over what is held */
#ifdef PASS_HOLES
#define MAY_PASS(q) true
#else
#define MAY_PASS(q) ((q) <= r_hi || (r_settled & BIT(q)))
#endif
inline r_advance()
{
    do
    :: r_wm < N && !((r_held | r_started) & BIT(r_wm + 1)) && MAY_PASS(r_wm + 1) -> r_wm++
    :: else -> break
    od;
    r_settled = r_settled & ~UPTO(r_wm)
}

inline r_forget()
{
#ifdef VOLATILE /* 12.1.3 */
    r_known = false;
#endif
    r_held = 0;
    r_open = false;
#ifndef NO_LOWER /* 6.5.2: whoever forgets unstarted envelopes lowers hi */
    r_hi = r_wm;
    a = r_wm + 1;
    do
    :: a <= N -> if :: (r_started | r_settled) & BIT(a) -> r_hi = a :: else fi; a++
    :: else -> break
    od;
    a = 0;
#endif
}

inline r_settle(q)
{
    r_settled = r_settled | BIT(q);
    r_advance();
    if
    :: linked[R] && r_open -> say(up[R], R, SETTLE, r_wm, r_settled, 0, 0)
    :: else
    fi
}

inline begin(q)
{
    assert(!(shown & BIT(q)));                                  /* I2 */
    assert((shown_ever & BIT(q)) || (shown_ever >> (q)) == 0);  /* I3 */
    shown = shown | BIT(q);
    shown_ever = shown_ever | BIT(q);
    r_held = r_held & ~BIT(q);
    r_started = r_started | BIT(q)
}

inline finish(q)
{
    finished = finished | BIT(q);
    r_started = r_started & ~BIT(q);
#ifndef ACK_ON_RECEIPT
    r_settle(q)
#endif
}

#define LOWEST(q) ((r_held & BIT(q)) && !(r_held & UPTO((q) - 1)))

active proctype Receiver()
{
    byte a, b, c;

end:
    do
    :: d_step { linked[R] && wire[R] && down[R]?[OPEN,_,_,_,_] && ROOM(up[R]) ->
        down[R]?OPEN(a, b, _, _);
        if
        :: !r_known -> r_known = true; r_wm = b - 1; r_settled = 0; r_held = 0
        :: else
        fi;
        r_open = true;
        r_round = a;
        r_prev = 0;
        r_wm = MORE(r_wm, b - 1);
        r_held = r_held & ~UPTO(r_wm);
        r_started = r_started & ~UPTO(r_wm);
        r_hi = r_wm;
        r_advance();
#ifdef NO_HELD /* 6.3.3: what is held is given */
        say(up[R], R, ANSWER, r_round, r_wm, r_settled, 0);
        r_held = 0;
        r_started = 0;
#else
        say(up[R], R, ANSWER, r_round, r_wm, r_settled, r_held | r_started);
#endif
        a = 0; b = 0 }
    /* 6.4.5 */
    :: d_step { linked[R] && wire[R] && down[R]?[PUB,_,_,_,_] && ROOM(up[R]) ->
        down[R]?PUB(a, b, c, _);
        if
        :: !r_open || a != r_round
        :: else ->
            if
            :: !IS_PREV(c, r_prev) -> cut(R) /* GAP */
            :: else ->
                r_prev = b;
                if
                :: b <= r_wm || (r_settled & BIT(b)) -> say(up[R], R, SETTLE, r_wm, r_settled, 0, 0)
                :: else ->
                    r_hi = MORE(r_hi, b);
                    if
                    :: !((r_held | r_started) & BIT(b)) ->
                        r_held = r_held | BIT(b);
#ifdef ACK_ON_RECEIPT /* 6.5.1 */
                        say(up[R], R, SETTLE, b, 0, 0, 0)
#endif
                    :: else
                    fi
                fi
            fi
        fi;
        a = 0; b = 0; c = 0 }
    /* 6.4.6: started in order, finished in any */
    :: d_step { linked[R] && LOWEST(1) -> begin(1) }
    :: d_step { linked[R] && LOWEST(2) -> begin(2) }
    :: d_step { linked[R] && LOWEST(3) -> begin(3) }
    :: d_step { (r_started & BIT(1)) && ROOM(up[R]) -> finish(1) }
    :: d_step { (r_started & BIT(2)) && ROOM(up[R]) -> finish(2) }
    :: d_step { (r_started & BIT(3)) && ROOM(up[R]) -> finish(3) }
    /* the link has ended; a new one attaches, of this incarnation or of the next (3.3.3) */
    :: d_step { linked[R] && !wire[R] -> linked[R] = false; r_forget() }
    :: d_step { !linked[R] && ROOM(down[R]) ->
        linked[R] = true;
        wire[R] = true;
        session[R] = true;
        if
#ifndef NO_MOVE
        :: b_incarnation && b_incarnation != r_incarnation -> /* a death: 6.3.8 */
            b_given = 0;
            b_told = false;
            if :: b_state != NONE -> b_state = WAITING :: else fi
#else
        :: b_incarnation && b_incarnation != r_incarnation
#endif
        :: else ->
            if :: b_state == ASKING || b_state == GOING -> b_ask() :: else fi
        fi;
        b_incarnation = r_incarnation }
    od
}

/* ---- faults ---- */

active proctype World()
{
end:
    do
    :: d_step { faults < FAULTS && wire[S] -> faults++; cut(S) }
    :: d_step { faults < FAULTS && wire[R] -> faults++; cut(R) }
    /* a message vanishes: the oldest of one direction */
    :: d_step { faults < FAULTS && len(up[S]) > 0 -> faults++; up[S]?_,_,_,_,_; lossy[S] = true }
    :: d_step { faults < FAULTS && len(down[S]) > 0 -> faults++; down[S]?_,_,_,_,_; lossy[S] = true }
    :: d_step { faults < FAULTS && len(up[R]) > 0 -> faults++; up[R]?_,_,_,_,_; lossy[R] = true }
    :: d_step { faults < FAULTS && len(down[R]) > 0 -> faults++; down[R]?_,_,_,_,_; lossy[R] = true }
#ifndef NO_COUNTS /* 3.6.2 */
    :: d_step { lossy[S] -> cut(S) }
    :: d_step { lossy[R] -> cut(R) }
#endif
    /* the broker forgets everything */
    :: d_step { faults < FAULTS ->
        faults++;
        cut(S);
        cut(R);
        session[S] = false;
        session[R] = false;
        b_state = NONE;
        b_lo = 1; b_next = 0; b_wm = 0; b_settled = 0; b_holes = 0; b_given = 0; b_admitted = 0;
        b_sround = 0; b_rround = 0; b_sprev = 0; b_rprev = 0; b_incarnation = 0; b_told = false }
    /* the receiver crashes; what it had shown and not finished is lost */
    :: d_step { faults < FAULTS ->
        faults++;
        r_incarnation++;
        cut(R);
        linked[R] = false;
        r_held = 0; r_started = 0; r_hi = 0; r_prev = 0; r_round = 0; r_open = false;
#ifdef STORED /* its watermark, with the effects of what lies below it */
        shown = UPTO(r_wm);
        r_hi = r_wm;
#ifndef STORED_RANGES /* what is settled above it may not be stored: 6.5.2 would take what lies between for holes */
        r_settled = 0;
#endif
#else
        shown = 0;
#endif
#if !defined(STORED) || defined(NO_STORE)
        r_known = false;
        r_wm = 0;
        r_settled = 0;
#endif
        skip }
    od
}
