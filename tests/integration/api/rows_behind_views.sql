-- %(n)s rows in every table of one winery. The first row of a table is the one that a view of a single thing shows, and has %(n)s
-- of everything that belongs to it.
-- Nothing here runs out while the test lasts: a worker that is not seen for a minute, or an event that a page waits for, would
-- change what is asked by the clock and not by the rows.
INSERT INTO worker_heartbeats (worker, seen_at) VALUES ('w', now() + interval '1 day');
INSERT INTO wineries (code, name) VALUES ('DEMO', 'Demo');
INSERT INTO users (winery_id, username, display_name, role, hashed_password, hashed_pin)
    SELECT 1, 'u' || i, 'U', 'owner', %(hashed)s, %(hashed)s FROM generate_series(1, %(n)s) i;
INSERT INTO user_sessions (winery_id, user_id, token_hash, expires_at)
    SELECT 1, 1, sha256(i::text::bytea), now() + interval '1 day' FROM generate_series(1, %(n)s) i;
INSERT INTO shared_devices (winery_id, name, token_hash, enrolled_at, last_seen_at, created_by)
    SELECT 1, 'D' || i, sha256(i::text::bytea), now(), now(), 1 FROM generate_series(1, %(n)s) i;
INSERT INTO access_tokens (id, winery_id, user_id, expires_at)
    SELECT gen_random_uuid(), 1, 1, now() + interval '1 day' FROM generate_series(1, %(n)s) i;
INSERT INTO password_resets (winery_id, user_id, code_hash, expires_at) SELECT 1, id, 'x', now() + interval '1 day' FROM users;
INSERT INTO vessels (winery_id, code) SELECT 1, 'T-' || i FROM generate_series(1, %(n)s) i;
INSERT INTO vineyards (winery_id, code, name) SELECT 1, 'V' || i, 'V' FROM generate_series(1, %(n)s) i;
INSERT INTO vineyard_blocks (winery_id, vineyard_id, code) SELECT 1, i, 'B' || i FROM generate_series(1, %(n)s) i;
INSERT INTO harvest_lots (winery_id, vineyard_id, block_id, code, variety, vintage, harvested_on, kg_harvested)
    SELECT 1, i, i, 'L' || i, 'Tempranillo', '2026', '2026-09-01', 900 FROM generate_series(1, %(n)s) i;
INSERT INTO fermentations (winery_id, code, style, yeast_strain, started_at, created_by)
    SELECT 1, 'F' || i, 'red', 'EC-1118', now() - interval '9 days', 1 FROM generate_series(1, %(n)s) i;
INSERT INTO vessel_occupancies (winery_id, vessel_id, fermentation_id, during)
    SELECT 1, id, id, tstzrange(started_at, NULL) FROM fermentations;
-- One vessel more, for wine to go to.
INSERT INTO vessels (winery_id, code) VALUES (1, 'T-0');
INSERT INTO transfers (winery_id, client_uuid, kind, moved_at, recorded_by, body_hash)
    SELECT 1, gen_random_uuid(), 'move', now() - interval '8 days' + i * interval '1 hour', 1, 'x' FROM generate_series(1, %(n)s) i;
INSERT INTO transfer_flows (winery_id, transfer_id, from_fermentation_id, from_vessel_id, to_fermentation_id, to_vessel_id, empties)
    SELECT 1, t.id, 1, 1, 1, v.id, false FROM transfers t, vessels v WHERE v.id > 1 AND (v.code = 'T-0' OR t.id = 1);
INSERT INTO fermentation_lot_sources (winery_id, fermentation_id, harvest_lot_id, percentage)
    SELECT 1, 1, id, 100.0 / %(n)s FROM harvest_lots UNION ALL SELECT 1, id, 1, 100 FROM fermentations WHERE id > 1;
-- Of the first fermentation readings by everybody, the first of which was corrected again and again; of each other one reading.
INSERT INTO samples (winery_id, fermentation_id, client_uuid, sample_type, value_typed, unit, value, measured_at, recorded_by,
        body_hash, supersedes_id, reason)
    SELECT 1, f, gen_random_uuid(), 'sugar', '20.0', 'brix', 1083, now() - i * interval '1 hour', 1 + mod(i, %(n)s), 'x', older,
        CASE WHEN older IS NOT NULL THEN 'slip' END FROM (
            SELECT 1 AS f, i, NULL AS older FROM generate_series(0, %(n)s) i
            UNION ALL SELECT 1, 1, CASE i WHEN 1 THEN 1 ELSE %(n)s + i END FROM generate_series(1, %(n)s) i
            UNION ALL SELECT f, 1, NULL FROM generate_series(2, %(n)s) f) s;
INSERT INTO historical_samples (id, winery_id, fermentation_id, varietal, sample_type, measured_at, value, source)
    SELECT id, 1, fermentation_id, 'Tempranillo', sample_type, measured_at, value, 'live' FROM samples;
