/* Ends other than settlement: schema/SPEC.md sections 6.3, 7.1, 7.2 and 8.1. One stream; the receiver may refuse what it
 * has started (END up), and the broker may refuse the second envelope when it is dispatched (a restriction, 7.4). Links
 * end, the broker and the receiver crash: FAULTS of these together. Nothing vanishes on a living link (link.pml has that).
 *
 *   I2  nothing is shown twice to one incarnation
 *   I7  every envelope ends once, and truthfully: settled = finished well; FAILED = a receiver said so; REFUSED = nobody has
 *       had it, nor will
 *   I8  no run ends before everything has ended; there is no cycle
 */
#ifndef FAULTS
#define FAULTS 2
#endif
#define N 3
#define CAP 8
#define S 0 /* the sender's link */
#define R 1 /* the receiver's link */
#define BIT(q) (1 << (q))
#define UPTO(q) ((2 << (q)) - 1)
#define MORE(a, b) ((a) > (b) -> (a) : (b))
#define ROOM(c) (len(c) + 4 <= CAP) /* for what one step says */

mtype = { OPEN, PUB, OPENED, SETTLE, ANSWER, END, ENDED };
mtype = { NONE, WAITING, ASKING, GOING, IDLE, OPENING };
#define FAILED 1
#define REFUSED 2
#define OUTCOME_UNKNOWN 3

chan up[2] = [CAP] of { mtype, byte, byte, byte, byte };
chan down[2] = [CAP] of { mtype, byte, byte, byte, byte };
bool wire[2];    /* what is sent arrives */
bool linked[2];  /* the node's opinion */
bool session[2]; /* the broker's */
byte faults;

/* sender */
mtype s_state = IDLE;
byte s_base = 1, s_pos, s_prev, s_round, s_high;
byte s_kept = UPTO(N) - 1;

/* broker */
mtype b_state = NONE;
byte b_lo = 1, b_wm, b_settled, b_ended, b_given, b_parked, b_ever, b_high, b_admitted, b_sround, b_rround, b_rprev;
byte b_ending, b_up; /* waits for ENDED of the sender; and the receiver waits, too */
byte b_code[N + 1];  /* of what is ending */
byte b_incarnation;
bool b_told;

/* receiver */
byte r_incarnation = 1, r_wm, r_settled, r_held, r_started, r_refused, r_hi, r_round;
bool r_known, r_open;

/* what has happened */
byte shown, shown_ever, finished, failed, ended_refused;

#define DROP(c) do :: len(c) > 0 -> c?_,_,_,_,_ :: else -> break od; skip

