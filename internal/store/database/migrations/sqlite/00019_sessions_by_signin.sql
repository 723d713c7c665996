-- +goose Up

-- Ending a sign-in ends the console's sessions that came of it, and they are found by it.
CREATE INDEX console_sessions_signin ON console_sessions (signin_id);
