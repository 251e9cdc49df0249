-- `make demo SERVER=… LOGIN=…`: adds a SQL Server of the reader's own. Variables: name, host, port, login, trust.
\set QUIET on
\set password `cat "$PASSWORD_FILE"`
-- A statement that fails is logged with its text, and one of these holds a password.
SET log_min_error_statement = 'panic';
\pset footer off
\pset null ''
\pset format wrapped
\pset columns 160
-- Once more with another password or with TRUST=1: begins anew.
DELETE FROM tenant_acme.servers WHERE name = :'name';
\set ECHO all
SELECT vitals.add_server(:'name', host => :'host', port => :port, username => :'login', password => :'password',
                         options => jsonb_build_object('trust_server_certificate', :trust), metrics => '{*}');
SELECT * FROM vitals.test_connection(:'name');
SELECT * FROM vitals.collection_start(:'name');
