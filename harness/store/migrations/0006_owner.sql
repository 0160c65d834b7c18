-- Which run is at an attempt: the name of its sign of life beside the database. NULL for attempts
-- that were made before this was kept.
ALTER TABLE attempt ADD COLUMN owner TEXT;
