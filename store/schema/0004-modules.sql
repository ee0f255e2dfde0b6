-- Modules are identities as devices are, in one table: rows number the queues and twins of both.

ALTER TABLE device RENAME TO identity;
ALTER TABLE identity RENAME COLUMN device_id TO name; -- "device", or "device/module"
ALTER TABLE identity ADD COLUMN managed_by TEXT NOT NULL DEFAULT '';
