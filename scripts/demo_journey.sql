-- What `make demo` runs, and shows line by line. Variables: ca_file, port1 … port3, password_file.
\set QUIET on
\set password `cat "$PASSWORD_FILE"`
-- A statement that fails is logged with its text, and one of these holds a password.
SET log_min_error_statement = 'panic';
\pset footer off
\set ECHO all
CREATE EXTENSION pg_vitals;

-- A tenant has servers, and a schema of its own for them.
SELECT vitals.create_tenant('acme');

-- Three SQL Servers, simulated here. The password is encrypted when it enters; only the collector can open it.
SELECT vitals.add_server('sql01', host => 'localhost', port => :port1, username => 'vitals', password => :'password',
                         options => jsonb_build_object('ca_file', :'ca_file'), metrics => '{*}');
SELECT vitals.add_server('sql02', host => 'localhost', port => :port2, username => 'vitals', password => :'password',
                         options => jsonb_build_object('ca_file', :'ca_file'), metrics => '{*}');
SELECT vitals.add_server('sql03', host => 'localhost', port => :port3, username => 'vitals', password => :'password',
                         options => jsonb_build_object('ca_file', :'ca_file'), metrics => '{*}');

-- The machine that PostgreSQL runs on needs no login. Only a superuser may add it.
SELECT vitals.add_server('here', connector => 'local', metrics => '{*}');

-- What would stand in the way of collecting?
SELECT * FROM vitals.test_connection('sql01');
SELECT * FROM vitals.test_connection('sql02');
SELECT * FROM vitals.test_connection('sql03');

-- Poll every 30 seconds instead of every 60, and start: the first poll is made at once.
SELECT vitals.collection_config_put(server, interval_seconds => 30) FROM vitals.collection_status;
SELECT * FROM vitals.collection_start('sql01');
SELECT * FROM vitals.collection_start('sql02');
SELECT * FROM vitals.collection_start('sql03');
SELECT * FROM vitals.collection_start('here');
