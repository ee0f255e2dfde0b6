#include "protocols/websocket/handshake.h"

#include "store/message.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* RFC 6455 section 1.3. */
#define ACCEPT_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

#define KEY_LENGTH 24 /* base64 of 16 bytes */
#define SHA1_LENGTH 20
#define ACCEPT_SIZE 29 /* base64 of SHA1_LENGTH bytes, with its zero */

/* The head, as far as an upgrade needs it; texts are borrowed from the bytes. */
struct request {
    struct text target;
    struct text protocol; /* "HTTP/1.1" */
    struct text host;
    struct text key;
    struct text version;
    struct text offered; /* the first subprotocol that we speak, as it was spelled */
    enum websocket_subprotocol subprotocol;
    bool upgrade_is_websocket; /* Upgrade has the token */
    bool connection_is_upgrade; /* Connection has the token */
    bool malformed; /* a line that is no header, or a header twice that may occur once */
};

static const struct {
    struct text name;
    enum websocket_subprotocol subprotocol;
} subprotocols[] = {
    {{"mqtt", 4}, WEBSOCKET_MQTT},
    {{"mqttv3.1", 8}, WEBSOCKET_MQTT},
    {{"AMQPWSB10", 9}, WEBSOCKET_AMQP},
};

/* ---- cutting the head ---- */

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

static struct text trim(struct text text)
{
    while (text.length > 0 && is_blank(text.bytes[0])) {
        text.bytes++;
        text.length--;
    }
    while (text.length > 0 && is_blank(text.bytes[text.length - 1])) {
        text.length--;
    }
    return text;
}

static struct text take_line(struct text *rest)
{
    struct text line = text_take_until(rest, '\n');

    if (line.length > 0 && line.bytes[line.length - 1] == '\r') {
        line.length--;
    }
    return line;
}

/* The length of the head with its empty line; 0 while it is not complete. */
static size_t find_end(struct handshake *handshake, const uint8_t *bytes, size_t length)
{
    for (size_t i = handshake->scanned; i < length; i++) {
        if (bytes[i] != '\n') {
            continue;
        }
        if (i + 1 < length && bytes[i + 1] == '\n') {
            return i + 2;
        }
        if (i + 2 < length && bytes[i + 1] == '\r' && bytes[i + 2] == '\n') {
            return i + 3;
        }
    }
    handshake->scanned = length > 2 ? length - 2 : 0;
    return 0;
}

/* ---- headers ---- */

static bool list_has(struct text list, struct text token)
{
    while (list.length > 0) {
        if (text_equal_nocase(trim(text_take_until(&list, ',')), token)) {
            return true;
        }
    }
    return false;
}

/* The first one that we speak counts; they may come in several headers. */
static void read_offer(struct text list, struct request *request)
{
    while (list.length > 0 && !request->offered.bytes) {
        struct text offered = trim(text_take_until(&list, ','));

        for (size_t i = 0; i < sizeof(subprotocols) / sizeof(subprotocols[0]); i++) {
            if (text_equal_nocase(offered, subprotocols[i].name)) {
                request->offered = offered;
                request->subprotocol = subprotocols[i].subprotocol;
            }
        }
    }
}

static void read_once(struct text value, struct text *where, struct request *request)
{
    request->malformed |= where->bytes != NULL;
    *where = value;
}

static void read_header(struct text line, struct request *request)
{
    struct text value = line;
    struct text name = text_take_until(&value, ':');

    if (name.length == 0 || name.length == line.length || memchr(name.bytes, ' ', name.length) ||
        memchr(line.bytes, '\0', line.length)) {
        request->malformed = true;
        return;
    }
    value = trim(value);
    if (text_equal_nocase(name, TEXT("Upgrade"))) {
        request->upgrade_is_websocket |= list_has(value, TEXT("websocket"));
    } else if (text_equal_nocase(name, TEXT("Connection"))) {
        request->connection_is_upgrade |= list_has(value, TEXT("upgrade"));
    } else if (text_equal_nocase(name, TEXT("Host"))) {
        read_once(value, &request->host, request);
    } else if (text_equal_nocase(name, TEXT("Sec-WebSocket-Key"))) {
        read_once(value, &request->key, request);
    } else if (text_equal_nocase(name, TEXT("Sec-WebSocket-Version"))) {
        read_once(value, &request->version, request);
    } else if (text_equal_nocase(name, TEXT("Sec-WebSocket-Protocol"))) {
        read_offer(value, request);
    }
}

static struct request read_request(struct text head)
{
    struct request request = {0};
    struct text line = take_line(&head);

    text_take_until(&line, ' '); /* the method */
    request.target = text_take_until(&line, ' ');
    request.protocol = line;
    for (line = take_line(&head); line.length > 0; line = take_line(&head)) {
        read_header(line, &request);
    }
    return request;
}

/* ---- judging ---- */

/* Drops scheme and authority of an absolute target; a server has to take those too (RFC 9112
 * section 3.2.2). */
static struct text path_and_query(struct text target)
{
    static const struct text scheme = {"https://", 8};

    if (target.length > scheme.length &&
        text_equal_nocase((struct text){target.bytes, scheme.length}, scheme)) {
        const char *authority = target.bytes + scheme.length;
        const char *slash = memchr(authority, '/', target.length - scheme.length);

        if (slash) {
            target.length -= (size_t)(slash - target.bytes);
            target.bytes = slash;
        }
    }
    return target;
}

