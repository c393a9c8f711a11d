# SPDX-License-Identifier: MIT
"""Messages: what the demos of part 2 say, who waits for whom, what the direct
switch leaves out, and a server that holds eight callers at once.

(What each call does in each state of an endpoint is tested on the machine
itself: part2-ipc/selftest_ipc.c.)
"""
from __future__ import annotations

import random
import re
from dataclasses import dataclass

import pytest

import ipc_trace
from harness import Run
from ipc_trace import Kind
from test_model import has_contexts

# images/replies.c stands in for demos/crasher.c; "how=" picks what it does.
PROGRAM = "replies.c"
CHECK = pytest.mark.parametrize("check", ["", "check=1"],
                                ids=["unchecked", "checked"])
OK = 0
SEND, CALL, REPLY_RECV, REPLY = 0, 2, 5, 7
TABLE = "thread          is        cap waits for       since"


def said(run: Run) -> list[str]:
    """What a demo printed."""
    lines = run.lines()
    first = next(n for n, x in enumerate(lines) if x.startswith("demo:"))
    return lines[first + 1:]


# --- The demos ---

MEALS = "".join(f"philosopher {n} eats\n" for n in [3, 2, 1, 0, 4] * 3)

DEMOS = {
    "pingpong": """\
ping: sends 0
pong: got 0
ping: sends 1
pong: got 1
ping: sends 2
pong: got 2
result: 3 after 3 round trips
pong: ERROR_DESTROYED
""",
    "pingpong rounds=1": """\
ping: sends 0
pong: got 0
result: 1 after 1 round trips
pong: ERROR_DESTROYED
""",
    "pingpong rounds=0": """\
result: 0 after 0 round trips
pong: ERROR_DESTROYED
""",
    "calc": """\
adder: 1
adder: 3
adder: 6
adder: 10
squarer: 1
squarer: 5
squarer: 14
squarer: 30
second adder: 1
second adder: 3
second adder: 6
second adder: 10
result: totals 10, 30 and 10
""",
    "names": """\
doubler: the name is taken
client: doubler makes 42 of 21
client: tripler makes 63 of 21
client: nobody is called halver
result: 2 of 3 names were found
""",
    "mailbox": """\
result: 24 letters in order, room for 4, up to 3 waited
""",
    "pipeline": """\
sum: 1, now 1
sum: 9, now 10
sum: 25, now 35
sum: 49, now 84
sum: 81, now 165
result: the odd squares up to 100 add up to 165
""",
    "philosophers fix=1": MEALS + "result: 15 meals\n",
    "forger": """\
saver: there are 0 coins in my account
result: the forger has 100 of the saver's 100 coins
""",
    "glutton": """\
the glutton has 96 endpoints, and 414 more names for one of them
result: a modest program could not even begin
""",
    "meddler": """\
result: 2000 updates made, 1000 lost
""",
    "meddler fix=1": """\
result: 2000 updates made, 0 lost
""",
    "script program=c0,c0/r00,y,a0,r00": """\
result: 6 operations done, 0 words spoiled
""",
}


@pytest.mark.parts(2)
@CHECK
@pytest.mark.parametrize("demo", DEMOS)
def test_demo(boot, part, demo, check):
    """A demo prints this and nothing else, with the kernel's invariants checked
    after each call as without, and ends well."""
    name, _, args = demo.partition(" ")
    run = boot(part, name, f"{args} {check}")
    wanted = DEMOS[demo]
    if has_contexts(part):  # the glutton's own has a name too
        wanted = wanted.replace("414 more names", "413 more names")
    assert said(run) == wanted.splitlines()
    assert run.status == 0


@pytest.mark.parts(2)
@CHECK
def test_ways(boot, part, check):
    """Three ways to pass a message: all lose nothing. The figures are the
    machine's; two that share memory and seldom meet are quickest."""
    run = boot(part, "ways", check)
    lines = said(run)
    assert lines[0] == "instructions for each of 1000 messages:"
    ways = [re.fullmatch(r"  (.*\S) +(\d+)", line) for line in lines[1:4]]
    assert [way and way[1] for way in ways] == [
        "rendezvous", "shared queue of 16", "shared structure"], lines
    rendezvous, queue, structure = (int(way[2]) for way in ways if way)
    assert 20 < queue < structure and queue < rendezvous
    assert lines[4:] == ["result: all three sums are right"]
    assert run.status == 0


# --- Demo script: what the command line says ---

