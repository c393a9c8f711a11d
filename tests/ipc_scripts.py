# SPDX-License-Identifier: MIT
"""Scripts for demos/script.c, made by chance: programs of all sorts of calls,
and wait-for graphs. The same seed always makes the same script."""
from __future__ import annotations

import functools
import random
from dataclasses import dataclass, replace

from ipc_contexts import Contexts
from ipc_model import (CAPS, NOBODY, Cast, Endpoint, Fifo, Model, Notification,
                       Registers, Reply, Script, State, Thread)
from ipc_trace import Event, Kind

LONGEST = 500  # characters of a program; script.c takes 511


# --- Programs ---

class Rehearsal:
    """A run that the model makes up, call by call, so that whoever writes a
    program knows what the next call would meet. (Threads that call blindly are
    all stuck after a few calls.)"""
    rule: type[Fifo] = Fifo

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.count = rng.randint(2, 8)
        self.endpoints, self.replies = rng.randint(1, 4), rng.randint(1, 4)
        digits = "01234567"[:self.count]
        self.servers = "".join(rng.choice(["-", "-", *digits])
                               for _ in range(self.endpoints))
        self.programs: list[list[str]] = [[] for _ in range(self.count)]
        self.notifications = self.notification_count()
        self.like = self.variant(Script("/" * (self.count - 1), self.servers,
                                        self.replies, self.notifications))
        self.cast = Cast(self.like, self.rule.has_contexts)
        self.model = Model(self.rule if self.like.lending else
                           functools.partial(Contexts, lending=False))

    def variant(self, script: Script) -> Script:
        """The script, with what else there is to say of it."""
        return script

    def notification_count(self) -> int:
        return 0

    def act(self, call: Registers) -> list[int]:
        """The thread that runs makes this call; what comes back to whoever
        runs then."""
        entered = tuple(4096 if word is None else word for word in call)
        number = self.model.running.number
        self.model.step(Event(0, Kind.ENTER, number, entered))
        return self.follow()

    def follow(self) -> list[int]:
        """What comes within a call, or an interrupt."""
        x = [0] * 8
        while wanted := self.model.likely():
            event = wanted.made_up()
            x = list(event.x)
            if wanted.makes:
                x[6] = next(n for n in range(1, CAPS)
                            if n not in self.model.caps)
            self.model.step(replace(event, x=tuple(x)))
        return x

    def perform_operation(self, number: int, operation: str) -> None:
        self.act(self.cast.call(number, 0, operation))

    def digit(self, count: int) -> str:
        return str(self.rng.randrange(count)) if self.rng.random() < .98 \
            else "-"

    def operation(self) -> str:
        """Any operation."""
        letter = self.rng.choices("sScrRawyjdx",
                                  (4, 2, 6, 4, 2, 3, 6, 3, 1, .2, .2))[0]
        if letter in "rRw":
            reply = self.digit(self.replies)
            if letter != "w" and self.rng.random() < .1:
                reply = "-"
            return letter + self.digit(self.endpoints) + reply
        if letter == "y":
            return letter
        return letter + self.digit(self.replies if letter in "ax" else
                                   self.count if letter == "j" else
                                   self.endpoints)

    def promising(self, operation: str, number: int) -> bool:
        """Would it do something, and leave somebody to run?"""
        call = self.cast.call(number, 0, operation)
        endpoint = self.model.find(call[0] or 0, Endpoint)
        reply = self.model.find(call[6] or 0, Reply)
        others = self.model.rule.others() > 1
        match operation[0]:
            case "s" | "c":
                return bool(endpoint and (endpoint.receivers or (
                    others and not self.leads_here(endpoint.server))))
            case "S":
                return bool(endpoint and endpoint.receivers)
            case "r":
                return bool(endpoint and (endpoint.senders or others))
            case "R":
                return bool(endpoint and endpoint.senders)
            case "a" | "w":
                return bool(reply and reply.caller)
            case "j":
                return others and not self.leads_here(
                    self.model.find(call[0] or 0, Thread))
        return True

    def leads_here(self, thread: Thread | None) -> bool:
        """Does it wait, by way of others, for the one that runs?"""
        while thread and thread is not self.model.running:
            thread = thread.target
        return thread is not None

    def next_operation(self, number: int) -> str:
        while True:
            operation = self.operation()
            if self.promising(operation, number) or self.rng.random() < .03:
                return operation

    def perform(self) -> Script:
        """Goes on until the program is as long as it may be, or the run ends.
        Then all threads end, after destroying whatever somebody may wait for,
        or not."""
        main = self.cast.main()
        x = self.act(next(main))
        left = self.rng.randint(20, LONGEST - self.count * 15)
        tidy = self.rng.random() < .5
        while not self.model.ending:
            number = self.model.running.number - 1
            if number < 0:
                try:
                    x = self.act(main.send(x))
                except StopIteration:
                    break
                continue
            if left > 0:
                operations = [self.next_operation(number)]
            else:
                operations = self.objects() if tidy else []
                tidy = False
            self.programs[number] += operations
            left -= sum(len(o) + 1 for o in operations)
            for operation in operations:
                self.perform_operation(number, operation)
            if not operations:
                self.act((0, 0, 0, 0, 0, 0, 0, 9))
        # One that never ran does something: script.c knows no empty program
        # at the end of the line.
        return replace(self.like, program="/".join(
            ",".join(p or "y") for p in self.programs))

    def objects(self) -> list[str]:
        """The operations that destroy all objects."""
        return [*(f"d{n}" for n in range(self.endpoints)),
                *(f"x{n}" for n in range(self.replies))]


