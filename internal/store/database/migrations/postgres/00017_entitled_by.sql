-- +goose Up

-- Through which way into its server a client's scopes were seen is kept with them from now on: each client is asked about
-- once more, so that it is known of all.
UPDATE entitlements SET turn = turn + 1, due_at = 0, tries = 0;