SCRIPTS = {
    "": "result: 0 operations done, 0 words spoiled",
    "program=": "result: 0 operations done, 0 words spoiled",
    "program=k": "script: no operation 'k'",
    "program=y,y,Q0": "script: no operation 'Q'",
    "program=y/y/y/y/y/y/y/y": "result: 8 operations done, 0 words spoiled",
    "program=y/y/y/y/y/y/y/y/y": "script: more than 8 threads",
    # What there is none of is an error for who asks for it, no end for all.
    "program=s5,S6,c7,r80,R90,w50,a9,j7,d5,x9,w01 replies=1":
        "result: 11 operations done, 0 words spoiled",
    "program=c,r,a,j,d,x,w": "result: 7 operations done, 0 words spoiled",
    "program=rx0,cz,a:,j/": "result: 4 operations done, 0 words spoiled",
    "program=S0,R0-,a0 replies=0":
        "result: 3 operations done, 0 words spoiled",
    "program=s9/r90 servers=---------1":
        "result: 2 operations done, 0 words spoiled",
    "program=S0,R00 replies=99": "result: 2 operations done, 0 words spoiled",
    "program=S0 servers=xyz": "result: 1 operations done, 0 words spoiled",
}


@pytest.mark.parts(2)
@CHECK
@pytest.mark.parametrize("script", SCRIPTS)
def test_script(boot, part, script, check):
    """Whatever the command line says, the answer is one clear line."""
    run = boot(part, "script", f"{script} {check}")
    assert said(run) == [SCRIPTS[script]]
    assert run.status == 0


# --- Who waits for whom ---

@dataclass(frozen=True)
class Row:
    """A line in the table of threads."""
    thread: str
    state: str
    cap: int | None = None
    target: str | None = None
    since: int | None = None  # microseconds

    def without_time(self) -> tuple:
        return self.thread, self.state, self.cap, self.target


def table(lines: list[str]) -> list[Row]:
    """The rows of a table of threads; its heading is the first line."""
    assert lines[0] == TABLE
    rows = []
    for line in lines[1:]:
        thread, state = line[:15].rstrip(), line[16:26].rstrip()
        rest = line[26:]
        found = re.fullmatch(r" *(\d+) (.{15}) (\d+) us", rest)
        if found:
            rows.append(Row(thread, state, int(found[1]), found[2].rstrip(),
                            int(found[3])))
        else:
            assert state == "ready" and not rest.strip(), line
            rows.append(Row(thread, state))
    return rows


def assert_times_are_true(rows: list[Row]) -> None:
    """The run takes some milliseconds, and the rows are in the order in which
    the threads began to wait."""
    times = [row.since for row in rows]
    assert all(0 < time < 100_000 for time in times), times
    assert times == sorted(times)
    assert len(set(times)) > 1, "all at one time"


@pytest.mark.parts(2)
@CHECK
def test_philosophers(boot, part, check):
    """They wait for each other in a circle; the report names it, and tells what
    each one waits for, by which capability, and since when."""
    run = boot(part, "philosophers", check)
    lines = said(run)
    assert lines[0] == ""
    circle = [f"philosopher {number}" for number in (4, 0, 1, 2, 3, 4)]
    assert lines[1:3] == ["deadlock: " + " waits for ".join(circle), ""]
    rows = table(lines[3:])
    # Capabilities are made in this order: (context,) thread, endpoint, reply
    # object.
    first, each = (2, 4) if has_contexts(part) else (1, 3)
    assert [row.without_time() for row in rows] == [
        ("main", "joining", first, "philosopher 0"),
        *((f"philosopher {n}", "calling", each * ((n + 1) % 5) + first + 1,
           f"philosopher {(n + 1) % 5}") for n in range(5))]
    assert_times_are_true(rows)
    assert run.status == 1


@pytest.mark.parts(2)
def test_nobody_can_run(boot, part):
    """Where nobody knows whom to wait for there is no circle: no thread can
    run, and that is the report."""
    run = boot(part, "script", "program=c0/r10/s0/j0 servers=--")
    lines = said(run)
    assert lines[:3] == ["", "deadlock: no thread can run", ""]
    rows = table(lines[3:])
    assert [(row.thread, row.state, row.target) for row in rows] == [
        ("main", "joining", "actor 0"), ("actor 0", "calling", "-"),
        ("actor 1", "receiving", "-"), ("actor 2", "sending", "-"),
        ("actor 3", "joining", "actor 0")]
    assert len({rows[1].cap, rows[2].cap, rows[3].cap}) == 3  # three badges
    assert rows[0].cap == rows[4].cap  # one thread
    assert_times_are_true(rows)
    assert run.status == 1


