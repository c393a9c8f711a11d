// SPDX-License-Identifier: MIT
// list.h - intrusive doubly linked lists.
//
// A list is a ring through its head. What is to be queued contains a `struct
// list_node`; an entry that is in no list points to itself, so that "is it
// queued?" has an answer and taking it out twice does no harm.
#ifndef STRATA_LIST_H
#define STRATA_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list_node {
    struct list_node *next;
    struct list_node *previous;
};

// The structure of type `type` whose member `member` is at `node`.
#define container_of(node, type, member) \
    ((type *)((char *)(node)-offsetof(type, member)))

// For a head: the empty list. For an entry: in no list.
static inline void list_init(struct list_node *node)
{
    node->next = node;
    node->previous = node;
}

// For a head: is the list empty? For an entry: is it in no list?
static inline bool list_empty(const struct list_node *node)
{
    return node->next == node;
}

// Puts `node`, which is in no list, before `position`. Before the head means
// at the end of the list.
static inline void list_insert_before(struct list_node *position,
                                      struct list_node *node)
{
    struct list_node *before = position->previous;
    node->next = position;
    node->previous = before;
    before->next = node;
    position->previous = node;
}

// Puts `node`, which is in no list, at the end.
static inline void list_append(struct list_node *head, struct list_node *node)
{
    list_insert_before(head, node);
}

// Takes `node` out of the list it is in, if any.
static inline void list_remove(struct list_node *node)
{
    struct list_node *before = node->previous, *behind = node->next;
    before->next = behind;
    behind->previous = before;
    list_init(node);
}

// Takes the first entry out of the list. NULL if the list is empty.
static inline struct list_node *list_take_first(struct list_node *head)
{
    if (list_empty(head))
        return NULL;
    struct list_node *first = head->next;
    list_remove(first);
    return first;
}

// Visits the entries in order. The body must not change the list.
#define list_for_each(node, head)                               \
    for (struct list_node *node = (head)->next; node != (head); \
         node = node->next)

#endif
