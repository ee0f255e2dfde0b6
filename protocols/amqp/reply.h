/*
 * Replies of $cbs and twin links: each waits for its commit, then follows the disposition of its
 * request, then waits until a receiver for it has credit. Internal to this folder.
 *
 * Proton writes accepted dispositions after the transfers of the same pass, and the C and Python
 * clients take a reply that overtakes its disposition for a failure; so the disposition is drained
 * before the reply is given to Proton.
 */
#ifndef DEVICEBOUND_PROTOCOLS_AMQP_REPLY_H
#define DEVICEBOUND_PROTOCOLS_AMQP_REPLY_H

#include "protocols/amqp/link.h"

struct reply {
    pn_delivery_t *request;
    const struct amqp_link_kind *kind; /* of the receiver it goes to */
    pn_session_t *session; /* compared only */
    char *address; /* the receiver's reply_address; NULL: any */
    bool address_decides; /* no other receiver will do */
    struct writer message;
    struct reply *prev, *next;
};

/* An answer to `request` for a receiver of that kind; its message is to be written. Returns owned
 * by `link` from reply_await on. */
struct reply *reply_create(pn_delivery_t *request, const struct amqp_link_kind *kind);
void reply_free(struct reply *reply);

/* Answers the request and sends the reply once the open group is committed. Takes `reply`. */
void reply_await(struct amqp_link *link, struct reply *reply);

/* Sends what receivers have credit for. */
void replies_flush(struct amqp_connection *connection);
void replies_free(struct reply **replies);

#endif
