# SPDX-License-Identifier: MIT
"""A reference model of the kernel's calls: is this log of events possible?

The model reads events as they come (ipc_trace.py). At each ENTER it works out
what the call means, by what strata.h promises, and so knows which events must
follow until the kernel is left: which threads go into the run queue and which
comes out of it, who leaves, and with which results. The first event that is
another one is `Impossible`.

strata.h leaves open who runs when. What follows is the rule of parts 2 and 3
(Fifo), which leaves no choice at all. That of part 4, where it is another one,
is in ipc_contexts.py.

- The run queue is first come, first served. The thread that runs is not in it.
- Whoever becomes ready goes to its end, and the thread that runs runs on,
  but for two direct switches, which pass the run queue by: `call` to a waiting
  receiver that has a reply object (it runs next), and `reply_recv` where
  nobody waits to send (the caller that was answered runs next).
- `reply_recv` where somebody waits to send: first the answered caller becomes
  ready, then (after a `send`) the sender.
- The queues of an endpoint, and that of a thread's joiners, are first come,
  first served. Destroying an endpoint wakes its queue in order.
- `recv` first drops whom its reply object still holds; then it receives.
- At a thread's end those who join it become ready, in order; then those
  callers that it has not answered, in the order in which they were made.
- A thread waits for another one where it is known: in `send` and `call` for
  the endpoint's server, as a caller for the thread that received its message,
  in `join` for its target. A call that makes a thread wait, by way of others,
  for itself ends the run, and so does one after which no thread can run.

- `signal` hands all bits to whoever has waited longest, or else to the thread
  bound to it if that waits in `recv` or `reply_recv`; the thread becomes ready.
  `reply_recv` with signals to take: the answered caller becomes ready first.
  Destroying a notification wakes its queue in order, takes back its alarm, and
  binds it to nobody.
- Where no thread can run but an alarm is set, the CPU sleeps until an interrupt
  (of nobody) that finds one due.

When a thread is interrupted strata.h does not say, and so an INTERRUPT of the
thread that runs may come at any moment between two calls; but what it does is
known. First the alarms that are due signal, the earliest first, and of those
due at the same time the one that was set first. Then the thread may be
preempted, and must be if no alarm was due: it goes to the run queue's end, and
the first in the queue runs. The registers with which it goes on later are those
with which it was interrupted.

What the model looks at of times is which alarms are due. It does not look at
the registers of the run queue's events, but for the thread that goes on after
an INTERRUPT: there is no LEAVE for it, and its TAKE has what it goes on with.
Nor at those of a LEAVE that strata.h names no result for. Given the script that
ran, it also holds each thread to its program, the main one included, from the
first event on.
"""
from __future__ import annotations

import contextlib
import enum
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from ipc_trace import Event, Kind, short

CAPS = 512           # in the table; number 0 stays empty
STACK_UNIT = 1024    # a stack begins at a multiple of it, and
STACK_SMALLEST = 2048
PRIORITIES = 64
PRIORITY_NORMAL = 32
ALARM_BIT = 1 << 16  # what an alarm of demos/script.c signals
NOBODY = 2**32 - 1   # the thread of an INTERRUPT while the CPU sleeps

# What must stand in registers x0, x1, ...; None, and those that are missing:
# anything.
Registers = Sequence[int | None]

# A thread's program: it yields its calls, and is sent the registers that each
# came back with.
Program = Generator[Registers, Sequence[int], None]

Object = TypeVar("Object")


class Call(enum.IntEnum):
    """enum syscall."""
    SEND = 0
    NBSEND = 1
    CALL = 2
    RECV = 3
    NBRECV = 4
    REPLY_RECV = 5
    MINT = 6
    REPLY = 7
    YIELD = 8
    EXIT = 9
    JOIN = 10
    CREATE_THREAD = 11
    CREATE_ENDPOINT = 12
    CREATE_REPLY = 13
    DESTROY = 14
    CREATE_NOTIFICATION = 15  # from part 3 on, and all that follow
    END_INTERRUPT = 16
    SIGNAL = 17
    WAIT = 18
    POLL = 19
    BIND_NOTIFICATION = 20
    ALARM = 21
    BIND_INTERRUPT = 22
    CREATE_CONTEXT = 23  # from part 4 on, and all that follow
    BIND_CONTEXT = 24
    LIMIT_CONTEXT = 25
    PIN_THREAD = 26


