# SPDX-License-Identifier: MIT
"""A reference model of the calls of parts 2 and 3: is this log of events
possible?

The model reads events as they come (ipc_trace.py). At each ENTER it works out
what the call means, by what strata.h promises, and so knows which events must
follow until the kernel is left: which threads go into the run queue and which
comes out of it, who leaves, and with which results. The first event that is
another one is `Impossible`.

strata.h leaves open who runs when. This is what the model holds to, and it
leaves no choice at all:

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

import enum
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from ipc_trace import Event, Kind, short

CAPS = 512           # in the table; number 0 stays empty
STACK_UNIT = 1024    # a stack begins at a multiple of it, and
STACK_SMALLEST = 2048
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
    # Its program, if we know it, and the call that comes next there.
    program: Program | None = None
    next_call: Registers | None = None  # None: none


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


@dataclass(frozen=True)
class Cap:
    object: Thread | Endpoint | Reply | Notification
    badge: int = 0


@dataclass(frozen=True)
class Expected:
    """An event that must come next."""
    kind: Kind
    thread: Thread
    results: Registers = ()
    makes: Cap | None = None  # x6 is a new capability, and this is its meaning
    goes_on: bool = False     # the thread goes on without a LEAVE

    def __str__(self) -> str:
        words = " ".join("_" if x is None else short(x) for x in self.results)
        new = " and a new capability" if self.makes else ""
        return f"{self.kind.name} of thread {self.thread.number} {words}{new}"


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


class Model:
    def __init__(self, cast: Cast | None = None) -> None:
        self.cast = cast
        self.threads: list[Thread] = []
        self.run_queue: deque[Thread] = deque()
        self.caps: dict[int, Cap] = {}
        self.expected: deque[Expected] = deque()
        self.alarms: list[Notification] = []  # as they are due
        self.sleeping = False  # within a call: no thread can run
        # The time of an INTERRUPT, until the next event tells what it was for.
        self.interrupted: int | None = None
        self.preemptible = False  # alarms were due; a slice's end may follow
        self.ending: Ending | None = None
        self.now = 0
        self.running = self.new_thread()
        self.leave(self.running, ())

    # --- Events ---

    def step(self, event: Event) -> None:
        """Takes the next event, or raises Impossible."""
        if self.interrupted is not None:
            self.serve_interrupt(event)
        if self.expected:
            self.follow(event)
        elif self.ending:
            raise Impossible(f"the run is over ({self.ending.text()})")
        elif event.kind == Kind.INTERRUPT:
            self.interrupt(event)
        elif self.sleeping:
            raise Impossible("the CPU sleeps: next is an interrupt")
        elif self.preemptible and self.is_preemption(event):
            self.preempt()
            self.follow(event)
        else:
            self.enter(event)

    def follow(self, event: Event) -> None:
        """An event within a call, or an interrupt: we know it already."""
        wanted = self.expected.popleft()
        if (event.kind, event.thread) != (wanted.kind, wanted.thread.number):
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

    def is_preemption(self, event: Event | None) -> bool:
        """Does the thread that was interrupted go to the run queue?"""
        return event is not None and not self.sleeping and (
            event.kind, event.thread) == (Kind.APPEND, self.running.number)

    def preempt(self) -> None:
        """Another thread goes on, without a LEAVE."""
        self.preemptible = False
        self.ready(self.running)
        self.running = self.run_queue.popleft()
        self.expected.append(Expected(Kind.TAKE, self.running,
                                      self.running.results, goes_on=True))

    def serve_interrupt(self, event: Event | None) -> None:
        """What was the interrupt for? `event` comes next, or the log's end."""
        now, self.interrupted = self.interrupted or 0, None
        if self.is_preemption(event):
            self.preempt()
            return
        if not self.alarms or self.alarms[0].alarm_time > now:
            raise Impossible("an interrupt for nothing came before it")
        while self.alarms and self.alarms[0].alarm_time <= now:
            due = self.alarms.pop(0)
            self.signal(due, due.alarm_bits)
        self.preemptible = not self.sleeping
        if self.sleeping:
            try:
                self.run_next()
            except Deadlock:
                self.ending = Ending(self.threads, True)
            if not self.sleeping:
                self.expected.append(Expected(Kind.LEAVE, self.running,
                                              self.running.results))

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
        except Deadlock as deadlock:
            self.ending = Ending(self.threads, True, deadlock.args[0])
        else:
            if not self.sleeping:
                self.expected.append(Expected(Kind.LEAVE, self.running,
                                              self.running.results, made))

    def end(self) -> Ending:
        """The log ends here."""
        if self.interrupted is not None:
            self.serve_interrupt(None)
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

    def ready(self, thread: Thread) -> None:
        """The thread goes to the end of the run queue."""
        thread.state, thread.queue, thread.target = State.READY, None, None
        assert thread not in self.run_queue
        self.run_queue.append(thread)
        self.expected.append(Expected(Kind.APPEND, thread))

    def run_next(self) -> None:
        """The first thread in the run queue runs. If there is none the CPU
        sleeps, as long as an alarm may wake it."""
        self.sleeping = not self.run_queue
        if self.sleeping and not self.alarms:
            raise Deadlock(())
        if self.sleeping:
            return
        self.running = self.run_queue.popleft()
        self.expected.append(Expected(Kind.TAKE, self.running))

    def switch(self, thread: Thread) -> None:
        """The thread runs at once."""
        thread.state, thread.queue, thread.target = State.READY, None, None
        self.running = thread

    def block(self, thread: Thread, state: State, target: Thread | None,
              queue: deque[Thread] | None) -> None:
        """The thread begins to wait."""
        thread.state, thread.target, thread.since = state, target, self.now
        thread.queue = queue
        if queue is not None:
            queue.append(thread)
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
        self.ready(thread)

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
                self.ready(thread)
                self.run_next()
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
                    self.run_next()
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
            self.run_next()
            return None
        receiver = endpoint.receivers.popleft()
        reply = receiver.reply
        self.let_go(receiver)
        self.deliver(sender.message, receiver, badge)
        if how is State.CALLING and reply:
            self.await_answer(sender, receiver, reply)
            self.switch(receiver)
            return None
        self.ready(receiver)
        return Error.OK if how is State.SENDING else Error.DROPPED

    def receive(self, receiver: Thread, endpoint: Endpoint,
                reply: Reply | None, answered: Thread | None) -> None:
        """`answered`: the caller that this thread has just answered."""
        if receiver.bound and self.take(receiver.bound, receiver,
                                        Error.SIGNALED):
            if answered:
                self.ready(answered)
            return
        if not endpoint.senders:
            receiver.reply = reply
            if reply:
                reply.receiver = receiver
            self.block(receiver, State.RECEIVING, None, endpoint.receivers)
            if answered:
                self.switch(answered)
            else:
                self.run_next()
            return
        if answered:
            self.ready(answered)
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
        caller.state, caller.target = State.CALLED, server
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
        self.ready(caller)
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

    def signal(self, notification: Notification, bits: int) -> None:
        notification.bits |= bits
        thread, how = notification.bound, Error.SIGNALED
        if notification.waiters:
            thread, how = notification.waiters[0], Error.OK
        elif not thread or thread.state is not State.RECEIVING:
            return
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
        self.run_next()

    def join(self, thread: Thread, target: Thread | None) -> Error | None:
        if not target:
            return Error.CAP
        if target.state is not State.ENDED:
            self.block(thread, State.JOINING, target, target.joiners)
            self.run_next()
        return None

    def create_thread(self, x: Sequence[int]) -> Error | Cap:
        if x[4] % STACK_UNIT or x[5] % 16 or x[5] < STACK_SMALLEST:
            return Error.ARGUMENT
        if len(self.caps) == CAPS - 1:
            return Error.FULL
        thread = self.new_thread()
        thread.results = x[2:4]  # the function and its argument
        self.ready(thread)
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

    def actors(self) -> list[list[str]]:
        """The operations of each thread."""
        return [part.split(",") if part else []
                for part in self.program.split("/")]


class Cast:
    """The threads of a script, each with its program."""

    def __init__(self, script: Script) -> None:
        self.script = script
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


def judge(events: Iterable[Event], script: Script | None = None) -> Ending:
    """How the run ended that these events are the log of. Raises Impossible
    if there is no such run. If the script is known, the log is a whole run
    of it; otherwise the run may have gone on behind the last event."""
    model = Model(Cast(script) if script else None)
    for number, event in enumerate(events):
        try:
            model.step(event)
        except Impossible as why:
            raise Impossible(f"event {number}, {event}, can't be: {why}") \
                from None
    return model.end()
