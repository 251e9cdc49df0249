# What the collector hands to probers and what it says of itself: metric groups reach the prober in time and run in their
# cycles, a tenant's bad ones cost nothing, group_status and the costs of polls are shown, collections are announced, and
# the collector's own figures are stored like those of a server. The prober is fleet_prober.pl.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use FleetProber;
use JSON::PP;
use PgVitals;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $change_limit = 2;
my $sample_limit = 10;

my $prober = FleetProber->new;
my $node = new_cluster('observation', install_path => $prober->install_path, conf => "vitals.collection_timeout = '2s'");
ready_database($node, 'app');
$node->safe_psql('app', "SELECT vitals.create_tenant('acme')");

sub sql { return $node->safe_psql('app', "SET vitals.tenant = 'acme'; $_[0]"); }

# A machine that is busy reads a tenant's tables so slowly that its sessions are told to wait.
sub collected { return (($node->psql('app', "SET vitals.tenant = 'acme'; SELECT c.status FROM vitals.collect_now('$_[0]') AS c"))[1] // '') =~ /online/; }

sub definitions { return grep { exists $_->{define} && defined $_->{group} } $prober->asked; }
sub polls { my ($host) = @_; return $prober->jobs($host, 'poll'); }

# -- built-in groups
add_polled_server($node, 'app', 'acme', 'one', host => "'one'", metrics => "'{*}'");
within($sample_limit, 'the server is polled', sub { status_of($node, 'app', 'acme', 'one') eq 'online|' });
my $builtin = sql('SELECT count(*) FROM vitals.metric_group_definitions()');
cmp_ok($builtin, '>', 5, 'the extension has groups');
is(scalar(definitions()), $builtin, 'and the prober was told each of them');
is(scalar(grep { !$_->{builtin} } definitions()), 0, 'as the extension\'s own');
ok(!exists((polls('one'))[0]{groups}), 'in the first poll all are due');

# -- their state, and what polls cost
within($sample_limit, 'the state of each group is shown', sub { sql('SELECT count(*) FROM vitals.group_status') == $builtin });
is(sql('SELECT DISTINCT server, state, duration_ms, rows, data_bytes, last_success_at = last_run_at, error_class IS NULL FROM vitals.group_status'),
    'one|ok|1.5|3|240|t|t', 'with what it took');
is(sql("SELECT login_ms, query_ms, bytes, rows, round_trips FROM vitals.collection_status WHERE server = 'one'"),
    '0|12.5|4096|' . 3 * $builtin . '|1', 'and what the poll cost');

# -- a tenant's own group
sub own_group
{
    my ($name, %more) = @_;
    return encode_json({ name => $name, variants => [ { min_version => 11, sql => 'SELECT 1 AS n' } ],
            metrics => [ { name => "${name}_n", kind => 'gauge', source => 'n' } ], %more });
}
sub insert_group
{
    my ($name, $definition) = @_;
    return sql("INSERT INTO tenant_acme.metric_groups (name, definition) VALUES ('$name', \$d\$$definition\$d\$)
                ON CONFLICT (name) DO UPDATE SET definition = excluded.definition; SELECT vitals.notify_collector()");
}
insert_group('mine', own_group('mine', builtin => JSON::PP::true));
within($change_limit, 'the prober is told of it', sub { grep { $_->{group} eq 'mine' } definitions() });
is((grep { $_->{group} eq 'mine' } definitions())[-1]{builtin}, 0, 'and not that it comes with the extension, whatever it says');

sql("INSERT INTO tenant_acme.metric_types (name, unit, description, kind) VALUES ('mine_n', '1', 'mine', 'gauge')");
like(sql("SELECT c.metrics FROM vitals.collect_now('one') AS c"), qr/"mine_n": 1/, 'its values are stored');
ok(!exists((polls('one'))[-1]{groups}), 'all groups are due in a poll that somebody asks for');

# -- only what is wanted: names of groups and of metrics
sql("UPDATE tenant_acme.collection_config SET metrics_enabled = '[\"mine\", \"cpu_percent\"]'; SELECT vitals.notify_collector()");
is(sql("SELECT c.metrics FROM vitals.collect_now('one') AS c"), '{"cpu_percent": 50, "mine_n": 1}',
    'of a group that is enabled all metrics are stored, and none that is not');

# -- slow groups: every n-th cycle. The poll after that of the request is the second cycle.
insert_group('slow', own_group('slow', every => 3600));
sql("UPDATE tenant_acme.collection_config SET metrics_enabled = '[\"*\"]', interval_seconds = 30; SELECT vitals.notify_collector()");
within($change_limit, 'the slow group is known', sub { grep { $_->{group} eq 'slow' } definitions() });
my $asked = scalar(polls('one'));
within(50, 'the next poll of the schedule runs all that is new', sub { @{ [ polls('one') ] } > $asked });
within(50, 'and the one after that says what is due', sub { (polls('one'))[-1]{groups} });
ok((grep { $_ eq 'mine' } @{ (polls('one'))[-1]{groups} }), 'the fast group is');
ok(!(grep { $_ eq 'slow' } @{ (polls('one'))[-1]{groups} }), 'the slow one is not');

# -- hostile definitions
insert_group('broken', '{"name": "broken", "sql": "DROP TABLE"}');
insert_group('othername', own_group('something_else'));
my $first_builtin = sql('SELECT min(name) FROM vitals.metric_group_definitions() WHERE connector = \'mssql\'');
insert_group($first_builtin, own_group($first_builtin));
sql("INSERT INTO tenant_acme.metric_groups (name, definition) VALUES ('huge', jsonb_build_object('name', 'huge', 'x', repeat('x', 3000000))); SELECT vitals.notify_collector()");
within($change_limit, 'the tenant sees what is wrong', sub {
    my $problem = sql("SELECT problem FROM vitals.tenants WHERE name = 'acme'");
    $problem =~ /"broken" is left out/ && $problem =~ /"othername" is left out/ && $problem =~ /"\Q$first_builtin\E" is left out/
      && $problem =~ /"huge" is left out/ });
note(sql("SELECT problem FROM vitals.tenants WHERE name = 'acme'"));
within($sample_limit, 'and its servers are polled all the same', sub { collected('one') });
is(scalar(grep { $_->{group} =~ /broken|othername|something_else|huge/ } definitions()), 0, 'the prober hears of none of them');
sql("DELETE FROM tenant_acme.metric_groups WHERE name <> 'mine'; SELECT vitals.notify_collector()");
within($change_limit, 'once they are gone, so is the problem', sub { sql("SELECT problem IS NULL FROM vitals.tenants WHERE name = 'acme'") eq 't' });
sql('ALTER TABLE tenant_acme.metric_groups RENAME TO elsewhere; SELECT vitals.notify_collector()');
within($change_limit, 'that the table is gone is a problem', sub { sql("SELECT problem ~ 'metric groups' FROM vitals.tenants WHERE name = 'acme'") eq 't' });
within($sample_limit, 'but none of its servers', sub { collected('one') });
sql('ALTER TABLE tenant_acme.elsewhere RENAME TO metric_groups; SELECT vitals.notify_collector()');

# -- announcements
my $listener = background_session($node, 'app');
$listener->query('LISTEN vitals_acme');
sql("SELECT vitals.collect_now('one')");
unlike($listener->query('SELECT 1'), qr/notification/, 'nothing is announced by default');
sql('UPDATE tenant_acme.settings SET notify = true; SELECT vitals.notify_collector()');
my $heard = '';
within($sample_limit, 'a collection is announced to who listens', sub {
    sql("SELECT vitals.collect_now('one')");
    $heard .= $listener->query('SELECT 1');
    $heard =~ /notification "vitals_acme" with payload "(\{.*\})" received/ });
my ($payload) = $heard =~ /with payload "(\{.*?\})" received/;
my $announced = decode_json($payload // '{}');
is($announced->{server}, 'one', 'with its server');
is($announced->{metrics}{cpu_percent}, 50, 'its values');
is(sql("SELECT count(*) FROM tenant_acme.server_snapshots WHERE id = '$announced->{id}'"), '1', 'and its id');
# More than fits.
sql(qq{INSERT INTO tenant_acme.metric_types (name, unit, description, kind) SELECT 'long_' || repeat('x', 80) || n, '1', '', 'gauge' FROM generate_series(1, 120) AS n});
is(sql(qq{SELECT stored, rejected, reason FROM vitals.store_polls('tenant_acme', jsonb_build_object(
        'sets', jsonb_build_array((SELECT jsonb_agg(jsonb_build_array(name, '')) FROM tenant_acme.metric_types WHERE name LIKE 'long!_x%' ESCAPE '!')),
        'polls', jsonb_build_array(jsonb_build_object('server_id', vitals.find_server('one'), 'collected_at', now(), 'started_at', now(),
            'next_due_at', now(), 'status', 'online', 'collected', true, 'consecutive_failures', 0, 'lag_ms', 0,
            'duration_ms', 1, 'set', 0, 'vals', (SELECT array_agg(1) FROM generate_series(1, 120))::text))), true)}), '1|0|', 'a long one is stored');
$heard = '';
within($sample_limit, 'one that is too long is announced as well', sub {
    $heard .= $listener->query('SELECT 1');
    $heard =~ /"cut" : true/ });
unlike($heard, qr/long_x/, 'without what does not fit');
# Nobody's listening may cost a sample.
sql('ALTER VIEW tenant_acme.metric_snapshots RENAME TO gone');
my $stored = snapshots_of($node, 'app', 'acme', 'one');
$node->psql('app', "SET vitals.tenant = 'acme'; SELECT vitals.collect_now('one')");
is(snapshots_of($node, 'app', 'acme', 'one'), $stored + 1, 'a collection that cannot be announced is stored');
sql('ALTER VIEW tenant_acme.gone RENAME TO metric_snapshots');
$listener->quit;

# -- the collector as a server
my ($code, $out, $err) = $node->psql('app', "SET ROLE tenant_acme; SELECT vitals.add_server('self', connector => 'collector')");
like($err, qr/permission denied for connector/, 'a tenant cannot watch the collector');
sql("SELECT vitals.add_server('self', connector => 'collector'); SELECT vitals.collection_start('self')");
within($change_limit, 'the collector knows of it', sub { ($node->psql('app', "SET vitals.tenant = 'acme'; SELECT vitals.collect_now('self')"))[0] == 0 });
my $metrics;
# They are counted with what is published, which is not after each poll.
within($change_limit, 'its figures are metrics', sub {
    $metrics = decode_json(sql("SELECT c.metrics FROM vitals.collect_now('self') AS c"));
    $metrics->{collector_servers} == 2 });
cmp_ok($metrics->{collector_resident_bytes}, '>', 1_000_000, 'its memory is one');
ok(defined $metrics->{collector_cpu_percent}, 'its CPU is known with the second sample');
ok(defined $metrics->{collector_cycles_skipped}, 'so are the cycles that were skipped');
is($metrics->{collector_errors}{timeout}, 0, 'errors are by class');
ok(exists $metrics->{prober_in_flight}{acme}, 'probers by tenant');
is(sql("SELECT count(*) FROM vitals.test_connection('self') WHERE ok"), '1', 'it can be tested');
is(sql("SELECT count(*) FROM vitals.latest_metrics WHERE server = 'self' AND metric LIKE 'collector%' AND value IS NULL"), '0',
    'of each value something is known');

# -- the worker
within($sample_limit, 'lag and work are shown',
    sub { sql("SELECT lag_p50 < '1 s', lag_p99 < '1 s', due, overdue, samples_stored > 5 FROM vitals.worker_status") eq 't|t|0|0|t' });
within($sample_limit, 'the memory of a prober is shown', sub { sql("SELECT resident_bytes > 1000000 FROM vitals.probers") eq 't' });

$node->stop;
done_testing();