class Error(enum.IntEnum):
    """enum error."""
    OK = 0
    CALL = -1
    CAP = -2
    ARGUMENT = -3
    FULL = -4
    WOULD_BLOCK = -5
    DESTROYED = -6
    NO_CALLER = -7
    DROPPED = -8
    SIGNALED = 1  # from part 3 on


class State(enum.Enum):
    """What a thread does, in the words of the kernel's table of threads."""
    READY = "ready"
    SENDING = "sending"
    CALLING = "calling"
    RECEIVING = "receiving"
    CALLED = "called"
    JOINING = "joining"
    ENDED = "ended"
    WAITING = "waiting"


class Impossible(Exception):
    """The log can't be; the text says where and why."""


@dataclass(eq=False, repr=False)
class Thread:
    number: int
    state: State = State.READY
    since: int = 0                      # when the call began that led to it
    queue: deque[Thread] | None = None  # that it waits in
    target: Thread | None = None        # for whom it waits, if that is known
    reply: Reply | None = None          # RECEIVING with it, or CALLED by it
    cap: int = 0                        # x0 of its latest call
    message: tuple[int, ...] = ()       # label and words, as it called
    badge: int = 0                      # SENDING, CALLING: of its message
    joiners: deque[Thread] = field(default_factory=deque)
    results: Registers = ()             # what it leaves with
    bound: Notification | None = None   # whose signals end its recv
    interrupted: bool = False           # its results are what it had then
    # From part 4 on:
    context: Context | None = None      # its own
    client: Thread | None = None        # whose message it received last
    priority: int = 0                   # in a queue: what it ran at
    # Its program, if we know it, and the call that comes next there.
    program: Program | None = None
    next_call: Registers | None = None  # None: none

    def be_ready(self) -> None:
        self.state, self.queue, self.target = State.READY, None, None


@dataclass(eq=False, repr=False)
class Endpoint:
    server: Thread | None
    senders: deque[Thread] = field(default_factory=deque)
    receivers: deque[Thread] = field(default_factory=deque)


@dataclass(eq=False, repr=False)
class Reply:
    receiver: Thread | None = None  # waits for a message, with it
    caller: Thread | None = None    # waits for an answer, by it


@dataclass(eq=False, repr=False)
class Notification:
    bits: int = 0
    waiters: deque[Thread] = field(default_factory=deque)
    bound: Thread | None = None
    alarm_time: int = 0
    alarm_bits: int = 0


@dataclass(eq=False, repr=False)
class Context:
    """A scheduling context, from part 4 on. `first` and `last`: see there."""
    priority: int
    owner: Thread | None = None
    first: float = 0
    last: float = 0


@dataclass(frozen=True)
class Cap:
    object: Thread | Endpoint | Reply | Notification | Context
    badge: int = 0


@dataclass(frozen=True)
class Expected:
    """An event that must come next."""
    kind: Kind
    thread: Thread | None     # LEAVE: None, whoever runs then
    results: Registers = ()
    makes: Cap | None = None  # x6 is a new capability, and this is its meaning
    goes_on: bool = False     # the thread goes on without a LEAVE

    def __str__(self) -> str:
        words = " ".join("_" if x is None else short(x) for x in self.results)
        new = " and a new capability" if self.makes else ""
        who = self.thread.number if self.thread else "?"
        return f"{self.kind.name} of thread {who} {words}{new}"

    def is_of(self, event: Event) -> bool:
        """Of this kind, and of this thread?"""
        return self.thread is not None and (
            event.kind, event.thread) == (self.kind, self.thread.number)

    def made_up(self) -> Event:
        """Such an event, with 0 where we don't know better."""
        assert self.thread
        words = [word or 0 for word in (*self.results, *[0] * 8)][:8]
        return Event(0, self.kind, self.thread.number,
                     tuple(word % 2**64 for word in words))


@dataclass(frozen=True)
class Choice:
    """One of several outcomes comes next: each is an object, and the events
    that are still to come if it is this one."""
    outcomes: list[tuple[object, list[Expected]]]
    made: Callable[[object], None]  # is told which it was


@dataclass(frozen=True)
class Ending:
    """How a run ends, if its log is possible."""
    threads: list[Thread]
    deadlock: bool = False
    cycle: tuple[int, ...] = ()  # from the thread that closed it; () if none

    def text(self) -> str:
        """What the kernel says about it, behind "deadlock: "."""
        if not self.cycle:
            return "no thread can run"
        return " waits for ".join(map(name, (*self.cycle, self.cycle[0])))


class Deadlock(Exception):
    """The run ends here. Its argument: the cycle's threads."""


def name(number: int) -> str:
    """The name of a thread of a script."""
    return f"actor {number - 1}" if number else "main"


