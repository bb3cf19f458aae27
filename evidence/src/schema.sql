-- The ledger's tables, version 1. `user_version` counts this file; a file with another number is refused, never guessed at.
--
-- The entries are the evidence. `node` and `checkpoint` are computed from them, `consumption`, `release` and
-- `statement_seen` are indexes over them, and `ambit log verify` recomputes all five. Only `blob` may lose rows.
--
-- The triggers stop accidents and stray tools, not the owner of the file; against the owner stand the checkpoints that
-- others hold. They guard inserts too, because `INSERT OR REPLACE` deletes without asking a delete trigger.

CREATE TABLE head (
  id     INTEGER PRIMARY KEY CHECK (id = 1),
  origin TEXT    NOT NULL,                    -- name of the log and of its key
  size   INTEGER NOT NULL CHECK (size >= 0)   -- number of entries; the next index
) STRICT;

CREATE TABLE entry (
  idx       INTEGER PRIMARY KEY,
  kind      TEXT    NOT NULL,
  time      INTEGER NOT NULL,                 -- unix seconds, never falling
  leaf_hash BLOB    NOT NULL,                 -- SHA-256(0x00 || body)
  body      BLOB    NOT NULL                  -- the record, canonical JSON, at most 16 KiB
) STRICT;

CREATE INDEX entry_kind ON entry (kind, idx);

-- Perfect subtrees from level 1 up; level 0 is entry.leaf_hash.
CREATE TABLE node (
  level INTEGER NOT NULL,
  idx   INTEGER NOT NULL,
  hash  BLOB    NOT NULL,
  PRIMARY KEY (level, idx)
) STRICT, WITHOUT ROWID;

-- One signed note per transaction, at the size it reached.
CREATE TABLE checkpoint (
  size INTEGER PRIMARY KEY,
  root BLOB    NOT NULL,
  note TEXT    NOT NULL
) STRICT;

-- Big or personal things, named in entries by digest. Gone when `retention` (unix seconds, NULL = keep) has passed.
CREATE TABLE blob (
  sha256    BLOB NOT NULL PRIMARY KEY,
  bytes     BLOB NOT NULL,
  media     TEXT NOT NULL,
  retention INTEGER
) STRICT;

-- The primary key is what makes a request usable once: two gates cannot both insert the same use.
CREATE TABLE consumption (
  request_id TEXT    NOT NULL,
  use_no     INTEGER NOT NULL CHECK (use_no BETWEEN 1 AND 3),
  entry      INTEGER NOT NULL UNIQUE,
  PRIMARY KEY (request_id, use_no)
) STRICT, WITHOUT ROWID;

-- A use that started nothing and was given back.
CREATE TABLE release (
  request_id TEXT    NOT NULL,
  use_no     INTEGER NOT NULL,
  entry      INTEGER NOT NULL UNIQUE,
  PRIMARY KEY (request_id, use_no)
) STRICT, WITHOUT ROWID;

-- Every statement ever recorded, counted or not: each is taken once.
CREATE TABLE statement_seen (
  digest BLOB    NOT NULL PRIMARY KEY,
  entry  INTEGER NOT NULL UNIQUE
) STRICT, WITHOUT ROWID;

CREATE TRIGGER head_once BEFORE INSERT ON head WHEN EXISTS (SELECT 1 FROM head)
BEGIN SELECT RAISE(ABORT, 'append-only: the head exists'); END;
CREATE TRIGGER head_grows BEFORE UPDATE ON head WHEN NEW.id IS NOT OLD.id OR NEW.origin IS NOT OLD.origin OR NEW.size < OLD.size
BEGIN SELECT RAISE(ABORT, 'append-only: the head only grows'); END;
CREATE TRIGGER head_stays BEFORE DELETE ON head
BEGIN SELECT RAISE(ABORT, 'append-only: the head stays'); END;

