/* Several receivers of one stream, and time: schema/SPEC.md sections 3.6, 3.7, 6.3.8, 6.3.9 and 6.7.4. The stream leaves a
 * living receiver by RELEASE, a silent one when it has been declared dead; a broker that has lost its memory waits in
 * grace. Receivers and broker stand still for as long as they like; PINGs and PONGs, too. Opening (OPEN, ANSWER, OPENED)
 * and attaching (HELLO to CONFIRM) are one step each; the sender is part of the broker, and sends again what is wanted.
 *
 *   I3  only the receiver that has the stream shows its envelopes, in order; one that was declared dead shows nothing
 *   I2  an envelope is shown again only if its former receiver is dead, or the broker has forgotten who that was
 *
 * Safety only: link.pml looks at what must come.
 */
#ifndef GONE
#define GONE 3 /* more than a lease can last; SPEC 3.6.6 has some more */
#endif
#ifndef GRACE
#define GRACE TIMEOUT /* the shortest that the broker allows */
#endif
#define TIMEOUT 2
#define LAST 6 /* time ends */
#ifndef FAULTS
#define FAULTS 2 /* moves, links that end, crashes of the broker */
#endif
#define NOBODY 2
#define CAP 3
#define BIT(q) (1 << (q))
#define ROOM(c) (len(c) < CAP)

mtype = { PUB, RELEASE, PONG, PING, SETTLE, RELEASED };

chan up[2] = [CAP] of { mtype, byte };
chan down[2] = [CAP] of { mtype, byte };
byte now = TIMEOUT; /* a lease of 0 is over */
byte faults;
bool crashed;

/* receivers: envelope q of 0, 1 is a bit */
bool linked[2];
byte lease[2], held[2], started[2], settled[2];
bool pinged[2], releasing[2];

/* broker */
bool session[2], dead[2];
byte since; /* without the owner's link */
byte owner = NOBODY;
bool is_releasing, resumed;
byte given, final, born;

byte shown, excused;

#define DROP(c) do :: len(c) > 0 -> c?_,_ :: else -> break od; skip

/* ---- receivers ---- */

/* the broker asks what it has */
inline b_bind(r)
{
    owner = r;
    is_releasing = false;
    resumed = false;
    final = final | settled[r];
    given = started[r]
}

inline begin(r, q)
{
    assert(owner == r || owner == NOBODY);                      /* I3 */
    assert(!dead[r]);                                           /* I3 */
    assert(!(shown & BIT(q)) || (excused & BIT(q)));            /* I2 */
    assert((shown >> (q)) == 0 || (shown & BIT(q)));            /* I3 */
    shown = shown | BIT(q);
    excused = (owner == NOBODY -> excused | BIT(q) : excused & ~BIT(q));
    held[r] = held[r] & ~BIT(q);
    started[r] = started[r] | BIT(q)
}

inline finish(r, q)
{
    started[r] = started[r] & ~BIT(q);
    settled[r] = settled[r] | BIT(q);
    if
    :: linked[r] && session[r] -> up[r]!SETTLE(q)
    :: else
    fi
}

#ifdef NO_LEASE /* 3.6.4 */
#define MAY_START(r) linked[r]
#else
#define MAY_START(r) (linked[r] && now - lease[r] < TIMEOUT)
#endif
#ifdef EARLY_RELEASED /* 6.3.5: only when nothing is held */
#define MAY_RELEASE(r) releasing[r]
#else
#define MAY_RELEASE(r) (releasing[r] && !started[r])
#endif

proctype Receiver(byte r)
{
    byte x;

end:
    do
    /* 3.6.1; of one that has nothing to start it would change nothing */
    :: d_step { linked[r] && !pinged[r] && held[r] && ROOM(up[r]) && now > lease[r] -> pinged[r] = true; up[r]!PING(now) }
    :: d_step { linked[r] && down[r]?[PONG, _] ->
        down[r]?PONG(x);
        pinged[r] = false;
        lease[r] = (x > lease[r] -> x : lease[r]);
        x = 0 }
    :: d_step { linked[r] && down[r]?[PUB, _] ->
        down[r]?PUB(x);
        held[r] = held[r] | (BIT(x) & ~(started[r] | settled[r]));
        x = 0 }
    :: d_step { linked[r] && down[r]?[RELEASE, _] ->
        down[r]?RELEASE(_);
#ifndef NO_FORGET /* 6.3.5: forget the unstarted */
        held[r] = 0;
#endif
        releasing[r] = true }
    :: d_step { linked[r] && MAY_RELEASE(r) && ROOM(up[r]) -> releasing[r] = false; up[r]!RELEASED(0) }
    :: d_step { MAY_START(r) && (held[r] & 1) -> begin(r, 0) }
    :: d_step { MAY_START(r) && (held[r] & 2) && !(held[r] & 1) -> begin(r, 1) }
    :: d_step { (started[r] & 1) && ROOM(up[r]) -> finish(r, 0) }
    :: d_step { (started[r] & 2) && ROOM(up[r]) -> finish(r, 1) }
    /* 3.1.2; it notices when it likes */
    :: d_step { linked[r] && !session[r] -> linked[r] = false; held[r] = 0; lease[r] = 0; releasing[r] = false; pinged[r] = false }
    :: d_step { !linked[r] ->
        DROP(up[r]);
        DROP(down[r]);
        linked[r] = true;
        lease[r] = now; /* HELLO's clock, echoed by WELCOME */
        session[r] = true;
        dead[r] = false;
        if
        :: owner == r && !is_releasing -> final = final | settled[r]; given = started[r]
        :: owner == r && is_releasing -> down[r]!RELEASE(0)
        :: owner == NOBODY && resumed && started[r] -> b_bind(r) /* 3.7.1: its claim */
        :: else
        fi }
    od
}

