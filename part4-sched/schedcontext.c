// SPDX-License-Identifier: MIT
// schedcontext.c - a scheduling context: the right to run, at a priority.

#include "schedcontext.h"
#include "sched.h"

void schedcontext_init(struct sched_context *context, unsigned priority)
{
    *context = (struct sched_context){.priority = priority};
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
