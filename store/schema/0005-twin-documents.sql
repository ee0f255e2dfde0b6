-- Twins as whole documents: tags and desired properties of a service beside what devices report.
-- Without a row: all empty, at the versions that are defaults here.

ALTER TABLE twin RENAME COLUMN version TO reported_version;
ALTER TABLE twin ADD COLUMN reported_metadata TEXT NOT NULL DEFAULT '{}';
ALTER TABLE twin ADD COLUMN desired TEXT NOT NULL DEFAULT '{}';
ALTER TABLE twin ADD COLUMN desired_metadata TEXT NOT NULL DEFAULT '{}';
ALTER TABLE twin ADD COLUMN desired_version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE twin ADD COLUMN tags TEXT NOT NULL DEFAULT '{}';
ALTER TABLE twin ADD COLUMN etag INTEGER NOT NULL DEFAULT 1; -- rises with each change by a service
ALTER TABLE twin ADD COLUMN version INTEGER NOT NULL DEFAULT 2; -- rises with each change

UPDATE twin SET version = reported_version + 1;
