-- What was stored, in one number: flips inside of values pass SQLite's own checks. harness/store/checksum.h
-- says what is in it. NULL: finished before this was kept.
ALTER TABLE attempt ADD COLUMN checksum TEXT;
ALTER TABLE experiment ADD COLUMN checksum TEXT;
-- The file that an attempt was read from by `assay db import`. NULL: made by a run, or by `assay import`.
ALTER TABLE attempt ADD COLUMN origin TEXT;

-- Links of an attempt: without it, removing or describing one looked through the links of all.
CREATE INDEX cell_attempt_by_attempt ON cell_attempt(attempt_id);