def error_of(event: Event) -> Error:
    """The error that a thread leaves with."""
    return Error(event.x[0] - (event.x[0] >> 63 << 64))


def matches(wanted: Registers, x: Sequence[int]) -> bool:
    return all(w is None or w % 2**64 == v for w, v in zip(wanted, x))


class Fifo:
    """Who runs, in parts 2 and 3: the thread that has waited longest."""
    has_contexts = False

    def __init__(self, model: Model) -> None:
        self.model = model
        self.run_queue: deque[Thread] = deque()

    def others(self) -> int:
        """How many threads could run but for the one that does?"""
        return len(self.run_queue)

    def enqueue(self, thread: Thread, queue: deque[Thread]) -> None:
        """The thread that runs begins to wait in a queue."""
        queue.append(thread)

    @contextlib.contextmanager
    def links_change(self, thread: Thread) -> Iterator[None]:
        """Within this, `thread` begins to wait for another one, or for none,
        or for nobody's answer."""
        yield

    def ready(self, thread: Thread) -> None:
        """The thread goes to the end of the run queue."""
        assert thread not in self.run_queue
        thread.be_ready()
        self.run_queue.append(thread)
        self.model.expected.append(Expected(Kind.APPEND, thread))

    def switch(self, thread: Thread) -> None:
        """The thread that runs waits, and this one runs at once."""
        thread.be_ready()
        self.model.running = thread

    def take_yield(self) -> None:
        """The thread that runs lets the others go first."""
        self.ready(self.model.running)
        self.run_next()

    def run_next(self) -> None:
        """The first thread in the run queue runs. If there is none the CPU
        sleeps, as long as an alarm may wake it."""
        model = self.model
        model.sleeping = not self.run_queue
        if model.sleeping and not model.alarms:
            raise Deadlock(())
        if model.sleeping:
            return
        model.running = self.run_queue.popleft()
        model.expected.append(Expected(Kind.TAKE, model.running))

    def settle(self) -> None:
        """A call is done, and the kernel is about to be left."""

    def is_preemption(self, event: Event | None) -> bool:
        """An interrupt came: and the thread that it interrupted goes to the run
        queue, if `event` comes next?"""
        return event is not None and not self.model.sleeping and (
            event.kind, event.thread) == (Kind.APPEND,
                                          self.model.running.number)

    def preempt(self) -> None:
        """Another thread goes on, without a LEAVE."""
        model = self.model
        model.preemptible = False
        self.ready(model.running)
        model.running = self.run_queue.popleft()
        model.expected.append(Expected(
            Kind.TAKE, model.running, model.running.results, goes_on=True))

    def alarms_signaled(self) -> None:
        """An interrupt of the thread that runs did so. A slice's end may come
        with it."""
        self.model.preemptible = True

    def call(self, x: Sequence[int]) -> Error | Cap:
        """A call that is about contexts: there are none."""
        return Error.CALL


