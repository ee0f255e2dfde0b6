/*
 * Text to tree: one token ahead, and one function per rule of the grammar. Nesting, conditions and
 * items are bounded, so that no text makes it recurse or grow without end.
 */
#include "protocols/https/query_lexer.h"
#include "protocols/https/query_tree.h"

#include "store/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUOTED_MAX 32 /* characters of a query that a refusal repeats */

struct parser {
    struct query_lexer lexer;
    unsigned nesting;
    struct query *query;
    struct hub_error *error;
    bool failed;
};

/* ---- refusals ---- */

/* The first one counts. Returns false. */
static bool fail(struct parser *parser, const char *sentence)
{
    if (!parser->failed) {
        parser->failed = true;
        hub_refuse(parser->error, HUB_ARGUMENT_INVALID, "BadRequest: %s", sentence);
    }
    return false;
}

static bool fail_at(struct parser *parser, const char *expected)
{
    char sentence[160];
    size_t length = parser->lexer.text.length > QUOTED_MAX ? QUOTED_MAX : parser->lexer.text.length;
    if (parser->lexer.token == TOKEN_END) {
        snprintf(sentence, sizeof sentence, "the query ends where %s is expected.", expected);
    } else {
        snprintf(sentence, sizeof sentence, "%s is expected in place of '%.*s'.", expected,
            (int)length, parser->lexer.text.bytes);
    }
    return fail(parser, sentence);
}

static bool fail_unsupported(struct parser *parser, const char *kind, struct text name)
{
    char sentence[160];
    size_t length = name.length > QUOTED_MAX ? QUOTED_MAX : name.length;
    snprintf(
        sentence, sizeof sentence, "%s%.*s is not supported here.", kind, (int)length, name.bytes);
    return fail(parser, sentence);
}

/* ---- what a token is ---- */

static void advance(struct parser *parser)
{
    query_lexer_advance(&parser->lexer);
}

static bool is_word(const struct parser *parser, const char *word)
{
    return query_lexer_is_word(&parser->lexer, word);
}

static bool is_sign(const struct parser *parser, const char *sign)
{
    return query_lexer_is_sign(&parser->lexer, sign);
}

static bool take_word(struct parser *parser, const char *word)
{
    bool is_it = is_word(parser, word);
    if (is_it) {
        advance(parser);
    }
    return is_it;
}

static bool take_sign(struct parser *parser, const char *sign)
{
    bool is_it = is_sign(parser, sign);
    if (is_it) {
        advance(parser);
    }
    return is_it;
}

static bool expect_word(struct parser *parser, const char *word)
{
    return take_word(parser, word) || fail_at(parser, word);
}

static bool expect_sign(struct parser *parser, const char *sign)
{
    return take_sign(parser, sign) || fail_at(parser, sign);
}

/* ---- values ---- */

/* Words that are no name of a member where one is expected. */
static bool is_keyword(struct text word)
{
    static const char *const words[] = {"SELECT", "FROM", "WHERE", "AND", "OR", "NOT", "IN", "NIN",
        "AS", "GROUP", "ORDER", "BY", "JOIN", "TOP", "DISTINCT", NULL};
    for (size_t i = 0; words[i]; i++) {
        if (text_equal_nocase(word, text_of(words[i]))) {
            return true;
        }
    }
    return false;
}

/* A word, then what follows dots. Returns owned; NULL: refused. */
static char *parse_path(struct parser *parser)
{
    const char *start = parser->lexer.text.bytes;
    char *path = NULL;
    size_t used = 0;
    do {
        if (is_sign(parser, "[[")) {
            fail(parser, "property names in double brackets are not supported here.");
            break;
        }
        if (parser->lexer.token != TOKEN_WORD || (used == 0 && is_keyword(parser->lexer.text))) {
            fail_at(parser, "a property");
            break;
        }
        size_t length = parser->lexer.text.length;
        path = memory_grow(path, used + length + 2, 1);
        memcpy(path + used, parser->lexer.text.bytes, length);
        used += length + 1;
        path[used - 1] = path[used] = '\0';
        advance(parser);
        if (is_sign(parser, "(")) {
            fail_unsupported(parser, "the function ",
                (struct text){start, (size_t)(parser->lexer.text.bytes - start)});
        }
    } while (!parser->failed && take_sign(parser, "."));
    if (parser->failed) {
        free(path);
        return NULL;
    }
    return path;
}

static const char *last_segment(const char *path)
{
    const char *last = path;
    for (const char *at = path; *at; at += strlen(at) + 1) {
        last = at;
    }
    return last;
}

static json_t *parse_string(struct parser *parser)
{
    struct text quoted = parser->lexer.text;
    char *plain = memory_allocate(quoted.length);
    size_t used = 0;
    for (size_t i = 1; i + 1 < quoted.length; i++) {
        if (quoted.bytes[i] == '\\') {
            i++;
        }
        plain[used++] = quoted.bytes[i];
    }
    json_t *value = json_stringn(plain, used);
    free(plain);
    if (!value) {
        fail(parser, "a string is not UTF-8.");
    }
    return value;
}

