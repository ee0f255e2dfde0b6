/*
 * A tree against a document: conditions are true, false or undefined.
 */
#include "protocols/https/query_tree.h"

#include <string.h>

enum truth {
    FALSE,
    TRUE,
    UNDEFINED
};

enum query_collection query_collection(const struct query *query)
{
    return query->collection;
}

bool query_selects_all(const struct query *query)
{
    return query->selects_all;
}

bool query_counts(const struct query *query)
{
    return query->counts;
}

/* ---- values ---- */

/* Returns borrowed; NULL: it leads nowhere. */
static json_t *follow(const json_t *from, const char *path)
{
    const json_t *at = from;
    for (; at && *path; path += strlen(path) + 1) {
        at = json_object_get(at, path);
    }
    return (json_t *)at;
}

static const json_t *value_of(const struct query_operand *operand, const json_t *twin)
{
    return operand->path ? follow(twin, operand->path) : operand->constant;
}

static enum truth truth_of(bool is_so)
{
    return is_so ? TRUE : FALSE;
}

static enum truth decide(enum query_operator operator, int order)
{
    switch (operator) {
    case QUERY_EQUAL:
        return truth_of(order == 0);
    case QUERY_UNEQUAL:
        return truth_of(order != 0);
    case QUERY_LESS:
        return truth_of(order < 0);
    case QUERY_GREATER:
        return truth_of(order > 0);
    case QUERY_AT_MOST:
        return truth_of(order <= 0);
    case QUERY_AT_LEAST:
        return truth_of(order >= 0);
    }
    return UNDEFINED;
}

static int order_numbers(const json_t *a, const json_t *b)
{
    if (json_is_integer(a) && json_is_integer(b)) {
        json_int_t x = json_integer_value(a), y = json_integer_value(b);
        return (x > y) - (x < y);
    }
    double x = json_number_value(a), y = json_number_value(b);
    return (x > y) - (x < y);
}

/* Numbers and strings have an order; the rest is equal or not. */
static enum truth compare(enum query_operator operator, const json_t * a, const json_t *b)
{
    if (!a || !b) {
        return UNDEFINED;
    }
    if (json_is_number(a) && json_is_number(b)) {
        return decide(operator, order_numbers(a, b));
    }
    if (json_is_string(a) && json_is_string(b)) {
        return decide(operator, strcmp(json_string_value(a), json_string_value(b)));
    }
    bool is_same_type =
        json_typeof(a) == json_typeof(b) || (json_is_boolean(a) && json_is_boolean(b));
    if (!is_same_type || (operator!= QUERY_EQUAL && operator!= QUERY_UNEQUAL)) {
        return UNDEFINED;
    }
    return decide(operator, json_equal(a, b) ? 0 : 1);
}

static enum truth is_in(const struct query_node *node, const json_t *value)
{
    size_t index;
    const json_t *one;
    if (!value) {
        return UNDEFINED;
    }
    json_array_foreach(node->second.constant, index, one)
    {
        if (compare(QUERY_EQUAL, value, one) == TRUE) {
            return truth_of(!node->is_negated);
        }
    }
    return truth_of(node->is_negated);
}

/* ---- conditions ---- */

/* `absorbing` decides alone: false for AND, true for OR. */
static enum truth join(enum truth left, enum truth right, enum truth absorbing)
{
    if (left == absorbing || right == absorbing) {
        return absorbing;
    }
    return left == UNDEFINED || right == UNDEFINED ? UNDEFINED : left;
}

/* As deep as the tree, which has at most QUERY_NODES_MAX nodes. */
static enum truth evaluate(const struct query_node *node, const json_t *twin)
{
    switch (node->kind) {
    case QUERY_AND:
        return join(evaluate(node->left, twin), evaluate(node->right, twin), FALSE);
    case QUERY_OR:
        return join(evaluate(node->left, twin), evaluate(node->right, twin), TRUE);
    case QUERY_NOT: {
        enum truth inner = evaluate(node->left, twin);
        return inner == UNDEFINED ? UNDEFINED : truth_of(inner == FALSE);
    }
    case QUERY_COMPARE:
        return compare(node->operator, value_of(&node->first, twin), value_of(&node->second, twin));
    case QUERY_IN:
        return is_in(node, value_of(&node->first, twin));
    case QUERY_IS_DEFINED:
        return truth_of(follow(twin, node->first.path) != NULL);
    }
    return UNDEFINED;
}

bool query_matches(const struct query *query, const json_t *twin)
{
    return !query->where || evaluate(query->where, twin) == TRUE;
}

/* ---- rows ---- */

json_t *query_write_row(const struct query *query, json_t *twin)
{
    if (query->selects_all) {
        return json_incref(twin);
    }
    json_t *row = json_object();
    for (size_t i = 0; i < query->item_count; i++) {
        json_t *value = follow(twin, query->items[i].path);
        if (value) {
            json_object_set(row, query->items[i].name, value);
        }
    }
    return row;
}

json_t *query_write_count(const struct query *query, size_t count)
{
    json_t *row = json_object();
    json_object_set_new(row, query->items[0].name, json_integer((json_int_t)count));
    return row;
}
