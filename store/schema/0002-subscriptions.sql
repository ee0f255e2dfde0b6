-- What MQTT remembers of a device between its connections.

CREATE TABLE subscription (
    device INTEGER NOT NULL, -- row of the device
    filter TEXT NOT NULL,
    qos INTEGER NOT NULL, -- granted: 0 or 1
    created INTEGER NOT NULL, -- on the hub's clock
    PRIMARY KEY (device, filter)
) STRICT, WITHOUT ROWID;

-- Deliveries that were not acknowledged: they are sent again under the same packet id.
CREATE TABLE unacknowledged (
    device INTEGER NOT NULL,
    packet_id INTEGER NOT NULL,
    sequence INTEGER NOT NULL, -- of the message in the device's queue
    PRIMARY KEY (device, packet_id)
) STRICT, WITHOUT ROWID;
