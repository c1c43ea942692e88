-- What Redshift has and PostgreSQL lacks, made once in the template that every test's database is copied from.
-- It lives in pg_catalog, where clients look for it, with or without the schema's name.

CREATE SCHEMA redshift_standin;
GRANT USAGE ON SCHEMA redshift_standin TO public;

-- Facts about tables and views that only Redshift knows, as DDL declared them.
CREATE TABLE redshift_standin.declared (relation oid, facts jsonb);

-- After any DDL: stores the facts that the proxy put into a comment, and holds texts to their length in bytes.
CREATE FUNCTION redshift_standin.after_ddl() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $body$
DECLARE
    facts jsonb := substring(current_query() from E'^/\\*redshift (\\{.*?\\}) \\*/')::jsonb;
    made record;
    field record;
    wanted text;
    kept text;
BEGIN
    FOR made IN SELECT * FROM pg_event_trigger_ddl_commands() WHERE object_type IN ('table', 'view') LOOP
        IF facts IS NOT NULL AND facts ->> 'kind' = made.object_type THEN
            INSERT INTO redshift_standin.declared VALUES (made.objid, facts - 'kind');
            facts := NULL;
        END IF;
        CONTINUE WHEN made.object_type <> 'table';
        FOR field IN SELECT a.attname, a.attnum, a.atttypid, a.atttypmod - 4 AS bytes FROM pg_attribute a
            WHERE a.attrelid = made.objid AND a.attnum > 0 AND NOT a.attisdropped LOOP
            wanted := CASE WHEN field.atttypid = 'varchar'::regtype AND field.bytes > 0
                THEN 'varchar_bytes_' || field.attnum || '_' || field.bytes END;
            SELECT conname INTO kept FROM pg_constraint
                WHERE conrelid = made.objid AND conname LIKE 'varchar$_bytes$_' || field.attnum || '$_%' ESCAPE '$';
            CONTINUE WHEN kept IS NOT DISTINCT FROM wanted;
            IF kept IS NOT NULL THEN
                EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', made.objid::regclass, kept);
            END IF;
            -- Dropping one has run this function already.
            IF wanted IS NOT NULL AND NOT EXISTS (
                SELECT FROM pg_constraint WHERE conrelid = made.objid AND conname = wanted
            ) THEN
                EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I CHECK (octet_length(%I) <= %s)',
                    made.objid::regclass, wanted, field.attname, field.bytes);
            END IF;
        END LOOP;
    END LOOP;
END
$body$;

CREATE EVENT TRIGGER redshift_standin ON ddl_command_end EXECUTE FUNCTION redshift_standin.after_ddl();

-- Every fact of a relation, the newest of each kind.
CREATE FUNCTION redshift_standin.facts(wanted oid) RETURNS jsonb LANGUAGE sql STABLE SECURITY DEFINER AS $body$
    SELECT coalesce(jsonb_object_agg(key, value ORDER BY d.ctid), '{}')
    FROM redshift_standin.declared d, jsonb_each(facts) WHERE relation = wanted
$body$;

CREATE FUNCTION redshift_standin.version() RETURNS text LANGUAGE sql IMMUTABLE AS
    $body$ SELECT 'PostgreSQL 8.0.2 on i686-pc-linux-gnu, compiled by GCC gcc (GCC) 3.4.2, Redshift 1.0.0 (stand-in)'::text $body$;

-- Functions

CREATE FUNCTION pg_catalog.getdate() RETURNS timestamp LANGUAGE sql STABLE AS
    $body$ SELECT (now() AT TIME ZONE 'UTC')::timestamp $body$;