class SignalRehearsal(Rehearsal):
    """The same with notifications, from part 3 on. In the rehearsal a call
    takes 40 ticks."""

    def __init__(self, rng: random.Random) -> None:
        self.clock = 0
        super().__init__(rng)

    def notification_count(self) -> int:
        return self.rng.randint(1, 3)

    def act(self, call: Registers) -> list[int]:
        self.clock += 40
        x = super().act(call)
        while not self.model.ending and self.model.alarms and (
                self.model.sleeping or (self.model.running.number and
                                        self.alarm_time() <= self.clock)):
            self.clock = max(self.clock, self.alarm_time())
            number = NOBODY if self.model.sleeping \
                else self.model.running.number
            self.model.step(Event(self.clock, Kind.INTERRUPT, number,
                                  (0,) * 8))
            self.model.serve_interrupt(None)
            self.follow()
        return x

    def alarm_time(self) -> int:
        return self.model.alarms[0].alarm_time

    def perform_operation(self, number: int, operation: str) -> None:
        call = list(self.cast.call(number, 0, operation))
        if operation[0] == "l":
            steps = int(operation[2]) if operation[2].isdigit() else 0
            call[2] = self.clock + 6250 * steps
        self.act(call)

    def operation(self) -> str:
        """Any operation."""
        letter = self.rng.choices("gtpblz-", (4, 4, 2, 1, 3, .2, 16))[0]
        if letter == "-":
            return super().operation()
        more = {"g": str(self.rng.randrange(4)),
                "l": self.rng.choice("001123-")}.get(letter, "")
        return letter + self.digit(self.notifications) + more

    def promising(self, operation: str, number: int) -> bool:
        call = self.cast.call(number, 0, operation)
        notification = self.model.find(call[0] or 0, Notification)
        others = self.model.rule.others() > 1 or bool(self.model.alarms)
        match operation[0]:
            case "t":
                return bool(notification and (notification.bits or others))
            case "p":
                return bool(notification and notification.bits)
            case "b":
                return bool(notification and not notification.bound and not
                            self.model.running.bound)
            case "r" if self.model.running.bound and others:
                return True
            case "g":
                bound = notification and notification.bound
                return bool(notification and (
                    notification.waiters or self.rng.random() < .3 or
                    (bound and bound.state is State.RECEIVING)))
        return super().promising(operation, number)

    def objects(self) -> list[str]:
        return [*super().objects(),
                *(f"z{n}" for n in range(self.notifications))]


class ContextRehearsal(SignalRehearsal):
    """The same with priorities, from part 4 on. Most servers are known, since
    callers that wait lend to them; some threads are passive."""
    rule = Contexts

    def notification_count(self) -> int:
        return self.rng.randint(1, 3)

    def variant(self, script: Script) -> Script:
        sort = self.rng.choice(("any", "any", "few", "equal"))
        choice = {"any": ("-", "5", "10", "20", "31", "32", "33", "40", "63"),
                  "few": ("-", "20", "20", "32", "40", "40"),
                  "equal": ("-", "32", "32", "32")}[sort]
        digits = "01234567"[:self.count]
        self.servers = "".join(
            self.rng.choice(digits) if self.rng.random() < .6 else server
            for server in script.servers)
        return replace(
            script, servers=self.servers, lending=self.rng.random() < .8,
            priorities=",".join(self.rng.choices(choice, k=self.count)))


def random_script(seed: int) -> Script:
    """Threads that make all sorts of calls, most of which do something."""
    return Rehearsal(random.Random(seed)).perform()


def random_signals(seed: int) -> Script:
    """The same, with signals among the calls, and alarms."""
    return SignalRehearsal(random.Random(seed)).perform()