inline cut(i)
{
    wire[i] = false;
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

inline s_open()
{
    if
    :: s_kept -> s_state = OPENING; say(up[S], S, OPEN, s_base, s_high, 0, 0)
    :: else -> s_state = IDLE
    fi
}

inline s_trim()
{
    do
    :: s_base <= N && !(s_kept & BIT(s_base)) -> s_base++
    :: else -> break
    od;
    skip
}

inline s_settled(mask)
{
    assert(!(s_kept & (mask) & ~finished)); /* I7 */
    s_kept = s_kept & ~(mask);
    s_trim()
}

/* 7.1.1: the code is told exactly once; ENDED is the answer in every case */
inline s_end(q, code)
{
    if
#ifndef TELL_AGAIN
    :: s_kept & BIT(q) ->
#else
    :: true ->
        assert(s_kept & BIT(q)); /* I7: a second end */
#endif
        assert(code != FAILED || (failed & BIT(q)));          /* I7 */
        assert(code != REFUSED || !(shown_ever & BIT(q)));    /* I7 */
        if
        :: code == REFUSED -> ended_refused = ended_refused | BIT(q)
        :: else
        fi;
        s_kept = s_kept & ~BIT(q);
        s_trim()
    :: else
    fi;
    say(up[S], S, ENDED, q, 0, 0, 0)
}

/* 7.2.1: unanswered ENDs are said again */
inline b_say_ends()
{
    if :: b_ending & BIT(1) -> say(down[S], S, END, 1, b_code[1], 0, 0) :: else fi;
    if :: b_ending & BIT(2) -> say(down[S], S, END, 2, b_code[2], 0, 0) :: else fi;
    if :: b_ending & BIT(3) -> say(down[S], S, END, 3, b_code[3], 0, 0) :: else fi
}

active proctype Sender()
{
    byte a, b, c, d;

end:
    do
    :: d_step { linked[S] && s_state == GOING && s_pos <= N && ROOM(up[S]) ->
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
        s_settled(UPTO(c) | d);
        s_pos = MORE(s_base, b);
        a = 0; b = 0; c = 0; d = 0 }
    :: d_step { linked[S] && wire[S] && down[S]?[SETTLE,_,_,_,_] ->
        down[S]?SETTLE(a, b, _, _);
        s_settled(UPTO(a) | b);
        a = 0; b = 0 }
    :: d_step { linked[S] && wire[S] && down[S]?[END,_,_,_,_] && ROOM(up[S]) ->
        down[S]?END(a, b, _, _);
        s_end(a, b);
        a = 0; b = 0 }
    :: d_step { linked[S] && !wire[S] -> linked[S] = false; s_state = IDLE }
    :: d_step { !linked[S] ->
        linked[S] = true;
        wire[S] = true;
        session[S] = true;
        b_told = false;
#ifndef NO_BROKER_AGAIN
        b_say_ends();
#endif
        s_open() }
    od
}

/* ---- broker ---- */

inline b_ask()
{
    b_told = false;
    b_parked = 0;
    b_rround++;
    b_state = ASKING;
    if
    :: session[R] -> say(down[R], R, OPEN, b_rround, b_lo, 0, 0)
    :: else
    fi
}

inline b_trim()
{
    do
    :: b_lo <= N && ((b_settled | b_ended) & BIT(b_lo)) -> b_lo++
    :: else -> break
    od;
    b_wm = MORE(b_wm, b_lo - 1)
}

inline b_merge(wm, ranges)
{
    b_wm = MORE(b_wm, wm);
    b_settled = b_settled | (((UPTO(wm) & ~UPTO(b_lo - 1)) | (ranges)) & ~b_ending);
    b_given = b_given & ~(UPTO(wm) | (ranges));
    b_trim()
}

inline b_opened()
{
    b_admitted = b_lo;
    c = 1;
    do
    :: c <= N -> if :: b_given & BIT(c) -> b_admitted = MORE(b_admitted, c + 1) :: else fi; c++
    :: else -> break
    od;
    do
    :: b_admitted <= N && ((b_settled | b_ended | b_ending) & BIT(b_admitted)) -> b_admitted++
    :: else -> break
    od;
    b_admitted--;
    if
    :: session[S] ->
        b_sround++;
        b_told = true;
        say(down[S], S, OPENED, b_sround, b_admitted + 1, b_wm, b_settled)
    :: else
    fi;
    c = 0
}

/* 7.1.3: of what a receiver may have been given, the outcome is not known */
inline b_end(q, code)
{
    b_parked = b_parked & ~BIT(q);
    b_given = b_given & ~BIT(q);
    b_ending = b_ending | BIT(q);
    b_code[q] = code;
    if
    :: session[S] -> say(down[S], S, END, q, b_code[q], 0, 0)
    :: else
    fi
}

inline b_give(q)
{
    b_parked = b_parked & ~BIT(q);
    b_given = b_given | BIT(q);
    b_ever = b_ever | BIT(q);
    say(down[R], R, PUB, b_rround, q, b_rprev, 0);
    b_rprev = q
}

/* 7.2.2, 7.2.3: it has ended, and whoever waits for that hears it */
inline b_over(q)
{
    if
    :: (b_ending & b_up & BIT(q)) && session[R] && b_state != NONE && b_state != WAITING ->
        say(down[R], R, ENDED, q, 0, 0, 0)
    :: else
    fi;
    b_ending = b_ending & ~BIT(q);
    b_up = b_up & ~BIT(q);
    b_code[q] = 0
}

#ifdef NO_BARRIER /* 7.2.1 */
#define BARRIER false
#else
#define BARRIER b_ending
#endif
#ifdef NO_UNKNOWN /* 7.1.3 */
#define MAYBE(q) false
#else
#define MAYBE(q) ((b_ever & BIT(q)) || (q) <= b_high)
#endif
#define DISPATCH(q) (b_state == GOING && session[R] && !BARRIER && (b_parked & BIT(q)) && !(b_parked & UPTO((q) - 1)))

active proctype Broker()
{
    byte a, b, c, d;

end:
    do
    :: d_step { session[S] && wire[S] && up[S]?[OPEN,_,_,_,_] && ROOM(down[R]) ->
        up[S]?OPEN(a, b, _, _);
        if
        :: b_state == NONE -> b_state = WAITING; b_high = b
        :: else
        fi;
        /* 7.2.1: a base above an END answers it */
        do
        :: b_lo < a -> b_over(b_lo); b_lo++
        :: else -> break
        od;
        b_given = b_given & ~UPTO(b_lo - 1);
        b_trim();
        if
        :: b_state == ASKING || b_state == GOING -> b_ask()
        :: else
        fi;
        a = 0; b = 0 }
    :: d_step { b_state == WAITING && session[R] && ROOM(down[R]) -> b_ask() }
    :: d_step { session[S] && wire[S] && up[S]?[PUB,_,_,_,_] ->
        up[S]?PUB(a, b, d, _);
        if
        :: b_state == GOING && b_told && a == b_sround ->
            assert(b > b_admitted);
            c = b_admitted + 1; /* 6.4.2 */
            do
            :: c < b ->
                if
                :: !((b_given | b_settled | b_ending) & BIT(c)) -> b_ended = b_ended | BIT(c)
                :: else
                fi;
                c++
            :: else -> break
            od;
            b_admitted = b;
            if
            :: !((b_given | b_settled | b_ended | b_ending) & BIT(b)) -> b_parked = b_parked | BIT(b)
            :: else
            fi
        :: else
        fi;
        a = 0; b = 0; c = 0; d = 0 }
    :: d_step { DISPATCH(1) && ROOM(down[R]) -> b_give(1) }
    :: d_step { DISPATCH(2) && ROOM(down[R]) -> b_give(2) }
    :: d_step { DISPATCH(3) && ROOM(down[R]) -> b_give(3) }
    :: d_step { DISPATCH(2) && ROOM(down[S]) -> b_end(2, (MAYBE(2) -> OUTCOME_UNKNOWN : REFUSED)) }
    :: d_step { session[S] && wire[S] && up[S]?[ENDED,_,_,_,_] && ROOM(down[R]) ->
        up[S]?ENDED(a, _, _, _);
        if
        :: b_ending & BIT(a) ->
            b_over(a);
            b_ended = b_ended | BIT(a);
            b_trim()
        :: else
        fi;
        a = 0 }
    :: d_step { session[R] && wire[R] && up[R]?[ANSWER,_,_,_,_] && ROOM(down[S]) ->
        up[R]?ANSWER(a, b, c, d);
        if
        :: b_state == ASKING && a == b_rround ->
            b_merge(b, c);
            b_given = d & ~UPTO(b_lo - 1) & ~(b_settled | b_ended | b_ending);
            b_ever = b_ever | b_given;
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
            b_merge(a, b);
            if
            :: session[S] -> say(down[S], S, SETTLE, b_wm, b_settled, 0, 0)
            :: else
            fi
        :: else
        fi;
        a = 0; b = 0 }
    /* 7.2.3 */
    :: d_step { session[R] && wire[R] && up[R]?[END,_,_,_,_] && ROOM(down[S]) && ROOM(down[R]) ->
        up[R]?END(a, _, _, _);
        if
        :: b_state == NONE || b_state == WAITING
        :: else ->
            if
            :: a < b_lo || ((b_settled | b_ended) & BIT(a)) -> say(down[R], R, ENDED, a, 0, 0, 0)
            :: else ->
                if
                :: !(b_ending & BIT(a)) -> b_end(a, FAILED)
                :: else
                fi;
                b_up = b_up | BIT(a)
            fi
        fi;
        a = 0 }
    :: d_step { session[S] && !wire[S] -> session[S] = false; b_told = false }
    :: d_step { session[R] && !wire[R] -> session[R] = false }
    od
}

/* ---- receiver ---- */

inline r_advance()
{
    do
    :: r_wm < N && !((r_held | r_started | r_refused) & BIT(r_wm + 1)) &&
       (r_wm + 1 <= r_hi || (r_settled & BIT(r_wm + 1))) -> r_wm++
    :: else -> break
    od;
    r_settled = r_settled & ~UPTO(r_wm)
}

inline r_say_ends()
{
    if :: r_refused & BIT(1) -> say(up[R], R, END, 1, 0, 0, 0) :: else fi;
    if :: r_refused & BIT(2) -> say(up[R], R, END, 2, 0, 0, 0) :: else fi;
    if :: r_refused & BIT(3) -> say(up[R], R, END, 3, 0, 0, 0) :: else fi
}

inline begin(q)
{
    assert(!(shown & BIT(q)));         /* I2 */
    assert(!(ended_refused & BIT(q))); /* I7 */
    shown = shown | BIT(q);
    shown_ever = shown_ever | BIT(q);
    r_held = r_held & ~BIT(q);
    r_started = r_started | BIT(q)
}

inline finish(q)
{
    finished = finished | BIT(q);
    r_started = r_started & ~BIT(q);
    r_settled = r_settled | BIT(q);
    r_advance();
    if
    :: linked[R] && r_open -> say(up[R], R, SETTLE, r_wm, r_settled, 0, 0)
    :: else
    fi
}

/* 7.2.2: until ENDED it counts as held */
inline refuse(q)
{
    failed = failed | BIT(q);
    r_started = r_started & ~BIT(q);
#ifdef REFUSED_SETTLES
    r_settled = r_settled | BIT(q);
    r_advance();
#else
    r_refused = r_refused | BIT(q);
#endif
    if
    :: linked[R] && r_open -> say(up[R], R, END, q, 0, 0, 0)
    :: else
    fi
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
        :: !r_known -> r_known = true; r_wm = b - 1
        :: else
        fi;
        r_open = true;
        r_round = a;
        r_wm = MORE(r_wm, b - 1); /* 6.3.6 */
        r_held = r_held & ~UPTO(r_wm);
        r_started = r_started & ~UPTO(r_wm);
        r_refused = r_refused & ~UPTO(r_wm);
        r_hi = r_wm;
        r_advance();
        say(up[R], R, ANSWER, r_round, r_wm, r_settled, r_held | r_started | r_refused);
#ifndef NO_RECEIVER_AGAIN
        r_say_ends(); /* 7.2.2: END again */
#endif
        a = 0; b = 0 }
    :: d_step { linked[R] && wire[R] && down[R]?[PUB,_,_,_,_] && ROOM(up[R]) ->
        down[R]?PUB(a, b, c, _);
        if
        :: r_open && a == r_round ->
            if
            :: b <= r_wm || (r_settled & BIT(b)) -> say(up[R], R, SETTLE, r_wm, r_settled, 0, 0)
            :: else ->
                r_hi = MORE(r_hi, b);
                r_held = r_held | (BIT(b) & ~(r_started | r_refused))
            fi
        :: else
        fi;
        a = 0; b = 0; c = 0 }
    :: d_step { linked[R] && wire[R] && down[R]?[ENDED,_,_,_,_] ->
        down[R]?ENDED(a, _, _, _);
        if
        :: r_refused & BIT(a) ->
            r_refused = r_refused & ~BIT(a);
            r_settled = r_settled | BIT(a);
            r_advance()
        :: else
        fi;
        a = 0 }
    :: d_step { linked[R] && LOWEST(1) -> begin(1) }
    :: d_step { linked[R] && LOWEST(2) -> begin(2) }
    :: d_step { linked[R] && LOWEST(3) -> begin(3) }
    :: d_step { (r_started & BIT(1)) && ROOM(up[R]) -> finish(1) }
    :: d_step { (r_started & BIT(2)) && ROOM(up[R]) -> finish(2) }
    :: d_step { (r_started & BIT(3)) && ROOM(up[R]) -> finish(3) }
    :: d_step { (r_started & BIT(2)) && ROOM(up[R]) -> refuse(2) }
    :: d_step { linked[R] && !wire[R] ->
        linked[R] = false;
        r_open = false;
        r_held = 0;
        r_hi = r_wm;
        a = r_wm + 1; /* 6.5.2 */
        do
        :: a <= N -> if :: (r_started | r_refused | r_settled) & BIT(a) -> r_hi = a :: else fi; a++
        :: else -> break
        od;
        a = 0 }
    :: d_step { !linked[R] && ROOM(down[R]) ->
        linked[R] = true;
        wire[R] = true;
        session[R] = true;
        if
        :: b_incarnation && b_incarnation != r_incarnation -> /* 6.3.8 */
            b_given = 0;
            b_up = 0;
            b_parked = 0;
            b_told = false;
            if :: b_state != NONE -> b_state = WAITING :: else fi
        :: else ->
            if :: b_state == ASKING || b_state == GOING -> b_ask() :: else fi
        fi;
        b_incarnation = r_incarnation }
    od
}

