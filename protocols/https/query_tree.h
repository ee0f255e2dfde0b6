/*
 * A query as a tree: made by query_parser.c, evaluated by query_match.c. Private to the two.
 */
#ifndef DEVICEBOUND_PROTOCOLS_HTTPS_QUERY_TREE_H
#define DEVICEBOUND_PROTOCOLS_HTTPS_QUERY_TREE_H

#include "protocols/https/query_language.h"

#define QUERY_NODES_MAX 256 /* so deep may evaluation go */
#define QUERY_ITEMS_MAX 64 /* of a select list */
#define QUERY_NESTING_MAX 32 /* of parentheses and NOT */

enum query_kind {
    QUERY_AND,
    QUERY_OR,
    QUERY_NOT,
    QUERY_COMPARE,
    QUERY_IN,
    QUERY_IS_DEFINED
};

enum query_operator {
    QUERY_EQUAL,
    QUERY_UNEQUAL,
    QUERY_LESS,
    QUERY_GREATER,
    QUERY_AT_MOST,
    QUERY_AT_LEAST
};

/* A value of the document, or a constant. */
struct query_operand {
    char *path; /* owned: member names, each with its zero, then an empty one; NULL: a constant */
    json_t *constant; /* owned; of IN an array */
};

struct query_node {
    enum query_kind kind;
    enum query_operator operator;
    bool is_negated; /* NIN */
    struct query_node *left, *right; /* of AND, OR; NOT has the left one */
    struct query_operand first, second;
};

struct query_item {
    char *path; /* owned, as above */
    char *name; /* owned: the member it becomes */
};

struct query {
    enum query_collection collection;
    bool selects_all, counts;
    struct query_item items[QUERY_ITEMS_MAX]; /* of COUNT() the name alone */
    size_t item_count;
    struct query_node *nodes[QUERY_NODES_MAX]; /* owned, in the order they were made */
    size_t node_count;
    struct query_node *where; /* NULL: everything */
};

#endif