CIRCLES = {
    # a server calls itself
    "program=c0 servers=0": ["actor 0", "actor 0"],
    # it sends to itself
    "program=s0 servers=0": ["actor 0", "actor 0"],
    # by a received message: 1 has the message of 0, and calls it
    "program=c0/r00,c1 servers=10": ["actor 1", "actor 0", "actor 1"],
    # by a join
    "program=c0/j0 servers=1": ["actor 1", "actor 0", "actor 1"],
    # by all kinds of edges, and closed by main's wait for none of them
    "program=j1/s0/c1/r10,j0 servers=23":
        ["actor 3", "actor 0", "actor 1", "actor 2", "actor 3"],
    # after reply_recv: the answered caller is out of it, the next one is not
    "program=c0/r00,w00,c1/c0,r10 servers=12 replies=2":
        ["actor 1", "actor 2", "actor 1"],
}

# Threads that wait in a chain, and all come to an end.
CHAINS = [
    "program=c0/r00,c1,a0/r11,a1 servers=12 replies=2",
    "program=j1/j2/j3/y,y,y",
    "program=s0,s0/r0-,y,r0- servers=1",
    "program=c0/r00,y,a0,j0 servers=1",  # joins who has been answered
    "program=c0/d0,j0 servers=1",        # who was woken by the end
    "program=s0/c0/s0/y,d0,j0,j1,j2 servers=3",  # all who waited there
    "program=c0/r00,x0,j0 servers=1",    # or by that of the reply object
]


@pytest.mark.parts(2)
@CHECK
@pytest.mark.parametrize("script", CIRCLES)
def test_circle(boot, part, script, check):
    """A circle is named from the thread that closed it on."""
    run = boot(part, "script", f"{script} {check}")
    assert run.value("deadlock") == " waits for ".join(CIRCLES[script])
    assert run.status == 1


@pytest.mark.parts(2)
@CHECK
@pytest.mark.parametrize("script", CHAINS)
def test_chain_is_no_circle(boot, part, script, check):
    """Threads that wait in a row are no deadlock."""
    run = boot(part, "script", f"{script} {check}")
    assert re.fullmatch(r"\d+ operations done, 0 words spoiled", run.result())
    assert run.status == 0


# --- Ctrl-T ---

@pytest.mark.parts(2)
def test_table_while_threads_wait(talk, crasher, part):
    """Ctrl-T prints the table of threads, as often as it is typed, whatever the
    threads do. It is the only key that is taken away: those before and behind
    it are read later, in their order."""
    # For `talk`: the part whose crasher is images/replies.c.
    program = crasher(part, PROGRAM).parents[1] / part.name
    session = talk(program, "crasher", "how=keys tables=3")
    session.child.expect(r"endpoints (\d+) and (\d+), server (\d+): type\r")
    endpoint, aside, server = map(int, session.child.match.groups())
    seen = []
    for keys in ("ab\x14", "\x14", "cd\x14ef\r"):
        session.send(keys)
        session.child.expect_exact(TABLE + "\r")
        session.child.expect_exact("short ")
        session.child.expect_exact(" us\r")
        logged = session.run().output
        seen.append(table(logged[logged.rindex(TABLE):].splitlines()[:8]))
    for rows in seen:
        assert rows == seen[0]
    assert [row.without_time() for row in seen[0]] == [
        ("main", "ready", None, None),
        ("server", "receiving", aside, "-"),
        ("caller", "called", endpoint, "server"),
        ("late caller", "calling", endpoint, "server"),
        ("sender", "sending", endpoint, "server"),
        ("joiner", "joining", server, "server"),
        ("short", "ended", seen[0][6].cap, "-"),
    ]
    since = {row.thread: row.since for row in seen[0]}
    times = [since[name] for name in ("caller", "server", "late caller",
                                      "sender", "joiner", "short")]
    assert times == sorted(times) and 0 < times[0] < times[-1] < 100_000
    session.expect("read 'abcdef'\r")
    session.send("\x04")
    session.expect("result: all read\r")
    assert session.finish() == 0


@pytest.mark.parts(2)
@pytest.mark.parametrize("exact", [True, False], ids=["exact", "real time"])
def test_table_at_the_prompt(talk, part, exact):
    """Every single Ctrl-T that is typed while a program waits for a key prints
    the table, and the line that is being typed is not disturbed."""
    session = talk(part, "echo", exact=exact)
    session.expect("> ")
    for key in "twenty keys, no more":
        session.send("\x14")
        session.expect(TABLE + "\r")
        session.expect("main            ready")
        session.send(key)
        session.expect(key)
    session.send("\r")
    session.expect("\ntwenty keys, no more\r")
    session.send("\x04")
    session.expect("result: 1 lines\r")
    assert session.finish() == 0


