-- Views for people at the sqlite3 shell: names instead of numbers, one line per thing. No
-- program reads them. Made again by the next writer when `views` in meta is another number.
DROP VIEW IF EXISTS datasets;
DROP VIEW IF EXISTS splits;
DROP VIEW IF EXISTS classes;
DROP VIEW IF EXISTS clips;
DROP VIEW IF EXISTS files;
DROP VIEW IF EXISTS failures;
DROP VIEW IF EXISTS packs;
DROP VIEW IF EXISTS times;
CREATE VIEW datasets AS       -- what is in the store
SELECT d.name AS dataset, d.classes,
       count(c.id) AS clips, count(c.note) AS partial,
       (SELECT count(*) FROM failure f WHERE f.dataset = d.id) AS failed,
       coalesce(sum(c.frames), 0) AS frames,
       round(coalesce(sum(CASE WHEN c.fps > 0 THEN c.frames / c.fps END), 0) / 3600, 2) AS hours,
       round(coalesce(sum(c.bytes), 0) / 1e6, 1) AS megabytes
FROM dataset d LEFT JOIN clip c ON c.dataset = d.id GROUP BY d.id;
CREATE VIEW clips AS          -- one line per clip, whatever splits it is in
SELECT c.id, d.name AS dataset, c.name, m.label, k.name AS class, c.frames,
       CASE WHEN c.fps > 0 THEN round(c.frames / c.fps, 2) END AS seconds,   -- NULL: rate unknown
       c.fps, EXISTS (SELECT 1 FROM timing WHERE clip = c.id) AS variable,   -- 1: see times
       c.width, c.height, c.encoding, c.codec, c.bytes,
       c.note                 -- NULL: all of the source is here
FROM clip c JOIN dataset d ON d.id = c.dataset
LEFT JOIN member m ON m.id = (SELECT min(id) FROM member
                              WHERE dataset = c.dataset AND name = c.name)
LEFT JOIN class k ON k.dataset = c.dataset AND k.label = m.label;
CREATE VIEW files AS          -- one line per listed file and split, in the order of the lists
SELECT d.name AS dataset, m.split, m.name, m.label, k.name AS class,
       CASE WHEN c.note IS NOT NULL THEN 'partial' WHEN c.id IS NOT NULL THEN 'stored'
            WHEN f.reason IS NOT NULL THEN 'failed' ELSE 'waiting' END AS state,
       c.id AS clip, coalesce(c.note, f.reason) AS reason
FROM member m JOIN dataset d ON d.id = m.dataset
LEFT JOIN class k ON k.dataset = m.dataset AND k.label = m.label
LEFT JOIN clip c ON c.dataset = m.dataset AND c.name = m.name
LEFT JOIN failure f ON f.dataset = m.dataset AND f.name = m.name
ORDER BY m.id;
CREATE VIEW splits AS         -- how far each list has come
SELECT dataset, split, count(*) AS listed, sum(state = 'stored') AS stored,
       sum(state = 'partial') AS partial, sum(state = 'failed') AS failed,
       sum(state = 'waiting') AS waiting
FROM files GROUP BY dataset, split;
CREATE VIEW classes AS        -- how even the classes are, split by split
SELECT dataset, split, label, class, count(*) AS listed, count(clip) AS clips
FROM files GROUP BY dataset, split, label;
CREATE VIEW failures AS       -- files that could not be used
SELECT d.name AS dataset, f.name, f.reason
FROM failure f JOIN dataset d ON d.id = f.dataset;
CREATE VIEW packs AS          -- where the bytes are: packs/N.pack
SELECT pack, count(*) AS clips, sum(bytes) AS bytes FROM clip GROUP BY pack;
CREATE VIEW times AS          -- when each frame is shown, of clips whose rate varies
SELECT t.clip, j.key AS frame, j.value / 1e6 AS seconds FROM timing t, json_each(t.times) j;
INSERT OR REPLACE INTO meta (key, value) VALUES ('views', '2');
