# Where the module is not in shared_preload_libraries: CREATE EXTENSION works and warns, and whatever needs the collector
# says what to do.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PgVitals;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_cluster('plain', preload => 0);

my ($code, $out, $err) = $node->psql('postgres', 'CREATE EXTENSION pg_vitals');
is($code, 0, 'CREATE EXTENSION works without preload');
like($err, qr/WARNING:  pg_vitals is not loaded at server start/, 'it warns');
like($err, qr/HINT: .*shared_preload_libraries = 'pg_vitals'/, 'the hint names the line to add');

foreach my $statement ('SELECT vitals.start_collector()', 'SELECT * FROM vitals.worker_status')
{
    ($code, $out, $err) = $node->psql('postgres', $statement, extra_params => [ '-v', 'VERBOSITY=verbose' ]);
    isnt($code, 0, "refused without preload: $statement");
    like($err, qr/ERROR:  PT503: pg_vitals was not loaded at server start/, 'with the state that REST turns into 503');
    like($err, qr/HINT:  Add pg_vitals to shared_preload_libraries and restart the server\./, 'and a hint');
}

is($node->safe_psql('postgres', "SELECT count(*) FROM pg_settings WHERE name = 'vitals.max_databases'"),
    '0', 'settings of the server start are not defined by a session');
$node->safe_psql('postgres', "SET vitals.tenant = 'acme'");
($code, $out, $err) = $node->psql('postgres',
    "DO 'BEGIN PERFORM vitals.worker_slots(); EXCEPTION WHEN SQLSTATE ''PT503'' THEN NULL; END'; SET vitals.no_such = 1");
like($err, qr/invalid configuration parameter name "vitals.no_such"/, 'unknown settings of the prefix are errors');

$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_vitals'");
$node->restart;
within(2, 'collector runs after the line was added', sub { collector_serves($node, 'postgres') });

($code, $out, $err) = $node->psql('template1', 'CREATE EXTENSION pg_vitals');
is($err, '', 'no warning where the module is preloaded');
$node->safe_psql('postgres', 'CREATE DATABASE copied');
within(2, 'collector of a copy of a template that has the extension is paused',
    sub { $node->safe_psql('copied', 'SELECT state FROM vitals.worker_status') eq 'paused: run vitals.enable()' });
$node->safe_psql('copied', 'SELECT vitals.enable()');
within(2, 'and runs after vitals.enable()', sub { collector_serves($node, 'copied') });
is(collector_pid($node, 'template1'), undef, 'no collector in the template itself');

$node->stop;
done_testing();