# --- The direct switch ---

def queue_lengths(part, log):
    """Checks a log's APPEND and TAKE events against a queue, and returns, for
    each event, how many threads are in the run queue before it. (From part 4 on
    it is a queue of contexts: the first thread need not be the one that is
    taken, and one that runs may be taken again, by another context.)"""
    queue, before = [], []
    runs = 0
    for event in log.events:
        before.append(len(queue))
        if event.kind == Kind.LEAVE:
            runs = event.thread
        elif event.kind == Kind.APPEND:
            assert event.thread not in queue, "queued twice"
            queue.append(event.thread)
        elif event.kind == Kind.TAKE and not has_contexts(part):
            assert queue and queue[0] == event.thread, "not the first"
            queue.pop(0)
        elif event.kind == Kind.TAKE and event.thread != runs:
            assert event.thread in queue, "not ready"
            queue.remove(event.thread)
    return before


def stay(log, number, thread):
    """Where a thread makes a call: the events from its ENTER up to the next
    LEAVE, for all such calls."""
    found = []
    for at, event in enumerate(log.events):
        if event.kind == Kind.ENTER and event.thread == thread \
                and event.x[7] == number:
            end = next(n for n in range(at, len(log.events))
                       if log.events[n].kind == Kind.LEAVE)
            found.append((at, log.events[at:end + 1]))
    return found


SERVER, CLIENT = 1, 2  # 0 is main, the actors follow
BYSTANDERS = "/".join([",".join("y" * 12)] * 5)


def assert_direct(events, to, lends=False) -> None:
    kinds = [(event.kind.name, event.thread) for event in events]
    assert kinds == [("ENTER", events[0].thread),
                     *[("LEND", events[0].thread)] * lends, ("LEAVE", to)], (
        "the run queue was used on the way: "
        + ", ".join(f"{kind} {thread}" for kind, thread in kinds))


@pytest.mark.parts(2)
def test_direct_switch(boot, part):
    """A call to a server that waits, with five other threads ready, does not
    touch the run queue, and the server's answer does not either. (From part 4
    on the server runs on the client's context meanwhile.)"""
    log = ipc_trace.script(
        boot, part, f"r00,w00,w00,w00/y,c0,c0,c0,d0/{BYSTANDERS}", "0")
    assert log.run.result().endswith("done, 0 words spoiled")
    before = queue_lengths(part, log)
    calls = stay(log, CALL, CLIENT)
    answers = stay(log, REPLY_RECV, SERVER)
    assert len(calls) == len(answers) == 3
    for at, events in calls:
        assert before[at] == 5
        assert_direct(events, SERVER, lends=has_contexts(part))
        label, *words = events[0].x[1:6]
        assert events[-1].x[:7] == (OK, label, *words, CLIENT)
    for at, events in answers:
        assert before[at] == 5
        assert_direct(events, CLIENT)
        assert events[-1].x[:7] == (OK, *events[0].x[1:6], 0)


@pytest.mark.parts(2)
def test_send_goes_through_the_queue(boot, part):
    """A plain send makes the receiver ready, and the sender goes on: the
    receiver runs when its turn comes, behind the five."""
    log = ipc_trace.script(boot, part,
                           f"r00,r00/y,s0,y,s0,d0/{BYSTANDERS}", "0")
    before = queue_lengths(part, log)
    sends = stay(log, SEND, CLIENT)
    assert len(sends) == 2
    for at, events in sends:
        assert before[at] == 5
        assert [(event.kind.name, event.thread) for event in events] == [
            ("ENTER", CLIENT), ("APPEND", SERVER), ("LEAVE", CLIENT)]
        taken = [event.thread for event in log.events[at:]
                 if event.kind == Kind.TAKE]
        assert taken.index(SERVER) == 5, "the receiver has jumped the queue"


@pytest.mark.parts(2)
def test_call_to_a_busy_server_waits(boot, part):
    """Where no server waits yet the caller does, and the next in the queue
    runs; its answer, by a plain reply, puts it at the queue's end. From part 4
    on the server runs at once, on the caller's context, until it has answered:
    then that context runs the caller again."""
    log = ipc_trace.script(boot, part, f"y,r00,a0/c0/{BYSTANDERS}", "0")
    queue_lengths(part, log)
    (_, call), = stay(log, CALL, CLIENT)
    (_, reply), = stay(log, REPLY, SERVER)
    called, replied = ([(event.kind.name, event.thread) for event in events]
                       for events in (call, reply))
    if has_contexts(part):
        assert called == [("ENTER", CLIENT), ("TAKE", SERVER),
                          ("LEND", CLIENT), ("LEAVE", SERVER)]
        assert replied == [("ENTER", SERVER), ("APPEND", CLIENT),
                           ("APPEND", SERVER), ("TAKE", CLIENT),
                           ("LEAVE", CLIENT)]
        return
    assert [kind for kind, _ in called] == ["ENTER", "TAKE", "LEAVE"]
    assert replied == [("ENTER", SERVER), ("APPEND", CLIENT),
                       ("LEAVE", SERVER)]