class Model:
    def __init__(self, rule: Callable[[Model], Fifo] = Fifo,
                 script: Script | None = None) -> None:
        self.threads: list[Thread] = []
        self.caps: dict[int, Cap] = {}
        self.expected: deque[Expected | Choice] = deque()
        self.alarms: list[Notification] = []  # as they are due
        self.sleeping = False  # within a call: no thread can run
        # The time of an INTERRUPT, until the next event tells what it was for.
        self.interrupted: int | None = None
        self.preemptible = False  # alarms were due; a slice's end may follow
        self.ending: Ending | None = None
        self.now = 0
        self.running = self.new_thread()
        self.rule = rule(self)
        self.cast = Cast(script, self.rule.has_contexts) if script else None
        self.leave(self.running, ())

    # --- Events ---

    def step(self, event: Event) -> None:
        """Takes the next event, or raises Impossible."""
        if self.interrupted is not None:
            self.serve_interrupt(event)
        self.choose(event)
        if self.expected:
            self.follow(event)
        elif self.ending:
            raise Impossible(f"the run is over ({self.ending.text()})")
        elif event.kind == Kind.INTERRUPT:
            self.interrupt(event)
        elif self.sleeping:
            raise Impossible("the CPU sleeps: next is an interrupt")
        elif self.preemptible and self.rule.is_preemption(event):
            self.rule.preempt()
            self.follow(event)
        else:
            self.enter(event)

    def choose(self, event: Event | None) -> None:
        """If one of several outcomes comes next: which one does this event
        belong to? (None: the log's end.)"""
        while self.expected and isinstance(self.expected[0], Choice):
            choice = self.expected.popleft()
            here = [(which, events) for which, events in choice.outcomes
                    if events and event is not None and events[0].is_of(event)]
            over = [which for which, events in choice.outcomes if not events]
            if here:
                tails = [(which, events[1:]) for which, events in here]
                self.expected.appendleft(replace(choice, outcomes=tails))
                self.expected.appendleft(here[0][1][0])
            elif over:
                choice.made(over[0])
            else:
                raise Impossible("next is " + " or ".join(
                    str(events[0]) for _, events in choice.outcomes))

    def likely(self) -> Expected | None:
        """What comes next within a call: if there is a choice, the first."""
        while self.expected:
            first = self.expected[0]
            if isinstance(first, Expected):
                return replace(first, thread=self.running,
                               results=self.running.results) \
                    if first.thread is None else first
            events = first.outcomes[0][1]
            self.choose(events[0].made_up() if events else None)
        return None

    def follow(self, event: Event) -> None:
        """An event within a call, or an interrupt: we know it already."""
        wanted = self.likely()
        assert wanted and wanted.thread
        self.expected.popleft()
        if not wanted.is_of(event):
            raise Impossible(f"next is {wanted}")
        if not matches(wanted.results, event.x):
            raise Impossible(f"wrong results: next is {wanted}")
        if wanted.kind != Kind.LEAVE and not wanted.goes_on:
            return
        if wanted.makes:
            cap = event.x[6]
            if not 0 < cap < CAPS or cap in self.caps:
                raise Impossible(f"{cap} can't be a new capability")
            self.caps[cap] = wanted.makes
        if wanted.thread.interrupted:
            wanted.thread.interrupted = False  # its call is still to come
        else:
            self.leave(wanted.thread, event.x)

    def interrupt(self, event: Event) -> None:
        """An interrupt of the thread that runs, or of nobody."""
        thread = self.running
        if event.thread != (NOBODY if self.sleeping else thread.number):
            raise Impossible("nobody runs" if self.sleeping else
                             f"thread {thread.number} runs")
        if not self.sleeping:
            thread.interrupted, thread.results = True, event.x
        self.interrupted = event.time

    def due(self) -> list[Notification]:
        """Those whose alarm is due."""
        return [n for n in self.alarms if n.alarm_time <= self.now]

    def serve_interrupt(self, event: Event | None) -> None:
        """What was the interrupt for? `event` comes next, or the log's end."""
        self.now, self.interrupted = self.interrupted or 0, None
        due = self.due()
        if self.rule.is_preemption(event) and not (
                event and self.would_wake(due, event)):
            self.rule.preempt()
            return
        if not due:
            raise Impossible("an interrupt for nothing came before it")
        for notification in due:
            self.alarms.remove(notification)
            self.signal(notification, notification.alarm_bits)
        if not self.sleeping:
            self.rule.alarms_signaled()
            return
        try:
            self.rule.run_next()
            self.rule.settle()
        except Deadlock:
            self.ending = Ending(self.threads, True)
        if not self.sleeping:
            self.expected.append(Expected(Kind.LEAVE, None))

    def leave(self, thread: Thread, x: Sequence[int]) -> None:
        """The thread goes on, with these registers: what will it do next?"""
        if self.cast is None:
            return
        try:
            if thread.program is None:
                thread.program = self.cast.program(thread.number)
                thread.next_call = next(thread.program)
            else:
                thread.next_call = thread.program.send(x)
        except StopIteration:
            thread.next_call = None

    def enter(self, event: Event) -> None:
        """The thread that runs makes a call: what must follow?"""
        thread = self.running
        if (event.kind, event.thread) != (Kind.ENTER, thread.number):
            raise Impossible(f"next is a call of thread {thread.number}")
        if self.cast is not None:
            if thread.next_call is None:
                raise Impossible("the program is at its end")
            if not matches(thread.next_call, event.x):
                words = " ".join("_" if x is None else short(x)
                                 for x in thread.next_call)
                raise Impossible(f"the program's next call is {words}")
        thread.interrupted = self.preemptible = False
        self.now = event.time
        thread.cap = event.x[0]
        thread.message = event.x[1:6]
        try:
            made = self.serve(thread, event.x)
            self.rule.settle()
        except Deadlock as deadlock:
            self.ending = Ending(self.threads, True, deadlock.args[0])
        else:
            if not self.sleeping:
                self.expected.append(Expected(Kind.LEAVE, None, makes=made))

    def end(self) -> Ending:
        """The log ends here."""
        if self.interrupted is not None:
            self.serve_interrupt(None)
        self.choose(None)
        if self.expected:
            raise Impossible(f"the log ends, but next is {self.expected[0]}")
        if self.ending:
            return self.ending
        if self.sleeping:
            raise Impossible("the log ends while the CPU sleeps")
        if self.cast is not None and (self.running.number != 0
                                      or self.running.next_call is not None):
            raise Impossible("the log ends, but next is a call of thread "
                             f"{self.running.number}")
        return Ending(self.threads)

    # --- Threads ---

    def new_thread(self) -> Thread:
        self.threads.append(Thread(len(self.threads)))
        return self.threads[-1]

    def block(self, thread: Thread, state: State, target: Thread | None,
              queue: deque[Thread] | None) -> None:
        """The thread begins to wait."""
        with self.rule.links_change(thread):
            thread.state, thread.target, thread.since = state, target, self.now
        thread.queue = queue
        if queue is not None:
            self.rule.enqueue(thread, queue)
        chain = [thread]
        while (other := chain[-1].target) and other not in chain:
            chain.append(other)
        if other:  # is one of them: so it is the first, else we had seen it
            assert other is thread
            raise Deadlock(tuple(t.number for t in chain))

    def wake(self, thread: Thread, error: Error) -> None:
        """The thread's wait ends, with this error."""
        if thread.queue is not None and thread in thread.queue:
            thread.queue.remove(thread)
        self.let_go(thread)
        thread.results = (error,)
        self.rule.ready(thread)

    @staticmethod
    def let_go(thread: Thread) -> None:
        """The reply object, if there is one, holds the thread no more."""
        if thread.reply:
            thread.reply.receiver = thread.reply.caller = None
        thread.reply = None

    # --- Calls ---

    def find(self, cap: int, kind: type[Object]) -> Object | None:
        """What the capability names, if it is of this kind."""
        found = self.caps.get(cap)
        if found and isinstance(found.object, kind):
            return found.object
        return None

    def serve(self, thread: Thread, x: Sequence[int]) -> Cap | None:
        """Does what the call does. What its new capability means, if it
        makes one."""
        thread.results = (Error.OK,)
        if x[7] <= Call.MINT:
            result = self.call_endpoint(thread, x)
        elif Call.CREATE_CONTEXT <= x[7] <= Call.LIMIT_CONTEXT:
            result = self.rule.call(x)
        elif x[7] >= Call.SIGNAL:
            result = self.call_notification(thread, x)
        else:
            result = self.call_other(thread, x)
        if isinstance(result, Cap):
            if len(self.caps) < CAPS - 1:
                return result
            result = Error.FULL
        if result is not None:
            thread.results = (result,)
        return None

    # What follows returns the call's error if the thread need not wait, None
    # if it waits or has its results, or what a new capability means.

    def call_endpoint(self, thread: Thread,
                      x: Sequence[int]) -> Error | Cap | None:
        endpoint = self.find(x[0], Endpoint)
        if not endpoint:
            return Error.CAP
        badge = self.caps[x[0]].badge
        match x[7]:
            case Call.MINT:
                return Cap(endpoint, x[1])
            case Call.SEND:
                return self.send(thread, endpoint, badge, State.SENDING)
            case Call.CALL:
                return self.send(thread, endpoint, badge, State.CALLING)
            case Call.NBSEND:
                if not endpoint.receivers:
                    return Error.WOULD_BLOCK
                return self.send(thread, endpoint, badge, State.SENDING)
        reply = self.find(x[6], Reply)
        if x[7] == Call.REPLY_RECV:
            return self.reply_recv(thread, endpoint, reply) if reply \
                else Error.CAP
        if not reply and x[6] != 0:
            return Error.CAP
        signals = thread.bound is not None and thread.bound.bits != 0
        if x[7] == Call.NBRECV and not endpoint.senders and not signals:
            return Error.WOULD_BLOCK
        if reply:
            self.drop(reply)
        return self.receive(thread, endpoint, reply, None)

    def call_other(self, thread: Thread,
                   x: Sequence[int]) -> Error | Cap | None:
        match x[7]:
            case Call.REPLY:
                return self.reply(thread, self.find(x[6], Reply))
            case Call.YIELD:
                self.rule.take_yield()
                return None
            case Call.EXIT:
                return self.exit(thread)
            case Call.JOIN:
                return self.join(thread, self.find(x[0], Thread))
            case Call.CREATE_THREAD:
                return self.create_thread(x)
            case Call.CREATE_ENDPOINT:
                server = self.find(x[1], Thread)
                if not server and x[1] != 0:
                    return Error.CAP
                return Cap(Endpoint(server))
            case Call.CREATE_REPLY:
                return Cap(Reply())
            case Call.DESTROY:
                return self.destroy(x[0])
            case Call.CREATE_NOTIFICATION:
                return Cap(Notification())
        raise Impossible("the model knows no devices")

    def call_notification(self, thread: Thread,
                          x: Sequence[int]) -> Error | None:
        if x[7] not in list(Call):
            return Error.CALL
        notification = self.find(x[0], Notification)
        if not notification:
            return Error.CAP
        match x[7]:
            case Call.SIGNAL:
                if not x[1]:
                    return Error.ARGUMENT
                self.signal(notification, x[1])
                return Error.OK
            case Call.WAIT:
                if not self.take(notification, thread, Error.OK):
                    self.block(thread, State.WAITING, None,
                               notification.waiters)
                    self.rule.run_next()
                return None
            case Call.POLL:
                return None if self.take(notification, thread, Error.OK) \
                    else Error.WOULD_BLOCK
            case Call.BIND_NOTIFICATION:
                if notification.bound or thread.bound:
                    return Error.ARGUMENT
                notification.bound, thread.bound = thread, notification
                return Error.OK
            case Call.ALARM:
                self.set_alarm(notification, x[1], x[2])
                return Error.OK
        raise Impossible("the model knows no devices")

    # --- Messages ---

    @staticmethod
    def deliver(message: tuple[int, ...], to: Thread, badge: int) -> None:
        to.results = (Error.OK, *message, badge)

    def send(self, sender: Thread, endpoint: Endpoint, badge: int,
             how: State) -> Error | None:
        if not endpoint.receivers:
            sender.badge = badge
            self.block(sender, how, endpoint.server, endpoint.senders)
            self.rule.run_next()
            return None
        receiver = endpoint.receivers.popleft()
        reply = receiver.reply
        self.let_go(receiver)
        self.deliver(sender.message, receiver, badge)
        if how is State.CALLING and reply:
            self.await_answer(sender, receiver, reply)
            self.rule.switch(receiver)
            return None
        self.rule.ready(receiver)
        return Error.OK if how is State.SENDING else Error.DROPPED

    def receive(self, receiver: Thread, endpoint: Endpoint,
                reply: Reply | None, answered: Thread | None) -> None:
        """`answered`: the caller that this thread has just answered."""
        signaled = receiver.bound and self.take(receiver.bound, receiver,
                                                Error.SIGNALED)
        if not signaled and not endpoint.senders:
            receiver.client = None
            receiver.reply = reply
            if reply:
                reply.receiver = receiver
            self.block(receiver, State.RECEIVING, None, endpoint.receivers)
            if answered:
                self.rule.switch(answered)
            else:
                self.rule.run_next()
            return
        with self.rule.links_change(receiver):
            receiver.client = None
        if answered:
            self.rule.ready(answered)
        if signaled:
            return
        sender = endpoint.senders.popleft()
        self.deliver(sender.message, receiver, sender.badge)
        if sender.state is State.SENDING:
            self.wake(sender, Error.OK)
        elif reply:
            self.await_answer(sender, receiver, reply)
        else:
            self.wake(sender, Error.DROPPED)

    def await_answer(self, caller: Thread, server: Thread,
                     reply: Reply) -> None:
        caller.reply, reply.caller = reply, caller
        # The server is about to run: no cycle, even if it now waits for us.
        with self.rule.links_change(caller):
            caller.state, caller.target = State.CALLED, server
            server.client = caller
        caller.since, caller.queue = self.now, None

    def answer(self, thread: Thread, reply: Reply) -> Thread | None:
        """Gives the answer to the caller, if there is one."""
        caller = reply.caller
        if caller:
            self.let_go(caller)
            self.deliver(thread.message, caller, 0)
        return caller

    def reply(self, thread: Thread, reply: Reply | None) -> Error:
        if not reply:
            return Error.CAP
        caller = self.answer(thread, reply)
        if not caller:
            return Error.NO_CALLER
        self.rule.ready(caller)
        return Error.OK

    def reply_recv(self, thread: Thread, endpoint: Endpoint,
                   reply: Reply) -> Error | None:
        caller = self.answer(thread, reply)
        if not caller:
            return Error.NO_CALLER
        self.receive(thread, endpoint, reply, caller)
        return None

    def drop(self, reply: Reply) -> None:
        held = reply.caller or reply.receiver
        if held:
            self.wake(held, Error.DROPPED)

    # --- Signals and alarms ---

    @staticmethod
    def take(notification: Notification, thread: Thread, how: Error) -> bool:
        """Gives the thread all bits that are set, if there are any."""
        if not notification.bits:
            return False
        thread.results = (how, notification.bits)
        notification.bits = 0
        return True

    @staticmethod
    def wakes(notification: Notification) -> Thread | None:
        """Who would get a signal at once?"""
        thread = notification.bound
        if notification.waiters:
            return notification.waiters[0]
        return thread if thread and thread.state is State.RECEIVING else None

    def would_wake(self, due: list[Notification], event: Event) -> bool:
        """Is it the first thread that these alarms wake?"""
        woken = next(filter(None, map(self.wakes, due)), None)
        return woken is not None and (
            event.kind, event.thread) == (Kind.APPEND, woken.number)

    def signal(self, notification: Notification, bits: int) -> None:
        notification.bits |= bits
        thread = self.wakes(notification)
        if not thread:
            return
        how = Error.OK if notification.waiters else Error.SIGNALED
        self.wake(thread, how)
        self.take(notification, thread, how)

    def set_alarm(self, notification: Notification, bits: int,
                  time: int) -> None:
        """Replaces the notification's alarm; without bits there is none."""
        if notification in self.alarms:
            self.alarms.remove(notification)
        notification.alarm_time, notification.alarm_bits = time, bits
        if bits:
            self.alarms.append(notification)
            self.alarms.sort(key=lambda n: n.alarm_time)

    # --- Threads and objects ---

    def exit(self, thread: Thread) -> None:
        while thread.joiners:
            self.wake(thread.joiners[0], Error.OK)
        for caller in self.threads:
            if caller.state is State.CALLED and caller.target is thread:
                self.wake(caller, Error.DROPPED)
        if thread.bound:
            thread.bound.bound = thread.bound = None
        self.block(thread, State.ENDED, None, None)
        self.rule.run_next()

    def join(self, thread: Thread, target: Thread | None) -> Error | None:
        if not target:
            return Error.CAP
        if target.state is not State.ENDED:
            self.block(thread, State.JOINING, target, target.joiners)
            self.rule.run_next()
        return None

    def create_thread(self, x: Sequence[int]) -> Error | Cap:
        if x[4] % STACK_UNIT or x[5] % 16 or x[5] < STACK_SMALLEST:
            return Error.ARGUMENT
        if len(self.caps) == CAPS - 1:
            return Error.FULL
        thread = self.new_thread()
        thread.results = x[3:4]  # its argument
        self.rule.ready(thread)
        return Cap(thread)

    def destroy(self, cap: int) -> Error:
        if endpoint := self.find(cap, Endpoint):
            for queue in (endpoint.senders, endpoint.receivers):
                while queue:
                    self.wake(queue[0], Error.DESTROYED)
        elif reply := self.find(cap, Reply):
            self.drop(reply)
        elif notification := self.find(cap, Notification):
            while notification.waiters:
                self.wake(notification.waiters[0], Error.DESTROYED)
            if notification.bound:
                notification.bound.bound = notification.bound = None
            self.set_alarm(notification, 0, 0)
        else:
            return Error.CAP
        gone = self.caps[cap].object
        self.caps = {n: c for n, c in self.caps.items() if c.object != gone}
        return Error.OK


