-- Where the hub's clock stood, in a snapshot; empty in a hub's own file.

CREATE TABLE clock (
    row INTEGER PRIMARY KEY CHECK (row = 1),
    now INTEGER NOT NULL,
    frozen INTEGER NOT NULL,
    tokens_follow INTEGER NOT NULL
) STRICT;
