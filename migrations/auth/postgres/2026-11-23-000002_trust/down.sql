DROP TABLE token_lives;
DROP TABLE feed;
DROP TABLE feed_head;
ALTER TABLE keys DROP COLUMN signs_from;
ALTER TABLE sessions DROP COLUMN last_used_at;