static json_t *parse_number(struct parser *parser)
{
    json_t *value =
        json_loadb(parser->lexer.text.bytes, parser->lexer.text.length, JSON_DECODE_ANY, NULL);
    if (!value) {
        fail_at(parser, "a number");
    }
    return value;
}

static bool is_constant(const struct parser *parser)
{
    return parser->lexer.token == TOKEN_STRING || parser->lexer.token == TOKEN_NUMBER ||
           is_word(parser, "true") || is_word(parser, "false") || is_word(parser, "null");
}

/* Returns owned; NULL: refused. */
static json_t *parse_constant(struct parser *parser)
{
    json_t *value = NULL;
    if (parser->lexer.token == TOKEN_STRING) {
        value = parse_string(parser);
    } else if (parser->lexer.token == TOKEN_NUMBER) {
        value = parse_number(parser);
    } else if (is_word(parser, "null")) {
        value = json_null();
    } else if (is_constant(parser)) {
        value = json_boolean(is_word(parser, "true"));
    } else {
        fail_at(parser, "a constant");
    }
    if (value) {
        advance(parser);
    }
    return value;
}

static bool parse_operand(struct parser *parser, struct query_operand *operand)
{
    if (is_constant(parser)) {
        operand->constant = parse_constant(parser);
    } else if (parser->lexer.token == TOKEN_WORD || is_sign(parser, "[[")) {
        operand->path = parse_path(parser);
    } else {
        fail_at(parser, "a property or a constant");
    }
    return !parser->failed;
}

/* ---- conditions ---- */

static struct query_node *make_node(struct parser *parser, enum query_kind kind)
{
    struct query *query = parser->query;
    if (query->node_count == QUERY_NODES_MAX) {
        fail(parser, "the query has too many conditions.");
        return NULL;
    }
    struct query_node *node = memory_allocate(sizeof *node);
    node->kind = kind;
    query->nodes[query->node_count++] = node;
    return node;
}

static bool take_operator(struct parser *parser, enum query_operator *operator)
{
    static const struct {
        const char *sign;
        enum query_operator operator;
    } rows[] = {{"=", QUERY_EQUAL}, {"!=", QUERY_UNEQUAL}, {"<>", QUERY_UNEQUAL}, {"<", QUERY_LESS},
        {">", QUERY_GREATER}, {"<=", QUERY_AT_MOST}, {">=", QUERY_AT_LEAST}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (take_sign(parser, rows[i].sign)) {
            *operator= rows[i].operator;
            return true;
        }
    }
    return false;
}

/* ['a', 'b']; never empty. */
static bool parse_list(struct parser *parser, struct query_operand *operand)
{
    operand->constant = json_array();
    if (!expect_sign(parser, "[")) {
        return false;
    }
    do {
        json_t *value = parse_constant(parser);
        if (!value) {
            return false;
        }
        json_array_append_new(operand->constant, value);
    } while (take_sign(parser, ","));
    return expect_sign(parser, "]");
}

static bool parse_comparison(struct parser *parser, struct query_node *node)
{
    if (!parse_operand(parser, &node->first)) {
        return false;
    }
    if (take_operator(parser, &node->operator)) {
        node->kind = QUERY_COMPARE;
        return parse_operand(parser, &node->second);
    }
    node->kind = QUERY_IN;
    node->is_negated = is_word(parser, "NIN");
    if (take_word(parser, "NIN") || take_word(parser, "IN")) {
        return parse_list(parser, &node->second);
    }
    return fail_at(parser, "a comparison");
}

static bool parse_is_defined(struct parser *parser, struct query_node *node)
{
    return expect_sign(parser, "(") && (node->first.path = parse_path(parser)) != NULL &&
           expect_sign(parser, ")");
}

static struct query_node *parse_or(struct parser *parser);

static struct query_node *parse_primary(struct parser *parser)
{
    if (take_sign(parser, "(")) {
        struct query_node *inner = parse_or(parser);
        return inner && expect_sign(parser, ")") ? inner : NULL;
    }
    bool tests = take_word(parser, "IS_DEFINED");
    struct query_node *node = make_node(parser, tests ? QUERY_IS_DEFINED : QUERY_COMPARE);
    if (!node) {
        return NULL;
    }
    bool is_good = tests ? parse_is_defined(parser, node) : parse_comparison(parser, node);
    return is_good ? node : NULL;
}

static struct query_node *parse_not(struct parser *parser)
{
    struct query_node *node;
    if (parser->nesting == QUERY_NESTING_MAX) {
        fail(parser, "the query is nested too deeply.");
        return NULL;
    }
    parser->nesting++;
    if (take_word(parser, "NOT")) {
        node = make_node(parser, QUERY_NOT);
        if (node) {
            node->left = parse_not(parser);
        }
    } else {
        node = parse_primary(parser);
    }
    parser->nesting--;
    return parser->failed ? NULL : node;
}