INSERT INTO past_ferments (winery_id, fermentation_id, code, varietal, style, vessel_size, source, started_at, start_density,
        share_gone, last_h, by_share, by_time)
    SELECT 1, id, code, 'Tempranillo', 'red', 'unknown', 'live', started_at, 1098, 0.9, 200, decode(repeat('00', 328), 'hex'),
        decode(repeat('00', 728), 'hex') FROM fermentations;
INSERT INTO patterns (winery_id, varietal, style, vessel_size, ferments, content)
    SELECT 1, 'V' || i, 'red', 'unknown', %(n)s, jsonb_build_object('places', (SELECT jsonb_agg(jsonb_build_array(id, 50))
        FROM fermentations), 'came_dry', 1, 'by_share', bands, 'by_time', bands) || figures FROM generate_series(1, %(n)s) i,
        (SELECT '{"lag_hours": [1, 1, 1, 1, 1], "days_to_dry": [1, 1, 1, 1, 1], "fastest": [1, 1, 1, 1, 1],
            "temperature": [1, 1, 1, 1, 1]}'::jsonb AS figures,
            '{"share": [], "ferments": [], "hours": [], "sugar": [], "temperature": [], "rate": []}'::jsonb AS bands) told;
INSERT INTO imports (winery_id, client_uuid, file_name, size_bytes, created_by)
    SELECT 1, gen_random_uuid(), 'f', 1, 1 FROM generate_series(1, %(n)s) i;
INSERT INTO import_mappings (winery_id, name, fingerprint, answers)
    SELECT 1, 'm' || i, 'f' || i, '{}' FROM generate_series(1, %(n)s) i;
INSERT INTO imported_wines (winery_id, import_id, number, fermentation_id, is_new)
    SELECT 1, 1, i, i, false FROM generate_series(1, %(n)s) i;
INSERT INTO staged_wines (import_id, number, code, line) SELECT 1, i, 'C' || i, i FROM generate_series(1, %(n)s) i;
INSERT INTO staged_readings (import_id, line, place, code, wine, verdict, detail)
    SELECT 1, i, 1, 'C' || i, i, 'refused', 'No number.' FROM generate_series(1, %(n)s) i;
INSERT INTO analyses (winery_id, fermentation_id, covers_samples) SELECT 1, id, 1 FROM fermentations;
INSERT INTO anomalies (winery_id, fermentation_id, analysis_id, type, severity, deviation_score, title, explanation, threshold,
        clears_when, evidence, since, acknowledged_by, acknowledged_at, assigned_to)
    SELECT 1, f, f, 'type-' || i, 'warning', 1, 'T', 'E', '{"text": "", "value": 1, "unit": ""}', 'C', ARRAY[1], now(), i, now(), f FROM
        (SELECT 1 AS f, i FROM generate_series(1, %(n)s) i UNION ALL SELECT f, 1 FROM generate_series(2, %(n)s) f) a;
INSERT INTO anomaly_history (winery_id, anomaly_id, what, user_id, note, severity, evidence, assigned_to)
    SELECT 1, 1, 'assigned', i, 'N', 'warning', ARRAY[1], i FROM generate_series(1, %(n)s) i;
INSERT INTO lessons (winery_id, learned_from, ferments, content) VALUES (1, '', 0, '');
INSERT INTO recommendation_templates (winery_id, anomaly_type, code, action, instructions, reasoning, conditions, confidence,
        in_use, created_by)
    SELECT 1, 'stuck', 'code-' || i, 'A', ARRAY['I'], 'R', '{}', 0.5, true, i FROM generate_series(1, %(n)s) i;
INSERT INTO recommendations (winery_id, analysis_id, anomaly_id, anomaly_type, template_code, own, sources, action, instructions,
        reasoning, confidence, status, decided_by, decided_at)
    SELECT 1, 1, i, 'type-' || i, 'code', true, '', 'A', ARRAY['I'], 'R', 0.5, 'applied', i, now() FROM generate_series(1, %(n)s) i;
INSERT INTO outbox (winery_id, event, subject, payload, done_at)
    SELECT 1, 'SampleRecorded', 'fermentation:1', '{}', now() FROM generate_series(1, %(n)s) i;
-- Of the first wine additions and cap work, the first of which was corrected again and again; of each other one entry.
INSERT INTO additions (winery_id, fermentation_id, client_uuid, kind, note, recorded_by, confirmed, body_hash, dose_typed, unit,
        counts, per_litre, done_at, supersedes_id, reason)
    SELECT 1, 1, gen_random_uuid(), 'dap', '', 1 + mod(i, %(n)s), false, 'x'::bytea, '1', 'g_hl', 'g', 0.01, now() - i * interval '1 hour',
        nullif(i - 1, 0), CASE WHEN i > 1 THEN 'slip' END FROM generate_series(1, %(n)s) i
    UNION ALL SELECT 1, f, gen_random_uuid(), 'yeast', '', 1, false, 'x'::bytea, '1', 'g_hl', 'g', 0.01, now(), NULL, NULL
        FROM generate_series(1, %(n)s) f;
