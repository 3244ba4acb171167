\if :generation < 0
SELECT id, generation FROM sessions WHERE revoked_at IS NULL ORDER BY id DESC OFFSET :client_id LIMIT 1 \gset
\endif
UPDATE sessions SET generation = generation + 1, rotated_at = now(), expires_at = now() + interval '1 day', signing_kid = signing_kid, refresh_kid = refresh_kid WHERE id = :id AND generation = :generation AND revoked_at IS NULL AND expires_at > now() AND absolute_expires_at > now() RETURNING * \gset
