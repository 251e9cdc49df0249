# Collection by stored procedures: docs/mssql/install_procedures.sql is run on a server by an independent client, as its
# administrator would, and a login that may do nothing but execute them collects what batches collect elsewhere.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use Administrator;
use JSON::PP;
use PgVitals;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SimulatedServers;
use Test::More;

plan skip_all => 'no pymssql' unless Administrator::has_client();

my $servers = SimulatedServers->new(servers => 3, tls => 'login-only');
my $node = new_cluster('procedures', conf => "vitals.ca_directory = '" . $servers->ca_directory . "'");
ready_database($node, 'app');
$node->safe_psql('app', "SELECT vitals.create_tenant('acme')");

sub sql { return $node->safe_psql('app', "SET vitals.tenant = 'acme'; $_[0]"); }

foreach my $time ('first', 'second')
{
    ok(eval { Administrator::install_procedures($servers->port(1)); 1 }, "the script runs a $time time") or diag $@;
}
$servers->control($_, view_state => JSON::PP::false) foreach 1, 2;

sub add
{
    my ($name, $number, $mode) = @_;
    my $ca = $servers->ca;
    add_polled_server($node, 'app', 'acme', $name, host => "'localhost'", port => $servers->port($number), username => "'vitals'",
        password => "'vitals'", metrics => "'{*}'", options => qq('{"ca_file": "$ca", "mode": "$mode"}'));
    return;
}
add('batches', 0, 'batches');
add('procedures', 1, 'procedures');
add('missing', 2, 'procedures');

# The servers' names are in instances; what depends on the time of the question is compared on its own.
sub values_of
{
    return sql(qq{SELECT metric, regexp_replace(instance, 'SIM000[0-9]', 'SIM'), value FROM vitals.latest_metrics
                  WHERE server = '$_[0]' AND metric !~ '^(tls|login|query|poll|clock_skew)' ORDER BY 1, 2});
}
# The time that the server said it was, in milliseconds: how far its clock is from ours, and ours. That the latter is when the
# answer was there makes it seconds too late on a busy machine; the recorded moments are a minute apart.
sub clock_of
{
    return sql(qq{SELECT value + extract(epoch FROM collected_at) * 1000 FROM vitals.latest_metrics WHERE server = '$_[0]' AND metric = 'clock_skew_ms'});
}
sub clocks_differ_by { return abs(clock_of('procedures') - clock_of('batches')); }

sub snapshots { return snapshots_of($node, 'app', 'acme', $_[0]); }

within(20, 'each was polled', sub { snapshots('batches') > 0 && snapshots('procedures') > 0 && snapshots('missing') > 0 });
is(sql("SELECT string_agg(metric_group || ' ' || state, ', ') FROM vitals.group_status WHERE server = 'procedures' AND state NOT IN ('ok', 'absent')"), '', 'every procedure gave its rows');
is(values_of('procedures'), values_of('batches'), 'the values are those of batches');
cmp_ok(clocks_differ_by(), '<', 5000, 'so is the clock');
my $first_clock = clock_of('procedures');
sql("SELECT vitals.collect_now('$_')") foreach qw(batches procedures);
is(values_of('procedures'), values_of('batches'), 'so are rates');
cmp_ok(clocks_differ_by(), '<', 5000, 'and the clock');
cmp_ok(clock_of('procedures') - $first_clock, '>', 50_000, 'which is a minute later');
like(values_of('procedures'), qr/^batch_requests_sec\|\|1200\.00$/m, 'which are those of the fixture');
like(sql("SELECT last_error FROM vitals.collection_status WHERE server = 'missing'"), qr/procedure/i, 'a server without the procedures says so');

# -- what a person is told of single procedures, all others being there
$servers->control(1, replay => 'live');
sub change_procedure { Administrator::run_tsql($servers->port(1), $_[0]); return; }
sub install { Administrator::install_procedures($servers->port(1)); return; }
sub failed_checks
{
    return sql(q{SELECT c."check", c.detail, c.remedy FROM vitals.test_connection('procedures') AS c WHERE NOT c.ok});
}
my $remedy = 'run docs/mssql/install_procedures.sql of this version of pg_vitals there as an administrator';
is(failed_checks(), '', 'the preflight finds nothing');

change_procedure('DROP PROCEDURE vitals.collect_waits');
my $missing = q{the server reports error 2812: Could not find stored procedure 'vitals.collect_waits'.};
is(failed_checks(), "group waits|$missing|$remedy\nmetrics|group waits: $missing|$remedy", 'one that is missing: install them again');
install();
is(failed_checks(), '', 'which helps');

change_procedure(q{ALTER PROCEDURE vitals.collect_waits AS PRINT 'changed'});
my $changed = 'the statement gave no result set';
my $or_leave = "$remedy; if that does not help, leave the group out of metrics_enabled";
is(failed_checks(), "group waits|$changed|$or_leave\nmetrics|group waits: $changed|$or_leave", 'so with one that somebody changed');
install();

change_procedure('DROP PROCEDURE vitals.collect_sysinfo');
$missing =~ s/waits/sysinfo/;
is(failed_checks(), "group sysinfo|$missing|$remedy\nmetrics|$missing|$remedy", 'and with one that is read before all others');
change_procedure('DROP PROCEDURE vitals.collect_server');
$missing =~ s/sysinfo/server/;
is(failed_checks(), "version|$missing|$remedy", 'which may be what all others depend on');
install();

# A group of the tenant's own needs one, too, which the script does not make.
sql(q{SELECT vitals.add_metric_group('mine', 'SELECT 1 AS a', metrics => '[{"name": "mine_a", "source": "a"}]')});
$missing =~ s/server'/mine'/;
$remedy = 'make the procedure vitals.collect_mine there, with the statement of the group';
is(failed_checks(), "group mine|$missing|$remedy\nmetrics|group mine: $missing|$remedy", 'one of a group of the tenant\'s own: make it');
change_procedure('CREATE PROCEDURE vitals.collect_mine AS SELECT a FROM sys.no_such_view');
my $wrong = q{the server reports error 208: Invalid object name 'sys.no_such_view'.};
$remedy = 'correct the name, or give each version the statement that it understands: vitals.collect_mine on that server';
is(failed_checks(), "group mine|$wrong|$remedy\nmetrics|group mine: $wrong|$remedy", 'one that is wrong: the procedure is to be corrected, not the group');
change_procedure('ALTER PROCEDURE vitals.collect_mine AS SELECT 1 AS a');
is(failed_checks(), '', 'which helps');

$node->stop('fast');
$servers->stop;
done_testing();
