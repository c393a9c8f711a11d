// SPDX-License-Identifier: MIT
// list.c - random operations on two lists, and the same on arrays.
#include "host.h"
#include "../../common/include/list.h"

enum { ITEMS = 8, LISTS = 2 };

struct item {
    int number;
    struct list_node node;
};

static struct item items[ITEMS];
static struct list_node lists[LISTS];

// The model: for each list, the numbers of its items in order.
static int model[LISTS][ITEMS];
static int count[LISTS];

static void model_insert(int list, int position, int number)
{
    memmove(&model[list][position + 1], &model[list][position],
            sizeof(int) * (size_t)(count[list] - position));
    model[list][position] = number;
    count[list]++;
}

// Where in which list an item is. False if it is in none.
static bool model_find(int number, int *list, int *position)
{
    for (*list = 0; *list < LISTS; ++*list) {
        for (*position = 0; *position < count[*list]; ++*position) {
            if (model[*list][*position] == number)
                return true;
        }
    }
    return false;
}

static void model_remove(int number)
{
    int list, position;
    if (!model_find(number, &list, &position))
        return;
    count[list]--;
    memmove(&model[list][position], &model[list][position + 1],
            sizeof(int) * (size_t)(count[list] - position));
}

static void put(int list, int number)
{
    struct list_node *node = &items[number].node;
    int at = (int)pick((unsigned)count[list] + 1);

    switch (pick(2)) {
    case 0:
        list_append(&lists[list], node);
        model_insert(list, count[list], number);
        break;
    case 1:
        list_insert_before(at == count[list] ? &lists[list]
                                             : &items[model[list][at]].node,
                           node);
        model_insert(list, at, number);
        break;
    }
}

static void take_first(int list)
{
    struct list_node *node = list_take_first(&lists[list]);
    CHECK((node == NULL) == (count[list] == 0), "list %d", list);
    if (node == NULL)
        return;
    int number = container_of(node, struct item, node)->number;
    CHECK(number == model[list][0], "took %d", number);
    CHECK(list_empty(node), "%d is still in a list", number);
    model_remove(number);
}

static void compare(void)
{
    for (int list = 0; list < LISTS; list++) {
        int position = 0;
        CHECK(list_empty(&lists[list]) == (count[list] == 0), "list %d", list);
        list_for_each(node, &lists[list])
        {
            CHECK(position < count[list], "list %d is too long", list);
            CHECK(container_of(node, struct item, node)->number ==
                      model[list][position],
                  "list %d, position %d", list, position);
            CHECK(node->next->previous == node, "the way back");
            position++;
        }
        CHECK(position == count[list], "list %d is too short", list);
    }
}

int main(void)
{
    srandom(1);
    for (int i = 0; i < LISTS; i++)
        list_init(&lists[i]);
    for (int i = 0; i < ITEMS; i++) {
        items[i].number = i;
        list_init(&items[i].node);
    }
    for (int i = 0; i < 20000; i++) {
        int number = (int)pick(ITEMS), list, position;
        bool queued = model_find(number, &list, &position);
        CHECK(list_empty(&items[number].node) == !queued, "item %d", number);
        if (pick(4) == 0) {
            take_first((int)pick(LISTS));
        } else if (queued || pick(4) == 0) {
            list_remove(&items[number].node); // harmless if in none
            model_remove(number);
        } else {
            put((int)pick(LISTS), number);
        }
        compare();
    }
    return 0;
}
