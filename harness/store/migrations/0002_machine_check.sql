-- What `assay doctor` found; the newest of a profile is the one that counts.
CREATE TABLE machine_check (
  check_id INTEGER PRIMARY KEY,
  profile_id TEXT NOT NULL,
  created_utc TEXT NOT NULL,
  body TEXT NOT NULL CHECK (json_valid(body))
) STRICT;
CREATE INDEX machine_check_by_profile ON machine_check(profile_id, check_id);
