/*
 * The words, numbers, strings and signs of a query, one at a time: `token` and `text` are the one
 * that lies ahead. Called by query_parser.c.
 */
#ifndef DEVICEBOUND_PROTOCOLS_HTTPS_QUERY_LEXER_H
#define DEVICEBOUND_PROTOCOLS_HTTPS_QUERY_LEXER_H

#include "store/text.h"

enum query_token {
    TOKEN_END,
    TOKEN_WORD,
    TOKEN_STRING,
    TOKEN_NUMBER,
    TOKEN_SIGN, /* one or two characters */
    TOKEN_BAD /* all the rest, from where it is none of these */
};

struct query_lexer {
    struct text rest; /* behind the token */
    enum query_token token;
    struct text text; /* of the token, borrowed from the query; a string has its quotes */
};

struct query_lexer query_lexer_begin(struct text query);
void query_lexer_advance(struct query_lexer *lexer);

bool query_lexer_is_word(const struct query_lexer *lexer, const char *word); /* in any case */
bool query_lexer_is_sign(const struct query_lexer *lexer, const char *sign);

#endif