CREATE FUNCTION pg_catalog.redshift_part(part text) RETURNS text LANGUAGE sql IMMUTABLE AS $body$
    SELECT CASE lower(part)
        WHEN 'd' THEN 'day' WHEN 'days' THEN 'day' WHEN 'w' THEN 'week' WHEN 'weeks' THEN 'week'
        WHEN 'mon' THEN 'month' WHEN 'months' THEN 'month' WHEN 'qtr' THEN 'quarter' WHEN 'quarters' THEN 'quarter'
        WHEN 'y' THEN 'year' WHEN 'yr' THEN 'year' WHEN 'years' THEN 'year'
        WHEN 'h' THEN 'hour' WHEN 'hr' THEN 'hour' WHEN 'hours' THEN 'hour'
        WHEN 'm' THEN 'minute' WHEN 'min' THEN 'minute' WHEN 'minutes' THEN 'minute'
        WHEN 's' THEN 'second' WHEN 'sec' THEN 'second' WHEN 'seconds' THEN 'second'
        WHEN 'ms' THEN 'millisecond' WHEN 'milliseconds' THEN 'millisecond'
        WHEN 'us' THEN 'microsecond' WHEN 'microseconds' THEN 'microsecond'
        ELSE lower(part) END
$body$;

CREATE FUNCTION pg_catalog.dateadd(part text, amount double precision, moment timestamp) RETURNS timestamp
    LANGUAGE sql IMMUTABLE AS $body$
    SELECT moment + CASE pg_catalog.redshift_part(part)
        WHEN 'quarter' THEN trunc(amount) * interval '3 months'
        ELSE (trunc(amount)::bigint || ' ' || pg_catalog.redshift_part(part))::interval END
$body$;

-- The boundaries of a part between two moments.
CREATE FUNCTION pg_catalog.datediff(part text, first timestamp, last timestamp) RETURNS bigint
    LANGUAGE sql IMMUTABLE AS $body$
    SELECT CASE pg_catalog.redshift_part(part)
        WHEN 'year' THEN extract(year FROM last) - extract(year FROM first)
        WHEN 'quarter' THEN 4 * (extract(year FROM last) - extract(year FROM first))
            + extract(quarter FROM last) - extract(quarter FROM first)
        WHEN 'month' THEN 12 * (extract(year FROM last) - extract(year FROM first))
            + extract(month FROM last) - extract(month FROM first)
        WHEN 'week' THEN (date_trunc('week', last + interval '1 day')::date
            - date_trunc('week', first + interval '1 day')::date) / 7
        WHEN 'day' THEN last::date - first::date
        WHEN 'hour' THEN extract(epoch FROM date_trunc('hour', last) - date_trunc('hour', first)) / 3600
        WHEN 'minute' THEN extract(epoch FROM date_trunc('minute', last) - date_trunc('minute', first)) / 60
        WHEN 'second' THEN extract(epoch FROM date_trunc('second', last) - date_trunc('second', first))
        WHEN 'millisecond' THEN floor(extract(epoch FROM last) * 1000) - floor(extract(epoch FROM first) * 1000)
        WHEN 'microsecond' THEN (extract(epoch FROM last) - extract(epoch FROM first)) * 1000000
    END::bigint
$body$;

CREATE FUNCTION pg_catalog.len(value text) RETURNS integer LANGUAGE sql IMMUTABLE AS
    $body$ SELECT char_length(value) $body$;
CREATE FUNCTION pg_catalog.charindex(part text, value text) RETURNS integer LANGUAGE sql IMMUTABLE AS
    $body$ SELECT strpos(value, part) $body$;
CREATE FUNCTION pg_catalog.trunc(moment timestamp) RETURNS date LANGUAGE sql IMMUTABLE AS
    $body$ SELECT moment::date $body$;
CREATE FUNCTION pg_catalog.last_day(moment timestamp) RETURNS date LANGUAGE sql IMMUTABLE AS
    $body$ SELECT (date_trunc('month', moment) + interval '1 month - 1 day')::date $body$;
CREATE FUNCTION pg_catalog.add_months(moment timestamp, months bigint) RETURNS timestamp LANGUAGE sql IMMUTABLE AS
    $body$ SELECT CASE WHEN moment::date = pg_catalog.last_day(moment)
        THEN pg_catalog.last_day(moment + months * interval '1 month') + moment::time
        ELSE moment + months * interval '1 month' END $body$;