# --- Scripts ---

@dataclass(frozen=True)
class Script:
    """What demos/script.c is to do; its header explains the language."""
    program: str
    servers: str = "-"
    replies: int = 1
    notifications: int = 0  # from part 3 on
    priorities: str = ""    # from part 4 on
    lending: bool = True

    def arguments(self) -> str:
        """The kernel's command line, but for what all parts know."""
        return " ".join(filter(None, [
            f"notifications={self.notifications}" * bool(self.notifications),
            f"priorities={self.priorities}" * bool(self.priorities),
            "lending=0" * (not self.lending)]))

    def priority(self, number: int) -> int | None:
        """A thread's; None: it is passive."""
        text = ([*self.priorities.split(","), *[""] * 8])[number]
        return None if text == "-" else int(text or PRIORITY_NORMAL)

    def actors(self) -> list[list[str]]:
        """The operations of each thread."""
        return [part.split(",") if part else []
                for part in self.program.split("/")]


class Cast:
    """The threads of a script, each with its program."""

    def __init__(self, script: Script, has_contexts: bool = False) -> None:
        self.script = script
        self.has_contexts = has_contexts
        self.actors = script.actors()
        self.threads: list[int] = []
        self.replies: list[int] = []
        self.endpoints: list[list[int]] = [[] for _ in self.actors]
        self.notifications: list[int] = []

    def program(self, number: int) -> Program:
        return self.actor(number - 1) if number else self.main()

    def main(self) -> Program:
        for _ in self.actors:
            x = yield (None, None, None, None, None, None, 0,
                       Call.CREATE_THREAD)
            self.threads.append(x[6])
        for _ in range(self.script.replies):
            x = yield (None, 0, 0, 0, 0, 0, 0, Call.CREATE_REPLY)
            self.replies.append(x[6])
        for server in self.script.servers:
            x = yield (None, pick(self.threads, server), 0, 0, 0, 0, 0,
                       Call.CREATE_ENDPOINT)
            endpoint = x[6]
            for number, endpoints in enumerate(self.endpoints):
                x = yield (endpoint, number + 1, 0, 0, 0, 0, 0, Call.MINT)
                endpoints.append(x[6])
        for _ in range(self.script.notifications):
            x = yield (None, 0, 0, 0, 0, 0, 0, Call.CREATE_NOTIFICATION)
            self.notifications.append(x[6])
        for number, thread in enumerate(self.threads):
            priority = self.script.priority(number)
            if self.has_contexts and priority is not None:
                x = yield (None, priority, 0, 0, 0, 0, 0, Call.CREATE_CONTEXT)
                yield (x[6], thread, 0, 0, 0, 0, 0, Call.BIND_CONTEXT)
        for thread in self.threads:
            yield (thread, 0, 0, 0, 0, 0, 0, Call.JOIN)

    def actor(self, number: int) -> Program:
        for n, operation in enumerate(self.actors[number]):
            yield self.call(number, n, operation)
        yield (0, 0, 0, 0, 0, 0, 0, Call.EXIT)

    def call(self, number: int, n: int, operation: str) -> Registers:
        """The registers that an operation enters the kernel with."""
        letter, first, second = (operation + "--")[:3]
        endpoint = pick(self.endpoints[number], first)
        reply = pick(self.replies, second)
        label = 1000 * number + n
        message = (label, *(label * 10 + i for i in range(4)))
        nothing = (0, 0, 0, 0, 0)
        notification = pick(self.notifications, first)
        match letter:
            case "g":
                return (notification, 1 << int(second), 0, 0, 0, 0, 0,
                        Call.SIGNAL)
            case "t":
                return (notification, *nothing, 0, Call.WAIT)
            case "p":
                return (notification, *nothing, 0, Call.POLL)
            case "b":
                return (notification, *nothing, 0, Call.BIND_NOTIFICATION)
            case "l":
                bits = ALARM_BIT if second.isdigit() else 0
                return (notification, bits, None, 0, 0, 0, 0, Call.ALARM)
            case "z":
                return (notification, *nothing, 0, Call.DESTROY)
            case "s":
                return (endpoint, *message, 0, Call.SEND)
            case "S":
                return (endpoint, *message, 0, Call.NBSEND)
            case "c":
                return (endpoint, *message, 0, Call.CALL)
            case "r":
                return (endpoint, *nothing, reply, Call.RECV)
            case "R":
                return (endpoint, *nothing, reply, Call.NBRECV)
            case "a":
                return (0, *message, pick(self.replies, first), Call.REPLY)
            case "w":
                return (endpoint, *message, reply, Call.REPLY_RECV)
            case "y":
                return (0, *nothing, 0, Call.YIELD)
            case "j":
                return (pick(self.threads, first), *nothing, 0, Call.JOIN)
            case "d":
                return (endpoint, *nothing, 0, Call.DESTROY)
            case "x":
                return (pick(self.replies, first), *nothing, 0, Call.DESTROY)
        raise ValueError(f"no operation '{operation}'")


def pick(caps: list[int], digit: str) -> int:
    """The capability that a digit of an operation means, or none."""
    number = int(digit) if digit.isdigit() else len(caps)
    return caps[number] if number < len(caps) else 0


def judge(events: Iterable[Event], script: Script | None = None,
          rule: Callable[[Model], Fifo] = Fifo) -> Ending:
    """How the run ended that these events are the log of. Raises Impossible
    if there is no such run. If the script is known, the log is a whole run
    of it; otherwise the run may have gone on behind the last event."""
    model = Model(rule, script)
    for number, event in enumerate(events):
        try:
            model.step(event)
        except Impossible as why:
            raise Impossible(f"event {number}, {event}, can't be: {why}") \
                from None
    return model.end()