/* I8: a run that stops before this has become true is an invalid end */
active proctype Everything()
{
    s_base > N && !b_ending && (!r_refused || b_state == NONE) /* a broker that has forgotten the stream asks nobody */
}

/* ---- faults ---- */

active proctype World()
{
end:
    do
    :: d_step { faults < FAULTS && wire[S] -> faults++; cut(S) }
    :: d_step { faults < FAULTS && wire[R] -> faults++; cut(R) }
    /* the broker forgets everything */
    :: d_step { faults < FAULTS ->
        faults++;
        cut(S);
        cut(R);
        session[S] = false;
        session[R] = false;
        b_state = NONE;
        b_lo = 1; b_wm = 0; b_settled = 0; b_ended = 0; b_given = 0; b_parked = 0; b_ever = 0; b_high = 0; b_admitted = 0;
        b_sround = 0; b_rround = 0; b_rprev = 0; b_ending = 0; b_up = 0; b_incarnation = 0; b_told = false;
        b_code[1] = 0; b_code[2] = 0; b_code[3] = 0 }
    /* the receiver is another process now */
    :: d_step { faults < FAULTS ->
        faults++;
        r_incarnation++;
        cut(R);
        linked[R] = false;
        r_open = false; r_known = false;
        r_wm = 0; r_settled = 0; r_held = 0; r_started = 0; r_refused = 0; r_hi = 0; r_round = 0;
        shown = 0 }
    od
}
