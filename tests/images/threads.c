// SPDX-License-Identifier: MIT
// threads.c - stands in for demos/crasher.c: tests of threads on the machine
// itself, and threads that come to a bad end. how= picks one.

#include "../cap.h"
#include "../thread.h"
#include "demo.h"
#if __has_include("../schedcontext.h")
#include "../schedcontext.h"
#endif

enum { GUESTS = 512, ROUNDS = 20 };

static struct thread memory[GUESTS]
    __attribute__((section(".thread_stacks")));
static char stacks[GUESTS][STACK_SMALLEST]
    __attribute__((section(".thread_stacks"), aligned(GUARD_SIZE)));
static unsigned used;
static unsigned ran;

static void expect(const char *what, int64_t found, int64_t wanted)
{
    if (found == wanted)
        printf("%s: ok\n", what);
    else
        printf("%s: %ld, not %ld\n", what, found, wanted);
}

// From part 4 on a thread runs on a context. This one has no capability, so in
// all parts the same number of threads fills the table. We are main, and so
// have interrupts masked, as the kernel has: its functions can be called.
static void give_context(struct thread *thread)
{
#if __has_include("../schedcontext.h")
    static struct sched_context contexts[GUESTS];
    struct sched_context *context = &contexts[thread - memory];
    schedcontext_init(context, PRIORITY_NORMAL);
    schedcontext_bind(context, thread);
#else
    (void)thread;
#endif
}

// A thread on the next stack.
static int make(const char *name, void (*function)(void *), void *argument,
                cap_t *cap)
{
    int error = create_thread(&memory[used], name, function, argument,
                              stacks[used], STACK_SMALLEST, cap);
    if (error == OK)
        give_context(&memory[used++]);
    return error;
}

// Fills x19 to x28 with values of its own, yields so many times, and returns
// the number of the first register that has changed meanwhile (31 is sp, 32 the
// result in x0), or 0. `number` is that of the call, SYS_YIELD.
uint64_t keeper(uint64_t base, uint64_t rounds, uint64_t number);
asm("    .text\n"
    "    .global keeper\n"
    "keeper:\n"
    "    stp     x29, x30, [sp, #-128]!\n"
    "    mov     x29, sp\n"
    "    stp     x19, x20, [sp, #16]\n"
    "    stp     x21, x22, [sp, #32]\n"
    "    stp     x23, x24, [sp, #48]\n"
    "    stp     x25, x26, [sp, #64]\n"
    "    stp     x27, x28, [sp, #80]\n"
    "    stp     x0, x1, [sp, #96]\n"
    "    str     x2, [sp, #112]\n"
    "    .irp n, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28\n"
    "    add     x\\n, x0, #\\n\n"
    "    .endr\n"
    "1:  mov     x0, #77\n"
    "    ldr     x7, [x29, #112]\n"
    "    bl      gate\n"
    "    mov     x8, #31\n"
    "    mov     x10, sp\n"
    "    cmp     x10, x29\n"
    "    b.ne    2f\n"
    "    mov     x8, #32\n"
    "    cbnz    x0, 2f\n"
    "    ldp     x1, x2, [x29, #96]\n"
    "    .irp n, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28\n"
    "    mov     x8, #\\n\n"
    "    add     x9, x1, #\\n\n"
    "    cmp     x\\n, x9\n"
    "    b.ne    2f\n"
    "    .endr\n"
    "    mov     x8, #0\n"
    "    sub     x2, x2, #1\n"
    "    str     x2, [x29, #104]\n"
    "    cbnz    x2, 1b\n"
    "2:  mov     x0, x8\n"
    "    mov     sp, x29\n"
    "    ldp     x19, x20, [sp, #16]\n"
    "    ldp     x21, x22, [sp, #32]\n"
    "    ldp     x23, x24, [sp, #48]\n"
    "    ldp     x25, x26, [sp, #64]\n"
    "    ldp     x27, x28, [sp, #80]\n"
    "    ldp     x29, x30, [sp], #128\n"
    "    ret\n");

static void keep(void *argument)
{
    uint64_t *value = argument;
    *value = keeper(*value, ROUNDS, SYS_YIELD);
}

static void check_registers(void)
{
    static uint64_t values[3] = {0x1111111111110000, 0x2222222222220000,
                                 0xdddddddddddd0000};
    cap_t caps_of[3];
    for (unsigned i = 0; i < 3; i++)
        make("keeper", keep, &values[i], &caps_of[i]);
    expect("register changed in main", (int64_t)keeper(0x42000, ROUNDS, SYS_YIELD), 0);
    for (unsigned i = 0; i < 3; i++)
        join(caps_of[i]);
    for (unsigned i = 0; i < 3; i++)
        expect("register changed in a thread", (int64_t)values[i], 0);
}

static void count(void *argument)
{
    ++*(unsigned *)argument;
}

static int raw_call(uint64_t number)
{
    uint64_t x[8] = {1, 2, 3, 4, 5, 6, 7, number};
    return enter_kernel(x);
}

