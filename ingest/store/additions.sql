-- What came to schema.sql after version 1. New stores have it, older ones get it from the next
-- writer; programs that do not know it read the rest as before. Raise `views` in views.sql with it.
CREATE TABLE IF NOT EXISTS timing (    -- when frames are shown, of clips whose rate varies. Of
                                       -- others frame i is shown at i / fps, to 1 ms
    clip  INTEGER PRIMARY KEY REFERENCES clip (id),
    times TEXT NOT NULL                -- a JSON array: microseconds from the first frame, which is
                                       -- 0, one number per frame, rising
);
CREATE TRIGGER IF NOT EXISTS timing_goes AFTER DELETE ON clip
BEGIN DELETE FROM timing WHERE clip = old.id; END;
