// SPDX-License-Identifier: MIT
// schedcontext.c - a scheduling context: the right to run, at a priority.
//
// A budget is a sporadic server (Sprunt, Sha and Lehoczky, 1989): what was used
// comes back a period after it was begun to be used, piece by piece. So in no
// stretch of time as long as the period is more used than the budget, whenever
// its owner sleeps and wakes.

#include "schedcontext.h"
#include "sched.h"

void schedcontext_init(struct sched_context *context, unsigned priority)
{
    *context = (struct sched_context){
        .priority = priority, .cpu = this_cpu(), .pin = this_cpu()};
    list_init(&context->node);
}

int schedcontext_bind(struct sched_context *context, struct thread *thread)
{
    if (context->owner || thread->context)
        return ERROR_ARGUMENT;
    context->owner = thread;
    thread->context = context;
    sched_enqueue(context);
    return OK;
}

int schedcontext_limit(struct sched_context *context, uint64_t budget,
                       uint64_t period)
{
    if (budget < PIECE || budget > period || period >> 63)
        return ERROR_ARGUMENT;
    uint64_t now = sysreg_read(cntvct_el0);
    sched_charge(context->cpu, now); // what was before is not its affair
    context->budget = budget;
    context->period = period;
    context->refills[0] = (struct refill){now, budget};
    context->refill_count = 1;
    if (context->owner)
        sched_restart(context);
    return OK;
}

static void remove_first(struct sched_context *context)
{
    context->refill_count--;
    for (unsigned i = 0; i < context->refill_count; i++)
        context->refills[i] = context->refills[i + 1];
}

// Without room for one more piece it joins the last one, which comes back so
// much later that it lasts until then.
static void add_last(struct sched_context *context, struct refill refill)
{
    struct refill *last = &context->refills[context->refill_count - 1];
    if (context->refill_count > 1 && last->time + last->amount == refill.time) {
        last->amount += refill.amount; // used without a break in between
    } else if (context->refill_count == REFILLS) {
        last->time = refill.time - last->amount;
        last->amount += refill.amount;
    } else {
        last[1] = refill;
        context->refill_count++;
    }
}

void schedcontext_charge(struct sched_context *context, uint64_t begin,
                         uint64_t end)
{
    struct refill *first = context->refills;
    // Pieces that are back already are one.
    while (context->refill_count > 1 && first[1].time <= begin) {
        first[1].amount += first->amount;
        first[1].time = first->time;
        remove_first(context);
    }
    uint64_t used = end - begin < first->amount ? end - begin : first->amount;
    uint64_t over = end - begin - used; // the timer was late
    if (used == 0)
        return;
    first->amount -= used;
    add_last(context, (struct refill){begin + context->period, used});
    context->refills[context->refill_count - 1].time += over;
    while (first->amount < PIECE && context->refill_count > 1) {
        first[1].amount += first->amount;
        remove_first(context);
    }
}