/* ---- broker ---- */

/* What it was given and has not settled is given again. */
inline b_leave()
{
    owner = NOBODY;
    is_releasing = false;
    given = 0
}

inline b_link_ends(r)
{
    session[r] = false;
    DROP(up[r]);
    DROP(down[r]);
    if
    :: owner == r -> since = now
    :: else
    fi
}

#define NEXT(q) (!((given | final) & BIT(q)) && ((q) == 0 || ((given | final) & BIT((q) - 1))))

inline b_hear(r)
{
    if
    :: up[r]?PING(x) -> down[r]!PONG(x)
    :: up[r]?SETTLE(x) ->
        if
        :: owner == r -> final = final | BIT(x); given = given & ~BIT(x)
        :: else
        fi
    :: up[r]?RELEASED(x) ->
        if
        :: owner == r && is_releasing -> final = final | settled[r]; b_leave()
        :: else
        fi
    fi;
    x = 0
}

#define GRACE_IS_OVER (!resumed || now > born + GRACE)

active proctype Broker()
{
    byte x;

    d_step { /* they are alike: 0 is the first */
        linked[0] = true;
        session[0] = true;
        lease[0] = now;
        owner = 0 };
    run Receiver(0);
    run Receiver(1);
end:
    do
    :: d_step { session[0] && nempty(up[0]) && ROOM(down[0]) -> b_hear(0) }
    :: d_step { session[1] && nempty(up[1]) && ROOM(down[1]) -> b_hear(1) }
    :: d_step { owner == NOBODY && session[0] && GRACE_IS_OVER -> b_bind(0) }
    :: d_step { owner == NOBODY && session[1] && GRACE_IS_OVER -> b_bind(1) }
    /* 6.4.4 */
    :: d_step { owner < NOBODY && session[owner] && !is_releasing && NEXT(0) && ROOM(down[owner]) ->
        given = given | BIT(0);
        down[owner]!PUB(0) }
    :: d_step { owner < NOBODY && session[owner] && !is_releasing && NEXT(1) && ROOM(down[owner]) ->
        given = given | BIT(1);
        down[owner]!PUB(1) }
    /* 6.3.9: it is to go to another one */
    :: d_step { owner < NOBODY && !is_releasing && faults < FAULTS && session[owner] && ROOM(down[owner]) ->
        faults++;
#ifdef NO_RELEASE
        b_leave()
#else
        is_releasing = true;
        down[owner]!RELEASE(0)
#endif
        }
    /* 3.6.3, and any other end of a link */
    :: d_step { faults < FAULTS && session[0] -> faults++; b_link_ends(0) }
    :: d_step { faults < FAULTS && session[1] -> faults++; b_link_ends(1) }
    /* 3.6.6 */
    :: d_step { owner < NOBODY && !session[owner] && !dead[owner] && now - since > GONE ->
        dead[owner] = true;
        excused = excused | given | started[owner];
        b_leave() }
    /* it forgets everything; streams that were sent on are resumed (3.7.1) */
    :: d_step { faults < FAULTS && !crashed && now < LAST - TIMEOUT ->
        faults++;
        crashed = true;
        session[0] = false; session[1] = false;
        dead[0] = false; dead[1] = false;
        since = 0;
        owner = NOBODY;
        is_releasing = false;
        resumed = true;
        born = now;
        excused = shown;
        given = 0;
        final = 0 }
    :: d_step { now < LAST ->
        now++;
        if :: now - lease[0] >= TIMEOUT -> lease[0] = 0 :: else fi;
        if :: now - lease[1] >= TIMEOUT -> lease[1] = 0 :: else fi }
    od
}