CREATE FUNCTION pg_catalog.date_part_year(moment date) RETURNS integer LANGUAGE sql IMMUTABLE AS
    $body$ SELECT extract(year FROM moment)::integer $body$;
CREATE FUNCTION pg_catalog.convert_timezone(source text, target text, moment timestamp) RETURNS timestamp
    LANGUAGE sql STABLE AS $body$ SELECT (moment AT TIME ZONE source) AT TIME ZONE target $body$;
CREATE FUNCTION pg_catalog.convert_timezone(target text, moment timestamp) RETURNS timestamp
    LANGUAGE sql STABLE AS $body$ SELECT (moment AT TIME ZONE 'UTC') AT TIME ZONE target $body$;
CREATE FUNCTION pg_catalog.json_extract_path_text(document text, VARIADIC path text[]) RETURNS text
    LANGUAGE sql IMMUTABLE AS $body$ SELECT document::jsonb #>> path $body$;
CREATE FUNCTION pg_catalog.sha2(value text, bits integer) RETURNS text LANGUAGE sql IMMUTABLE AS $body$
    SELECT encode(CASE bits WHEN 224 THEN sha224(value::bytea) WHEN 384 THEN sha384(value::bytea)
        WHEN 512 THEN sha512(value::bytea) ELSE sha256(value::bytea) END, 'hex')
$body$;
CREATE FUNCTION pg_catalog.strtol(value text, base integer) RETURNS bigint LANGUAGE sql IMMUTABLE AS $body$
    SELECT sum((strpos('0123456789abcdefghijklmnopqrstuvwxyz', digit) - 1) * base::numeric ^ (length(value) - at))::bigint
    FROM regexp_split_to_table(lower(value), '') WITH ORDINALITY AS digits(digit, at)
$body$;

-- The catalog

CREATE FUNCTION pg_catalog.pg_last_copy_id() RETURNS integer LANGUAGE sql VOLATILE AS $body$
    SELECT coalesce(max((entry ->> 'query')::integer), -1) FROM redshift_standin.journal('copies') AS entry
    WHERE (entry ->> 'pid')::integer = pg_backend_pid()
$body$;
CREATE FUNCTION pg_catalog.pg_last_copy_count() RETURNS bigint LANGUAGE sql VOLATILE AS $body$
    SELECT coalesce((SELECT (entry ->> 'rows')::bigint FROM redshift_standin.journal('copies') AS entry
        WHERE (entry ->> 'query')::integer = pg_catalog.pg_last_copy_id()), 0)
$body$;

CREATE FUNCTION pg_catalog.pg_get_late_binding_view_cols() RETURNS SETOF record LANGUAGE sql STABLE AS $body$
    SELECT n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod)::varchar, a.attnum::int
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relkind = 'v' AND a.attnum > 0 AND redshift_standin.facts(c.oid) ? 'late_binding'
$body$;

CREATE VIEW pg_catalog.svv_external_columns AS
    SELECT ''::text AS schemaname, ''::text AS tablename, ''::text AS columnname, ''::text AS external_type,
        0 AS columnnum, 0 AS part_key WHERE false;

-- Late-binding views included.
CREATE VIEW pg_catalog.svv_columns AS SELECT * FROM information_schema.columns;

CREATE VIEW pg_catalog.svv_redshift_columns AS
    SELECT table_catalog::text AS database_name, table_schema::text AS schema_name, table_name::text,
        column_name::text, ordinal_position::integer, column_default::text, is_nullable::text, data_type::text,
        character_maximum_length::integer, numeric_precision::integer, numeric_scale::integer,
        coalesce(redshift_standin.facts(format('%I.%I', table_schema, table_name)::regclass)
            -> 'encodings' ->> column_name, 'none') AS encoding,
        col_description(format('%I.%I', table_schema, table_name)::regclass, ordinal_position::integer) AS remarks
    FROM information_schema.columns;

