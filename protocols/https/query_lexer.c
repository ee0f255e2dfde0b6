#include "protocols/https/query_lexer.h"

#include <string.h>

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t word_length(struct text text)
{
    size_t length = 0;
    while (
        length < text.length && (is_letter(text.bytes[length]) || is_digit(text.bytes[length]))) {
        length++;
    }
    return length;
}

/* A number as JSON writes it; a sign in front, which JSON has too. */
static size_t number_length(struct text text)
{
    size_t length = text.bytes[0] == '-' ? 1 : 0;
    while (length < text.length && (is_digit(text.bytes[length]) || text.bytes[length] == '.' ||
                                       ((text.bytes[length] == '-' || text.bytes[length] == '+') &&
                                           (text.bytes[length - 1] | 0x20) == 'e') ||
                                       (text.bytes[length] | 0x20) == 'e')) {
        length++;
    }
    return length;
}

/* With both quotes; 0: it does not end. A backslash takes the next character as it is. */
static size_t string_length(struct text text)
{
    for (size_t i = 1; i < text.length; i++) {
        if (text.bytes[i] == '\\') {
            i++;
        } else if (text.bytes[i] == text.bytes[0]) {
            return i + 1;
        }
    }
    return 0;
}

static size_t sign_length(struct text text)
{
    static const char *const twos[] = {"!=", "<>", "<=", ">=", "[[", NULL};
    for (size_t i = 0; twos[i]; i++) {
        if (text.length >= 2 && memcmp(text.bytes, twos[i], 2) == 0) {
            return 2;
        }
    }
    return strchr("=<>(),.[]*", text.bytes[0]) ? 1 : 0;
}

void query_lexer_advance(struct query_lexer *lexer)
{
    struct text rest = lexer->rest;
    size_t length;
    while (rest.length > 0 && memchr(" \t\r\n", rest.bytes[0], 4)) {
        rest.bytes++;
        rest.length--;
    }
    if (rest.length == 0) {
        lexer->token = TOKEN_END;
        length = 0;
    } else if (is_letter(rest.bytes[0])) {
        lexer->token = TOKEN_WORD;
        length = word_length(rest);
    } else if (is_digit(rest.bytes[0]) || rest.bytes[0] == '-') {
        lexer->token = TOKEN_NUMBER;
        length = number_length(rest);
    } else if (rest.bytes[0] == '\'' || rest.bytes[0] == '"') {
        lexer->token = TOKEN_STRING;
        length = string_length(rest);
    } else {
        lexer->token = TOKEN_SIGN;
        length = rest.bytes[0] != '\0' ? sign_length(rest) : 0;
    }
    if (length == 0 && rest.length > 0) {
        lexer->token = TOKEN_BAD;
        length = rest.length;
    }
    lexer->text = (struct text){rest.bytes, length};
    lexer->rest = (struct text){rest.bytes + length, rest.length - length};
}

struct query_lexer query_lexer_begin(struct text query)
{
    struct query_lexer lexer = {.rest = query};
    query_lexer_advance(&lexer);
    return lexer;
}

bool query_lexer_is_word(const struct query_lexer *lexer, const char *word)
{
    return lexer->token == TOKEN_WORD && text_equal_nocase(lexer->text, text_of(word));
}

bool query_lexer_is_sign(const struct query_lexer *lexer, const char *sign)
{
    return lexer->token == TOKEN_SIGN && text_equal(lexer->text, text_of(sign));
}
