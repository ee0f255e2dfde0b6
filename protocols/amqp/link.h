/*
 * Links: which kind an address and a direction make, who may attach, how deliveries are read and
 * answered. Each kind is a file of its own and a row of the table in link.c. Internal to this
 * folder.
 *
 * Sources: OASIS AMQP 1.0 part 2, section 2.6; learn.microsoft.com, "Communicate with your IoT hub
 * by using the AMQP Protocol" (the addresses).
 */
#ifndef DEVICEBOUND_PROTOCOLS_AMQP_LINK_H
#define DEVICEBOUND_PROTOCOLS_AMQP_LINK_H

#include "protocols/address/address.h"
#include "protocols/amqp/connection.h"

#include <proton/delivery.h>
#include <proton/link.h>

#define AMQP_LINK_CREDIT 100 /* given to a peer that sends */
#define AMQP_MESSAGE_MAX 1048576 /* advertised as max-message-size */
#define AMQP_REQUEST_MAX 65536 /* of $cbs and twin requests */
#define AMQP_UNSETTLED_MAX 4096 /* deliveries a receiver leaves open before it gets no more */

enum link_right {
    LINK_FOR_ALL, /* $cbs */
    LINK_FOR_SERVICES,
    LINK_FOR_DEVICES
};

struct amqp_link_kind {
    const char *name; /* for the log */
    enum link_right right;
    const char *path; /* of the service endpoint, which a token has to cover */
    size_t message_max; /* of a peer that sends; 0: the peer receives */
    /* Before the attach is answered. A refusal refuses the link. May be NULL, as all below. */
    enum hub_code (*open)(struct amqp_link *link, struct hub_error *error);
    /* A whole message came in; answer it with amqp_link_answer, now or later. */
    void (*receive)(
        struct amqp_link *link, pn_delivery_t *delivery, const uint8_t *bytes, size_t length);
    /* The peer's credit or our room for output changed. */
    void (*flow)(struct amqp_link *link);
    /* The peer said something about a delivery it got. */
    void (*settle)(struct amqp_link *link, pn_delivery_t *delivery);
    /* Of those whose answers wait for a commit; `failure` NULL: it is committed. */
    void (*answer)(
        struct amqp_link *link, pn_delivery_t *delivery, const struct hub_error *failure);
    /* The link is going: forget what was begun. */
    void (*close)(struct amqp_link *link);
};

struct amqp_link {
    struct amqp_connection *connection;
    pn_link_t *wire; /* its context is this struct until the link goes */
    const struct amqp_link_kind *kind;
    char *device_id; /* name of whom it is about; NULL: nobody in particular */
    char *reply_address; /* target of a $cbs receiver, channel of a twin link */
    struct consumer *consumer; /* of receivers of messages */
    struct reply *waiting; /* replies that wait for their commit */
    uint32_t unanswered; /* deliveries read and not yet answered */
    struct delayed *delayed; /* messages that are given later than they could be, in order */
    uint32_t delayed_count;
    struct loop_timer *delayed_timer;
    int drain_steps; /* commits until the credit of a draining receiver is dropped */
    struct amqp_link *prev, *next;
};

/* ---- events of Proton ---- */

void amqp_link_attach(struct amqp_connection *connection, pn_link_t *wire);
void amqp_link_detached(struct amqp_connection *connection, pn_link_t *wire);
void amqp_link_delivery(struct amqp_connection *connection, pn_delivery_t *delivery);
void amqp_link_flow(pn_link_t *wire);
/* Reads what has come in on it. */
void amqp_link_receive(struct amqp_connection *connection, pn_link_t *wire);

/* The session is over, with all its links: by either side, or by both. */
void amqp_links_end_session(struct amqp_connection *connection, pn_session_t *session);

/* ---- for the kinds ---- */

/* One operation more is within the hub's rate limits; else why not. */
enum hub_code amqp_link_take(
    const struct amqp_link *link, enum throttle_operation operation, struct hub_error *error);

/* Accepted (`error` NULL) or rejected, settled; the peer gets new credit. `condition` NULL: that of
 * the code. */
void amqp_link_answer(struct amqp_link *link, pn_delivery_t *delivery,
    const struct hub_error *error, const char *condition);

/* Detaches with that error, closed, and forgets the link. */
void amqp_link_end(struct amqp_link *link, const struct hub_error *error, const char *condition);

/* Drops what hangs on a link without a word to the peer. */
void amqp_link_release(struct amqp_link *link);

/* Whether the tokens or the certificate of the connection still open it. */
enum hub_code amqp_link_authorize(const struct amqp_link *link, struct hub_error *error);

/* The string value of a property of the peer's attach. False: none, or too long. */
bool amqp_link_property(pn_link_t *wire, const char *key, char *out, size_t size);

/* ---- the kinds ---- */

extern const struct amqp_link_kind cbs_request_kind, cbs_reply_kind; /* cbs.c */
extern const struct amqp_link_kind service_sender_kind; /* service_sender.c */
extern const struct amqp_link_kind feedback_receiver_kind; /* consumer_link.c */
extern const struct amqp_link_kind device_receiver_kind; /* consumer_link.c */
extern const struct amqp_link_kind telemetry_kind; /* telemetry.c */
extern const struct amqp_link_kind twin_request_kind, twin_reply_kind; /* twin.c */
extern const struct amqp_link_kind method_response_kind, method_request_kind; /* silent.c */
extern const struct amqp_link_kind file_receiver_kind, input_receiver_kind; /* silent.c */

#endif