CREATE VIEW redshift_standin.show_tables AS
    SELECT current_database()::text AS database_name, n.nspname::text AS schema_name, c.relname::text AS table_name,
        CASE WHEN c.relkind IN ('v', 'm') THEN 'VIEW' ELSE 'TABLE' END AS table_type,
        NULL::text AS table_acl, obj_description(c.oid, 'pg_class') AS remarks,
        pg_get_userbyid(c.relowner)::text AS owner,
        CASE WHEN c.relkind = 'm' THEN 'MATERIALIZED VIEW'
            WHEN c.relkind = 'v' AND redshift_standin.facts(c.oid) ? 'late_binding' THEN 'LATE BINDING VIEW'
            WHEN c.relkind = 'v' THEN 'REGULAR VIEW' ELSE 'REGULAR TABLE' END AS table_subtype
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'v', 'm');

CREATE VIEW pg_catalog.svv_relation_privileges AS
    SELECT n.nspname::text AS namespace_name, c.relname::text AS relation_name, lower(acl.privilege_type) AS privilege_type,
        0 AS identity_id, coalesce(r.rolname, 'public')::text AS identity_name,
        CASE WHEN r.oid IS NULL THEN 'public' WHEN r.rolcanlogin THEN 'user' ELSE 'role' END AS identity_type,
        acl.is_grantable AS admin_option
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        CROSS JOIN aclexplode(c.relacl) AS acl LEFT JOIN pg_roles r ON r.oid = acl.grantee
    WHERE c.relkind IN ('r', 'v', 'm');

CREATE VIEW pg_catalog.svv_table_info AS
    SELECT current_database()::text AS database, n.nspname::text AS schema, c.oid::integer AS table_id,
        c.relname::text AS "table",
        CASE WHEN facts ? 'encodings' OR facts ? 'encode' THEN 'Y, AUTO(ENCODE)' ELSE 'N' END AS encoded,
        CASE WHEN facts ? 'distkey' THEN 'KEY(' || (facts -> 'distkey' ->> 0) || ')'
            WHEN facts ? 'diststyle' THEN upper(facts ->> 'diststyle') ELSE 'AUTO(ALL)' END AS diststyle,
        coalesce(facts -> 'sortkey' ->> 0, 'AUTO(SORTKEY)') AS sortkey1,
        0 AS max_varchar, 'none'::text AS sortkey1_enc,
        coalesce(jsonb_array_length(facts -> 'sortkey'), 0) AS sortkey_num,
        pg_total_relation_size(c.oid) / 1048576 AS size, 0::numeric AS pct_used, 0::bigint AS empty,
        0::numeric AS unsorted, 0::numeric AS stats_off, greatest(c.reltuples, 0)::numeric AS tbl_rows,
        1::numeric AS skew_sortkey1, 1::numeric AS skew_rows, greatest(c.reltuples, 0)::numeric AS estimated_visible_rows,
        NULL::text AS risk_event, 0::numeric AS vacuum_sort_benefit
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        CROSS JOIN LATERAL redshift_standin.facts(c.oid) AS facts
    WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'redshift_standin');

CREATE VIEW pg_catalog.pg_table_def AS
    SELECT n.nspname AS schemaname, c.relname AS tablename, a.attname AS "column",
        format_type(a.atttypid, a.atttypmod) AS type, coalesce(facts -> 'encodings' ->> a.attname, 'none') AS encoding,
        coalesce(facts -> 'distkey' ? a.attname, false) AS distkey,
        coalesce((SELECT position::integer FROM jsonb_array_elements_text(facts -> 'sortkey')
            WITH ORDINALITY AS keys(name, position) WHERE name = a.attname), 0) AS sortkey,
        a.attnotnull AS "notnull"
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        CROSS JOIN LATERAL redshift_standin.facts(c.oid) AS facts
    WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'redshift_standin');
