-- The index of a clip store: STORE/index.db. Readable with the sqlite3 shell.
-- Version 1. Tables are singular, with numbers; views.sql adds views in the plural, with names,
-- additions.sql what came later.
-- Comments inside the statements are what .schema shows.
-- A change that an older program would misread raises meta.version.
--
-- Where the frames are. One row of `clip` says where its record lies:
--     STORE/packs/<pack>.pack, bytes offset .. offset + bytes - 1
-- The record opens with a table of 16 bytes per frame (little-endian):
--     u64 start of the frame's bytes, counted from the record's first byte
--     u64 XXH3 checksum of these bytes
-- then come the frames, one after the other; a frame ends where the next starts, the
-- last one at the end of the record. `table_sum` is the checksum of the table itself.
-- So 100 bytes of index per clip are enough to open a store, and a sample costs one
-- small read for the table and one per frame, without SQL.
-- A pack opens with 16 bytes: "vsynpack", u32 version, u32 its number. Bytes that
-- belong to no clip are what a killed writer left; the next writer cuts them off.
PRAGMA application_id = 1987279214;    -- "vsyn"

CREATE TABLE meta (            -- facts about the store itself
    key   TEXT PRIMARY KEY,            -- 'version'; 'views': of views.sql; 'floor': packs below it
                                       -- are never appended to (remove, compact)
    value TEXT NOT NULL
);
CREATE TABLE dataset (         -- UCF101, a folder, a generated set, ...
    id      INTEGER PRIMARY KEY,
    name    TEXT NOT NULL UNIQUE,
    classes INTEGER NOT NULL           -- labels are 0 .. classes - 1; 0 = unlabelled
);
CREATE TABLE class (           -- either every class of a data set has a name or none has
    dataset INTEGER NOT NULL REFERENCES dataset (id),
    label   INTEGER NOT NULL,
    name    TEXT NOT NULL,
    PRIMARY KEY (dataset, label)
);
CREATE TABLE clip (            -- a stored video: what it is and where its bytes are
    id        INTEGER PRIMARY KEY AUTOINCREMENT,   -- never used again
    dataset   INTEGER NOT NULL REFERENCES dataset (id),
    name      TEXT NOT NULL,           -- path as listed
    pack      INTEGER NOT NULL,
    offset    INTEGER NOT NULL,
    bytes     INTEGER NOT NULL,
    table_sum INTEGER NOT NULL,        -- 64 bits, shown signed by SQLite
    frames    INTEGER NOT NULL,
    width     INTEGER NOT NULL,
    height    INTEGER NOT NULL,
    fps       REAL NOT NULL,           -- 0: unknown; a mean where `timing` has the clip
    encoding  TEXT NOT NULL,           -- 'jpeg'; 'raw': Y, U, V planes, 4:2:0, JFIF range;
                                       -- 'copy': packets of the video (ingest/copy.h)
    codec     TEXT,                    -- of the source, for the record
    note      TEXT,                    -- 'partial: ...' when not all of the source is here
    UNIQUE (dataset, name)
);
CREATE TABLE member (          -- which list names which file, one row per split (or fold) and
                               -- file. The file may have no clip: not yet, or it failed
    id      INTEGER PRIMARY KEY AUTOINCREMENT,     -- order of the list
    dataset INTEGER NOT NULL REFERENCES dataset (id),
    split   TEXT NOT NULL,
    name    TEXT NOT NULL,
    label   INTEGER NOT NULL,          -- -1 = none
    UNIQUE (dataset, name, split)
);
CREATE TABLE failure (         -- files that could not be used; gone when they could after all
    dataset INTEGER NOT NULL REFERENCES dataset (id),
    name    TEXT NOT NULL,
    reason  TEXT NOT NULL,
    PRIMARY KEY (dataset, name)
);
INSERT INTO meta (key, value) VALUES ('version', '1');