static void check_errors(void)
{
    cap_t cap = 4711;
    expect("call 1000", raw_call(1000), ERROR_CALL);
    expect("call 2^32", raw_call(UINT64_C(1) << 32), ERROR_CALL);
    expect("call 2^64 - 1", raw_call(~UINT64_C(0)), ERROR_CALL);
    unsigned before = used;
    expect("create", make("ended", count, &ran, &cap), OK);
    expect("join", join(cap), OK);
    expect("ran", ran, 1);
    expect("state", memory[before].state, THREAD_ENDED);
    expect("join of 2^60 + a good one", join(cap + (UINT64_C(1) << 60)),
           ERROR_CAP);
    expect("join of 0", join(CAP_NONE), ERROR_CAP);
    expect("join of 255", join(255), ERROR_CAP);
    expect("join of 512", join(256), ERROR_CAP);
    expect("join of 2^40", join(UINT64_C(1) << 40), ERROR_CAP);

    cap = 4711;
    struct thread *last = &memory[GUESTS - 1];
    expect("stack on 16", create_thread(last, "no", count, &ran, stacks[9] + 16,
                                        STACK_SMALLEST, &cap), ERROR_ARGUMENT);
    expect("stack on 512", create_thread(last, "no", count, &ran,
                                         stacks[9] + 512, STACK_SMALLEST,
                                         &cap), ERROR_ARGUMENT);
    expect("too small", create_thread(last, "no", count, &ran, stacks[9],
                                      STACK_SMALLEST - 16, &cap),
           ERROR_ARGUMENT);
    expect("no size", create_thread(last, "no", count, &ran, stacks[9], 0,
                                    &cap), ERROR_ARGUMENT);
    expect("crooked size", create_thread(last, "no", count, &ran, stacks[9],
                                         STACK_SMALLEST + 8, &cap),
           ERROR_ARGUMENT);
    yield();
    expect("none of them ran", ran, 1);
    expect("cap untouched", (int64_t)cap, 4711);
}

static void check_names(void)
{
    struct thread *first = &memory[used], *second = &memory[used + 1];
    cap_t caps_of[2];
    make("fifteen letters", count, &ran, &caps_of[0]);
    make("sixteen letters!", count, &ran, &caps_of[1]);
    expect("name of 15", strcmp(first->name, "fifteen letters"), 0);
    expect("name of 16", strcmp(second->name, "sixteen letters"), 0);
    join(caps_of[0]);
    join(caps_of[1]);
}

static unsigned turns, returned, good;
static volatile bool over;

static void stand_by(void *argument)
{
    (void)argument;
    while (!over) {
        turns++;
        yield();
    }
}

static void wait_for(void *argument)
{
    good += join(*(cap_t *)argument) == OK;
    returned++;
}

static void check_joins(void)
{
    static cap_t target;
    cap_t bystander;
    cap_t joiners[3];
    make("target", stand_by, NULL, &target);
    for (unsigned i = 0; i < 3; i++)
        make("joiner", wait_for, &target, &joiners[i]);
    for (unsigned i = 0; i < 5; i++)
        yield();
    expect("turns of the target", turns, 5);
    expect("joiners back too early", returned, 0);
    over = true;
    for (unsigned i = 0; i < 5; i++)
        yield();
    expect("joiners back", returned, 3);
    expect("joiners with OK", good, 3);
    over = false;
    turns = 0;
    make("bystander", stand_by, NULL, &bystander);
    expect("join of an ended thread", join(target), OK);
    expect("join of an ended joiner", join(joiners[1]), OK);
    expect("turns of others meanwhile", turns, 0);
    yield();
    expect("turns of others at a yield", turns, 1);
    over = true;
    expect("join of the bystander", join(bystander), OK);
}

static void check_table(void)
{
    cap_t cap = CAP_NONE;
    unsigned before = used;
    int error = OK;
    ran = 0;
    while (used < GUESTS && error == OK)
        error = make("one of many", count, &ran, &cap);
    expect("full", error, ERROR_FULL);
    expect("threads made", used, CAPS - 1);
    expect("last capability", (int64_t)cap, CAPS - 1);
    expect("full again", make("no", count, &ran, &cap), ERROR_FULL);
    expect("join of the last", join(CAPS - 1), OK);
    expect("all ran", ran, used - before);
}

static void check_all(void)
{
    check_registers();
    check_errors();
    check_names();
    check_joins();
    check_table();
    printf("result: done\n");
}

// --- Ends that are not happy ---

static cap_t lonely_cap;

static void lonely(void *argument)
{
    (void)argument;
    join(lonely_cap);
}

static unsigned overflow(unsigned depth)
{
    volatile unsigned deeper = depth + 1;
    return deeper == 0 ? 0 : overflow(deeper) + deeper;
}

// Goes to and fro with the others, and then too deep, if it is its lot.
static void walk(void *argument)
{
    const char *who = argument;
    for (unsigned i = 0; i < 5; i++)
        yield();
    if (strcmp(demo_string("how", ""), who) == 0)
        overflow(0);
    for (unsigned i = 0; i < 5; i++)
        yield();
}

void demo_crasher(void)
{
    extern char stack_bottom[];
    const char *how = demo_string("how", "");
    if (strcmp(how, "checks") == 0) {
        check_all();
        return;
    }
    if (strcmp(how, "lonely") == 0) {
        lonely_cap = spawn("lonely", lonely, NULL);
        join(lonely_cap);
        return;
    }
    cap_t first, second;
    create_thread(&memory[0], "first", walk, "first", stacks[0], 8192, &first);
    create_thread(&memory[1], "second", walk, "second", stacks[8], 8192,
                  &second);
    give_context(&memory[0]);
    give_context(&memory[1]);
    printf("main from 0x%lx\n", (uintptr_t)stack_bottom);
    printf("first from 0x%lx\n", (uintptr_t)stacks[0]);
    printf("second from 0x%lx\n", (uintptr_t)stacks[8]);
    walk("main");
}
