-- Reported properties, as devices have sent them. Without a row: none, version 1.

CREATE TABLE twin (
    device INTEGER PRIMARY KEY, -- row of the device
    reported TEXT NOT NULL, -- a JSON object
    version INTEGER NOT NULL
) STRICT;