/* A chain of one operator. NULL: refused. */
static struct query_node *parse_chain(struct parser *parser, const char *word, enum query_kind kind,
    struct query_node *parse_part(struct parser *parser))
{
    struct query_node *left = parse_part(parser);
    while (left && take_word(parser, word)) {
        struct query_node *node = make_node(parser, kind);
        if (!node) {
            return NULL;
        }
        node->left = left;
        node->right = parse_part(parser);
        left = node->right ? node : NULL;
    }
    return left;
}

static struct query_node *parse_and(struct parser *parser)
{
    return parse_chain(parser, "AND", QUERY_AND, parse_not);
}

static struct query_node *parse_or(struct parser *parser)
{
    return parse_chain(parser, "OR", QUERY_OR, parse_and);
}

/* ---- the whole ---- */

static struct query_item *add_item(struct parser *parser)
{
    struct query *query = parser->query;
    if (query->item_count == QUERY_ITEMS_MAX) {
        fail(parser, "the select list is too long.");
        return NULL;
    }
    return &query->items[query->item_count++];
}

/* `otherwise`: what it is called without AS. */
static bool parse_alias(struct parser *parser, struct query_item *item, const char *otherwise)
{
    if (!take_word(parser, "AS")) {
        item->name = memory_copy_string(otherwise);
        return true;
    }
    if (parser->lexer.token != TOKEN_WORD || is_keyword(parser->lexer.text)) {
        return fail_at(parser, "a name");
    }
    item->name = memory_copy_bytes(parser->lexer.text.bytes, parser->lexer.text.length);
    advance(parser);
    return true;
}

static bool parse_item(struct parser *parser)
{
    struct query_item *item = add_item(parser);
    if (!item) {
        return false;
    }
    if (take_word(parser, "COUNT")) {
        parser->query->counts = true;
        return expect_sign(parser, "(") && expect_sign(parser, ")") &&
               parse_alias(parser, item, "$1");
    }
    item->path = parse_path(parser);
    if (!item->path) {
        return false;
    }
    return parse_alias(parser, item, last_segment(item->path));
}

static bool parse_select(struct parser *parser)
{
    static const char *const unsupported[] = {"TOP", "DISTINCT", NULL};
    for (size_t i = 0; unsupported[i]; i++) {
        if (is_word(parser, unsupported[i])) {
            return fail_unsupported(parser, "", text_of(unsupported[i]));
        }
    }
    if (take_sign(parser, "*")) {
        parser->query->selects_all = true;
        return true;
    }
    do {
        if (!parse_item(parser)) {
            return false;
        }
    } while (take_sign(parser, ","));
    if (parser->query->counts && parser->query->item_count > 1) {
        return fail(parser, "COUNT() beside something else is not supported here.");
    }
    return true;
}

static bool parse_from(struct parser *parser)
{
    if (!is_word(parser, "devices")) {
        return fail_at(parser, "devices or devices.modules");
    }
    advance(parser);
    parser->query->collection = QUERY_DEVICES;
    if (!take_sign(parser, ".")) {
        return true;
    }
    if (is_word(parser, "modules")) {
        advance(parser);
        parser->query->collection = QUERY_MODULES;
        return true;
    }
    return parser->lexer.token == TOKEN_WORD
               ? fail_unsupported(parser, "the collection devices.", parser->lexer.text)
               : fail_at(parser, "modules");
}

static bool parse_end(struct parser *parser)
{
    if (parser->lexer.token == TOKEN_END) {
        return true;
    }
    return parser->lexer.token == TOKEN_WORD ? fail_unsupported(parser, "", parser->lexer.text)
                                             : fail_at(parser, "the end");
}

static bool parse_query(struct parser *parser)
{
    if (!expect_word(parser, "SELECT") || !parse_select(parser) || !expect_word(parser, "FROM") ||
        !parse_from(parser)) {
        return false;
    }
    if (take_word(parser, "WHERE")) {
        parser->query->where = parse_or(parser);
        if (!parser->query->where) {
            return false;
        }
    }
    return parse_end(parser);
}

struct query *query_parse(struct text text, struct hub_error *error)
{
    struct query *query = memory_allocate(sizeof *query);
    struct parser parser = {.lexer = query_lexer_begin(text), .query = query, .error = error};
    if (!parse_query(&parser)) {
        query_free(query);
        return NULL;
    }
    return query;
}

static void operand_release(struct query_operand *operand)
{
    free(operand->path);
    json_decref(operand->constant);
}

void query_free(struct query *query)
{
    if (!query) {
        return;
    }
    for (size_t i = 0; i < query->item_count; i++) {
        free(query->items[i].path);
        free(query->items[i].name);
    }
    for (size_t i = 0; i < query->node_count; i++) {
        operand_release(&query->nodes[i]->first);
        operand_release(&query->nodes[i]->second);
        free(query->nodes[i]);
    }
    free(query);
}