def random_contexts(seed: int) -> Script:
    """The same, with priorities, and with lending or without."""
    return ContextRehearsal(random.Random(seed)).perform()


# --- Wait-for graphs ---

@dataclass(frozen=True)
class Wait:
    """What a thread of a graph does in the end."""
    how: str               # the state it waits in; or "ended"
    target: int | None     # for whom it waits, if the kernel knows
    operation: str         # the one that leads there, if any


class Graph:
    """A wait-for graph: every thread waits for at most one other. There are
    three sorts: with cycles (mostly), without, and those where all threads
    end."""

    def __init__(self, seed: int) -> None:
        rng = random.Random(seed)
        self.count = rng.randint(2, 8)
        self.sort = rng.choice(["cycles", "cycles", "no cycle", "all end"])
        # Without a cycle: a thread waits only for those before it here.
        self.order = rng.sample(range(self.count), self.count)
        # With cycles: one is made of the first so many of them.
        self.round = self.order[:rng.randint(1, self.count)] \
            if self.sort == "cycles" else []
        self.waits = [self.random_wait(rng, n) for n in range(self.count)]
        self.mark_heard(rng)
        self.delays = [(rng.randrange(4), rng.randrange(3))
                       for _ in range(self.count)]

    def random_wait(self, rng: random.Random, number: int) -> Wait:
        place = self.order.index(number)
        targets = list(range(self.count)) if self.sort == "cycles" \
            else self.order[:place]
        if number in self.round:
            targets = [self.round[place - 1]]
        free, other = self.count, self.count + 1  # endpoints without a server
        lonely = [Wait("ended", None, ""),
                  Wait("sending", None, f"s{free}"),
                  Wait("calling", None, f"c{free}"),
                  Wait("receiving", None, f"r{other}-")]
        if not targets or (number not in self.round and rng.random() < .25):
            return lonely[0] if self.sort == "all end" else rng.choice(lonely)
        target = rng.choice(targets)
        joining = Wait("joining", target, f"j{target}")
        if self.sort == "all end":
            return joining
        return rng.choice([Wait("sending", target, f"s{target}"),
                           Wait("calling", target, f"c{target}"),
                           Wait("calling", target, f"c{target}"), joining])

    def mark_heard(self, rng: random.Random) -> None:
        """Some calls are received, before the receiver itself waits: where no
        other message goes to the same thread, and no circle of threads would
        wait for each other's calls."""
        for number, wait in enumerate(self.waits):
            if wait.target is None or self.order.index(number) \
                    <= self.order.index(wait.target):
                continue
            rivals = [w for n, w in enumerate(self.waits) if n != number
                      and w.target == wait.target and w.how != "joining"]
            if (not rivals and rng.random() < .7
                    and (wait.how == "calling" or self.sort == "all end")):
                self.waits[number] = Wait("called", wait.target,
                                          f"c{wait.target}")

    def script(self) -> Script:
        """Endpoint N names thread N as its server; there are two more that
        name nobody."""
        programs = []
        for number, (wait, delay) in enumerate(zip(self.waits, self.delays)):
            hears = any(w.how == "called" and w.target == number
                        for w in self.waits)
            programs.append(["y"] * delay[0]
                            + [f"r{number}{number}"] * hears
                            + ["y"] * (delay[1] if hears else 1)
                            + [wait.operation] * bool(wait.operation))
        servers = "".join(map(str, range(self.count))) + "--"
        return Script("/".join(map(",".join, programs)), servers, self.count)

    def cycles(self) -> list[tuple[int, ...]]:
        """Each begins with its smallest thread."""
        found = []
        for first in range(self.count):
            path, other = [first], self.waits[first].target
            while other is not None and other not in path:
                path.append(other)
                other = self.waits[other].target
            if other == first == min(path):
                found.append(tuple(path))
        return found

    def ends(self, number: int) -> bool:
        """Does this thread end? (Not to be asked where there is a cycle.) Who
        joins one that ends, ends as well, and so does who gets no answer from
        it."""
        wait = self.waits[number]
        return wait.how == "ended" or (wait.how in ("joining", "called")
                                       and wait.target is not None
                                       and self.ends(wait.target))

    def table(self) -> list[tuple[str, int | None]]:
        """State and target of each thread in the end, where there is no
        cycle; main's first: it joins the others, in order."""
        states = [("ended", None) if self.ends(n) else (w.how, w.target)
                  for n, w in enumerate(self.waits)]
        stuck = [n for n in range(self.count) if not self.ends(n)]
        return [("joining", stuck[0]) if stuck else ("ready", None), *states]
