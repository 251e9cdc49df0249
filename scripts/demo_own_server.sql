-- `make demo SERVER=… LOGIN=…`: adds a SQL Server of the reader's own. Variables: name, host, port, login, trust.
\set QUIET on
\set password `cat "$PASSWORD_FILE"`
-- A statement that fails is logged with its text, and one of these holds a password.
SET log_min_error_statement = 'panic';
\pset footer off
\pset null ''
\set ECHO all
SELECT vitals.add_server(:'name', host => :'host', port => :port, username => :'login', password => :'password',
                         options => jsonb_build_object('trust_server_certificate', :trust), metrics => '{*}');
SELECT * FROM vitals.test_connection(:'name');
SELECT * FROM vitals.collection_start(:'name');
