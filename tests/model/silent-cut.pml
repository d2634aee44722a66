/* A link that breaks without telling: schema/SPEC.md sections 2.3, 3.1, 3.5 and 3.6. The node retains two messages until
 * the broker has answered them, and sends them again on every new link. FAULTS of these happen: what is in flight in one
 * direction vanishes and the link goes on (a silent reconnect); from now on nothing arrives any more in one direction;
 * the broker has no session any more.
 *
 * "Silence" is that a PING was sent and nothing is on its way: a real timeout is longer than anything living takes.
 *
 *   I8  every run ends, with everything answered: no invalid end, no cycle (a cycle would be PING and PONG for ever)
 */
#ifndef FAULTS
#define FAULTS 3
#endif
#define CAP 6
#define BIT(q) (1 << (q))

mtype = { DATA, SETTLE, PING, PONG, WHO };

chan up = [CAP] of { mtype, byte };
chan down = [CAP] of { mtype, byte };
bool deaf_up, deaf_down; /* nothing arrives there any more */
bool linked, session;    /* the node's opinion, the broker's */
byte kept = 3, todo;     /* not answered; not sent on this link yet */
byte n_sent, n_received, b_sent, b_received; /* messages on this link */
bool pinged;
byte faults;

#define DROP(c) do :: len(c) > 0 -> c?_,_ :: else -> break od; skip
#define ROOM(c) (len(c) + 2 <= CAP)
#define SILENT (pinged && empty(up) && empty(down))

inline go_up(verb, x)
{
    n_sent++;
    if
    :: !deaf_up -> up!verb(x)
    :: else
    fi
}

inline go_down(verb, x)
{
    b_sent++;
    if
    :: !deaf_down -> down!verb(x)
    :: else
    fi
}

active proctype Node()
{
    byte x;

    do
    :: !kept -> break
    :: d_step { kept && !linked ->
        DROP(up);
        DROP(down);
        linked = true;
        session = true;
        deaf_up = false;
        deaf_down = false;
        pinged = false;
        n_sent = 0; n_received = 0; b_sent = 0; b_received = 0;
        todo = kept }
    :: d_step { linked && nempty(down) ->
        n_received++;
        if
        :: down?SETTLE(x) -> kept = kept & ~BIT(x)
        :: down?PONG(x) ->
            pinged = false;
#ifndef NO_DOWN_COUNT /* 3.6.2: the node compares in the same way */
            linked = (x == n_received)
#endif
        :: down?WHO(x) -> linked = false /* 3.5.2 */
        fi;
        x = 0 }
    :: d_step { linked && (todo & BIT(0)) && ROOM(up) -> todo = todo & ~BIT(0); go_up(DATA, 0) }
    :: d_step { linked && (todo & BIT(1)) && ROOM(up) -> todo = todo & ~BIT(1); go_up(DATA, 1) }
    /* 3.6.1: when nothing else is to be done */
    :: d_step { linked && kept && !todo && empty(down) && !pinged && ROOM(up) -> pinged = true; go_up(PING, n_sent) }
#ifndef NO_SILENCE /* 3.6.3 */
    :: d_step { linked && SILENT -> linked = false }
#endif
    od
}

active proctype Broker()
{
    byte x;

end:
    do
    :: d_step { nempty(up) && ROOM(down) ->
        if
        :: session -> b_received++
        :: else
        fi;
        if
        :: up?DATA(x) ->
            if
            :: session -> go_down(SETTLE, x)
#ifndef NO_WHO
            :: !session -> go_down(WHO, 0)
#else
            :: !session
#endif
            fi
        :: up?PING(x) ->
            if
#ifndef NO_UP_COUNT /* 3.6.2: the link ends with GAP, which does to the node what WHO does */
            :: session && x != b_received -> session = false; go_down(WHO, 0)
            :: session && x == b_received -> go_down(PONG, b_sent)
#else
            :: session -> go_down(PONG, b_sent)
#endif
#ifndef NO_WHO
            :: !session -> go_down(WHO, 0)
#else
            :: !session
#endif
            fi
        fi;
        x = 0 }
    od
}

active proctype World()
{
    mtype verb;
    byte x;

end:
    do
    :: d_step { faults < FAULTS && nempty(up) -> faults++; DROP(up) }
    :: d_step { faults < FAULTS && nempty(down) -> faults++; DROP(down) }
    :: d_step { faults < FAULTS && !deaf_up -> faults++; deaf_up = true; DROP(up) }
    :: d_step { faults < FAULTS && !deaf_down -> faults++; deaf_down = true; DROP(down) }
    :: d_step { faults < FAULTS && session -> faults++; session = false }
#ifdef DUPLICATES /* no transport loses and duplicates: in the count the two cancel out */
    :: d_step { faults < FAULTS && nempty(up) && ROOM(up) -> faults++; up?<verb, x>; up!verb(x); verb = 0; x = 0 }
#endif
    od
}