static bool path_is_known(struct text path)
{
    static const struct text paths[] = {
        {"/$iothub/websocket", 18},
        {"/%24iothub/websocket", 20},
        {"/$servicebus/websocket", 22},
        {"/%24servicebus/websocket", 24},
    };

    if (path.length > 0 && path.bytes[path.length - 1] == '/') {
        path.length--;
    }
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        if (text_equal(path, paths[i])) {
            return true;
        }
    }
    return false;
}

static bool query_hides_certificate(struct text query)
{
    while (query.length > 0) {
        if (text_equal_nocase(text_take_until(&query, '&'), TEXT("iothub-no-client-cert=true"))) {
            return true;
        }
    }
    return false;
}

static bool key_is_valid(struct text key)
{
    unsigned char decoded[KEY_LENGTH];

    /* EVP_DecodeBlock takes white space at the ends, which trim has left none of. */
    return key.length == KEY_LENGTH && key.bytes[KEY_LENGTH - 3] != '=' &&
           key.bytes[KEY_LENGTH - 2] == '=' && key.bytes[KEY_LENGTH - 1] == '=' &&
           EVP_DecodeBlock(decoded, (const unsigned char *)key.bytes, KEY_LENGTH) == 18;
}

static bool write_accept(struct text key, char accept[ACCEPT_SIZE])
{
    char joined[KEY_LENGTH + sizeof(ACCEPT_GUID)];
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned length = 0;

    memcpy(joined, key.bytes, KEY_LENGTH);
    memcpy(joined + KEY_LENGTH, ACCEPT_GUID, sizeof(ACCEPT_GUID));
    if (EVP_Digest(joined, sizeof(joined) - 1, hash, &length, EVP_sha1(), NULL) != 1 ||
        length != SHA1_LENGTH) {
        return false;
    }
    EVP_EncodeBlock((unsigned char *)accept, hash, SHA1_LENGTH);
    return true;
}

static enum handshake_verdict refuse(
    struct handshake *handshake, const char *status, const char *sentence)
{
    snprintf(handshake->answer, sizeof(handshake->answer),
        "HTTP/1.1 %s\r\n"
        "Connection: close\r\n"
        "Content-Type: text/plain\r\n"
        "Content-Length: %zu\r\n"
        "\r\n"
        "%s\n",
        status, strlen(sentence) + 1, sentence);
    return HANDSHAKE_REFUSED;
}

static enum handshake_verdict refuse_version(struct handshake *handshake)
{
    static const char answer[] = "HTTP/1.1 426 Upgrade Required\r\n"
                                 "Upgrade: websocket\r\n"
                                 "Connection: Upgrade, close\r\n"
                                 "Sec-WebSocket-Version: 13\r\n"
                                 "Content-Length: 0\r\n"
                                 "\r\n";

    memcpy(handshake->answer, answer, sizeof(answer));
    return HANDSHAKE_REFUSED;
}

/* The header names, their case and the single spaces are what some clients need. No extension is
 * ever accepted. */
static enum handshake_verdict accept_upgrade(
    struct handshake *handshake, const struct request *request)
{
    char accept[ACCEPT_SIZE];

    if (!write_accept(request->key, accept)) {
        return refuse(handshake, "500 Internal Server Error", "The key could not be hashed.");
    }
    snprintf(handshake->answer, sizeof(handshake->answer),
        "HTTP/1.1 101 Switching Protocols\r\n"
        "Upgrade: websocket\r\n"
        "Connection: Upgrade\r\n"
        "Sec-WebSocket-Accept: %s\r\n"
        "Sec-WebSocket-Protocol: %.*s\r\n"
        "\r\n",
        accept, (int)request->offered.length, request->offered.bytes);
    handshake->subprotocol = request->subprotocol;
    return HANDSHAKE_UPGRADED;
}

static enum handshake_verdict judge(struct handshake *handshake, const struct request *request)
{
    struct text query = path_and_query(request->target);
    struct text path = text_take_until(&query, '?');

    if (!request->upgrade_is_websocket) {
        return HANDSHAKE_PLAIN;
    }
    if (!path_is_known(path)) {
        return refuse(handshake, "400 Bad Request", "WebSockets are served at /$iothub/websocket.");
    }
    if (!request->offered.bytes) {
        return refuse(handshake, "400 Bad Request",
            "Offer the subprotocol mqtt or AMQPWSB10 in Sec-WebSocket-Protocol.");
    }
    if (!text_equal(request->version, TEXT("13"))) {
        return refuse_version(handshake);
    }
    if (request->malformed || !text_equal(request->protocol, TEXT("HTTP/1.1")) ||
        !request->host.bytes || !request->connection_is_upgrade || !key_is_valid(request->key)) {
        return refuse(handshake, "400 Bad Request", "The WebSocket handshake is malformed.");
    }
    handshake->no_client_certificate = query_hides_certificate(query);
    return accept_upgrade(handshake, request);
}

enum handshake_verdict handshake_read(
    struct handshake *handshake, const uint8_t *bytes, size_t length)
{
    static const char method[] = "GET ";
    size_t known = length < strlen(method) ? length : strlen(method);
    struct request request;

    if (memcmp(bytes, method, known) != 0) {
        return HANDSHAKE_PLAIN;
    }
    handshake->head_length = find_end(handshake, bytes, length);
    if (handshake->head_length > HANDSHAKE_HEAD_MAX ||
        (handshake->head_length == 0 && length >= HANDSHAKE_HEAD_MAX)) {
        return HANDSHAKE_PLAIN;
    }
    if (handshake->head_length == 0) {
        return HANDSHAKE_INCOMPLETE;
    }
    request = read_request((struct text){(const char *)bytes, handshake->head_length});
    return judge(handshake, &request);
}