CREATE TRIGGER entry_next BEFORE INSERT ON entry WHEN NEW.idx IS NOT (SELECT size FROM head)
BEGIN SELECT RAISE(ABORT, 'append-only: not the next entry'); END;
CREATE TRIGGER entry_fixed BEFORE UPDATE ON entry
BEGIN SELECT RAISE(ABORT, 'append-only: entries do not change'); END;
CREATE TRIGGER entry_stays BEFORE DELETE ON entry
BEGIN SELECT RAISE(ABORT, 'append-only: entries stay'); END;

CREATE TRIGGER node_once BEFORE INSERT ON node WHEN EXISTS (SELECT 1 FROM node WHERE level = NEW.level AND idx = NEW.idx)
BEGIN SELECT RAISE(ABORT, 'append-only: the node exists'); END;
CREATE TRIGGER node_fixed BEFORE UPDATE ON node
BEGIN SELECT RAISE(ABORT, 'append-only: nodes do not change'); END;
CREATE TRIGGER node_stays BEFORE DELETE ON node
BEGIN SELECT RAISE(ABORT, 'append-only: nodes stay'); END;

CREATE TRIGGER checkpoint_now BEFORE INSERT ON checkpoint WHEN NEW.size IS NOT (SELECT size FROM head) OR EXISTS (SELECT 1 FROM checkpoint WHERE size = NEW.size)
BEGIN SELECT RAISE(ABORT, 'append-only: not a checkpoint of the present size'); END;
CREATE TRIGGER checkpoint_fixed BEFORE UPDATE ON checkpoint
BEGIN SELECT RAISE(ABORT, 'append-only: checkpoints do not change'); END;
CREATE TRIGGER checkpoint_stays BEFORE DELETE ON checkpoint
BEGIN SELECT RAISE(ABORT, 'append-only: checkpoints stay'); END;

CREATE TRIGGER blob_fixed BEFORE UPDATE ON blob WHEN NEW.sha256 IS NOT OLD.sha256 OR NEW.bytes IS NOT OLD.bytes OR NEW.media IS NOT OLD.media
BEGIN SELECT RAISE(ABORT, 'append-only: blobs do not change'); END;

CREATE TRIGGER consumption_once BEFORE INSERT ON consumption WHEN EXISTS (SELECT 1 FROM consumption WHERE entry = NEW.entry OR (request_id = NEW.request_id AND use_no = NEW.use_no))
BEGIN SELECT RAISE(ABORT, 'append-only: the use is taken'); END;
CREATE TRIGGER consumption_fixed BEFORE UPDATE ON consumption
BEGIN SELECT RAISE(ABORT, 'append-only: consumptions do not change'); END;
CREATE TRIGGER consumption_stays BEFORE DELETE ON consumption
BEGIN SELECT RAISE(ABORT, 'append-only: consumptions stay'); END;

CREATE TRIGGER release_once BEFORE INSERT ON release WHEN EXISTS (SELECT 1 FROM release WHERE entry = NEW.entry OR (request_id = NEW.request_id AND use_no = NEW.use_no))
BEGIN SELECT RAISE(ABORT, 'append-only: the use is released'); END;
CREATE TRIGGER release_fixed BEFORE UPDATE ON release
BEGIN SELECT RAISE(ABORT, 'append-only: releases do not change'); END;
CREATE TRIGGER release_stays BEFORE DELETE ON release
BEGIN SELECT RAISE(ABORT, 'append-only: releases stay'); END;

CREATE TRIGGER statement_once BEFORE INSERT ON statement_seen WHEN EXISTS (SELECT 1 FROM statement_seen WHERE entry = NEW.entry OR digest = NEW.digest)
BEGIN SELECT RAISE(ABORT, 'append-only: the statement was seen'); END;
CREATE TRIGGER statement_fixed BEFORE UPDATE ON statement_seen
BEGIN SELECT RAISE(ABORT, 'append-only: statements do not change'); END;
CREATE TRIGGER statement_stays BEFORE DELETE ON statement_seen
BEGIN SELECT RAISE(ABORT, 'append-only: statements stay'); END;