INSERT INTO cap_work (winery_id, fermentation_id, client_uuid, kind, note, recorded_by, confirmed, body_hash, started_at,
        supersedes_id, reason)
    SELECT 1, 1, gen_random_uuid(), 'pump_over', '', 1 + mod(i, %(n)s), false, 'x'::bytea, now() - i * interval '1 hour',
        nullif(i - 1, 0), CASE WHEN i > 1 THEN 'slip' END FROM generate_series(1, %(n)s) i
    UNION ALL SELECT 1, f, gen_random_uuid(), 'punch_down', '', 1, false, 'x'::bytea, now(), NULL, NULL
        FROM generate_series(1, %(n)s) f;
INSERT INTO devices (winery_id, code, kind) SELECT 1, 'D' || i, 'tilt' FROM generate_series(1, %(n)s) i;
INSERT INTO device_assignments (winery_id, device_id, vessel_id, during)
    SELECT 1, 1, i, tstzrange(now() - i * interval '1 day', now() - (i - 1) * interval '1 day') FROM generate_series(1, %(n)s) i
    UNION ALL SELECT 1, i, i, tstzrange(now(), NULL) FROM generate_series(1, %(n)s) i;
INSERT INTO device_readings (winery_id, device_id, read_at, quantity, value)
    SELECT 1, 1, now() - i * interval '1 hour', 'temperature', 24 FROM generate_series(1, %(n)s) i;
INSERT INTO fermentation_notes (winery_id, fermentation_id, user_id, client_uuid, content, noted_at, body_hash)
    SELECT 1, 1, i, gen_random_uuid(), 'Smells of cherries.', now(), 'x' FROM generate_series(1, %(n)s) i;
INSERT INTO skipped_readings (winery_id, fermentation_id, client_uuid, reason, skipped_at, recorded_by, body_hash)
    SELECT 1, f, gen_random_uuid(), 'Foam', now(), 1, 'x' FROM generate_series(1, %(n)s) f;
INSERT INTO note_photos (winery_id, note_id, digest, width, height, image, thumbnail)
    SELECT 1, id, 'd', 1, 1, 'x', 'x' FROM fermentation_notes;
INSERT INTO tasks (winery_id, client_uuid, body_hash, kind, title, instructions, fermentation_id, vessel_id, planned_by, assigned_to, due_at)
    SELECT 1, gen_random_uuid(), 'x', 'addition', 'T', '', 1, i, i, i, now() FROM generate_series(1, %(n)s) i;
INSERT INTO device_hours (winery_id, device_id, hour) SELECT 1, i, date_trunc('hour', now()) FROM generate_series(1, %(n)s) i;
-- The first wine also has a sample of each device.
INSERT INTO samples (winery_id, fermentation_id, client_uuid, sample_type, value_typed, unit, value, measured_at, device_id, body_hash)
    SELECT 1, 1, gen_random_uuid(), 'temperature', '24.00', 'celsius', 24, now() - i * interval '1 hour', i, 'x'
        FROM generate_series(1, %(n)s) i;
INSERT INTO notification_settings (winery_id) VALUES (1);
INSERT INTO notification_rules (winery_id, user_id, severity, critical_breaks_quiet, escalation, daily_summary)
    SELECT 1, id, 'warning', true, false, false FROM users;
INSERT INTO webhooks (winery_id, name, url, severity, signing_secret_sealed, created_by)
    SELECT 1, 'W' || i, 'https://example.org/', 'warning', 'x', 1 FROM generate_series(1, %(n)s) i;
INSERT INTO notices (winery_id, kind, cause, severity, anomaly_id, user_id, send_after)
    SELECT 1, 'opened', 'opened:' || id, 'warning', id, 1, now() FROM anomalies;
INSERT INTO log_lines (at, process, level, event, of_winery, details)
    SELECT now(), 'web', 'info', 'request', 1, '{}' FROM generate_series(1, %(n)s) i;
INSERT INTO sign_in_rules (winery_id, second_factor_required) VALUES (1, false);
INSERT INTO second_factors (winery_id, user_id, secret_sealed) SELECT 1, id, 'x' FROM users;
INSERT INTO recovery_codes (winery_id, user_id, code_hash) SELECT 1, id, 'x' FROM users;
INSERT INTO replays (winery_id, vintage, rules, asked_by) SELECT 1, 2000 + i, '[]', 1 FROM generate_series(1, %(n)s) i;
INSERT INTO rule_settings (winery_id, check_id, style, limits)
    SELECT 1, c, s, '{}' FROM unnest(ARRAY['stuck', 'sluggish', 'slow_start', 'too_fast', 'temp_high', 'temp_low', 'temp_rate',
        'cooling_failure', 'nutrient', 'h2s', 'va_rise', 'va_limit', 'mlf_stall']) c,
        unnest(ARRAY['red', 'white', 'rose', 'orange']) s LIMIT %(n)s;