# --- One server, eight clients ---

CLIENTS = 8
ROUNDS = 10


class Shuffle:
    """The pseudo-random orders of images/replies.c, computed here too."""

    def __init__(self, seed: int) -> None:
        self.state = seed

    def draw(self, limit: int) -> int:
        self.state ^= self.state >> 12
        self.state = (self.state ^ self.state << 25) % 2**64
        self.state ^= self.state >> 27
        return ((self.state * 0x2545f4914f6cdd1d) % 2**64 >> 33) % limit

    def order(self) -> list[int]:
        order = list(range(CLIENTS))
        for i in range(CLIENTS - 1, 0, -1):
            j = self.draw(i + 1)
            order[i], order[j] = order[j], order[i]
        return order


def answer_line(client: int, number: int) -> str:
    """What a client says about the answer to its request in a round."""
    words = [(2 + i) * (1000 * number + 100 * client + i) + client
             for i in range(4)]
    return (f"client {client}: OK {100 * number + 1}: "
            f"{' '.join(map(str, words))}, 0")


@pytest.mark.parts(2)
@CHECK
def test_eight_callers_answered_in_any_order(crash, part, check):
    """A server holds eight callers at once, and answers them in 100 orders.
    Each gets its own answer, whole, and in that order they go on. From part 4
    on the server runs on the context of the one that came last: that one goes
    on as soon as it is answered, before all others."""
    orders = set()
    for seed in random.Random(5).sample(range(1, 10**6), 100 // ROUNDS):
        run = crash(part, f"how=permute seed={seed} rounds={ROUNDS} {check}",
                    PROGRAM)
        lines = said(run)
        shuffle, came = Shuffle(seed), list(range(CLIENTS))
        for number in range(ROUNDS):
            held, *answers = lines[9 * number:9 * number + 9]
            if has_contexts(part) and number:
                assert sorted(held.split()[1:]) == sorted(map(str, came))
                came = [int(client) for client in held.split()[1:]]
            last = came[-1]
            assert held == f"held: {' '.join(map(str, came))}"
            # The server answers those it holds in this order, and they call
            # again in the order in which they were answered.
            came = [came[which] for which in shuffle.order()]
            orders.add(tuple(came))
            wanted = came if not has_contexts(part) else [
                last, *(client for client in came if client != last)]
            assert answers == [answer_line(client, number)
                               for client in wanted], f"round {number}"
        assert lines[9 * ROUNDS:] == ["result: done"]
        assert run.status == 0
    assert len(orders) == 100


@pytest.mark.parts(2)
@CHECK
def test_answers_that_cannot_be(crash, part, check):
    """A second answer, a caller that is dropped, an answer that comes too late:
    each has an error of its own, and nobody waits for ever."""
    run = crash(part, f"how=errors rounds=2 {check}", PROGRAM)
    lines = said(run)
    backwards = range(CLIENTS - 1, -1, -1)
    dropped = [f"client {client}: ERROR_DROPPED 100: "
               + " ".join(str(1000 + 100 * client + i) for i in range(4))
               + ", 7" for client in (7, 5, 3, 1, 6, 4, 2, 0)]
    answers = [
        *(f"answer {which}: OK" for which in backwards),
        *(f"double answer {which}: ERROR_NO_CALLER"
          for which in range(CLIENTS))]
    late = [f"stale answer {which}: "
            + ("ERROR_NO_CALLER" if which % 2 else "ERROR_CAP")
            for which in range(CLIENTS)]
    # Destroyed: reply objects 0, 2, 4, 6; used again: 1, 3, 5, 7. They hold
    # clients 7, 6, 5, ...
    clients = [*(answer_line(client, 0) for client in backwards), *dropped]
    if not has_contexts(part):
        assert lines == [*answers, *clients, *late, "result: done"]
    else:  # the clients go on meanwhile, some of them at once
        assert [line for line in lines if not line.startswith("client")] \
            == [*answers, *late, "result: done"]
        assert sorted(line for line in lines if line.startswith("client")) \
            == sorted(clients)
    assert run.status == 0
