-- Devices and shared state of the hub. Instants are microseconds since 1970 on the hub's clock.

CREATE TABLE device (
    row INTEGER PRIMARY KEY AUTOINCREMENT, -- never reused: it is also the number of the device's queue
    device_id TEXT NOT NULL UNIQUE,
    generation_id TEXT NOT NULL,
    etag INTEGER NOT NULL,
    enabled INTEGER NOT NULL,
    status_reason TEXT NOT NULL,
    status_updated INTEGER NOT NULL,
    created INTEGER NOT NULL,
    authentication INTEGER NOT NULL, -- enum identity_authentication
    primary_key BLOB NOT NULL,
    secondary_key BLOB NOT NULL,
    primary_thumbprint TEXT NOT NULL,
    secondary_thumbprint TEXT NOT NULL,
    iot_edge INTEGER NOT NULL
) STRICT;

-- The last sequence number each queue has given. Queue 0 is the feedback queue.
CREATE TABLE queue (
    number INTEGER PRIMARY KEY,
    last_sequence INTEGER NOT NULL
) STRICT;

-- Messages that have not ended. No index but the key: memory is the index, this is the log.
CREATE TABLE message (
    row INTEGER PRIMARY KEY,
    queue INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    enqueued INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    delivery_count INTEGER NOT NULL,
    deliveries INTEGER NOT NULL,
    locked_until INTEGER, -- with lock_token, while the message is invisible
    lock_token BLOB,
    ack INTEGER NOT NULL, -- enum message_ack
    size INTEGER NOT NULL,
    message_id TEXT,
    generation_id TEXT NOT NULL, -- of the target when it was enqueued
    content BLOB NOT NULL -- message_encode
) STRICT;

-- Outcomes that wait for their feedback batch.
CREATE TABLE feedback_record (
    row INTEGER PRIMARY KEY,
    device_id TEXT NOT NULL,
    generation_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    outcome INTEGER NOT NULL, -- enum queue_outcome
    at INTEGER NOT NULL
) STRICT;
