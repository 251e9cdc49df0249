# What happens to tenants while the collector runs: made, suspended, changed, damaged and dropped without a restart, and
# partitions kept, each change in a transaction of its own that waits for no user.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PgVitals;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $notice_limit = 5;
my $sample_limit = 10;

my $node = new_cluster('life', conf => "vitals.reload_interval = '200ms'");
my $collector = ready_database($node, 'app');
sub sql { return $node->safe_psql('app', $_[0]); }
sub tenants { return sql('SELECT tenants FROM vitals.worker_status'); }
sub problem_of { return sql("SELECT problem FROM vitals.tenants WHERE name = '$_[0]'"); }

# ---- made, suspended, resumed
sql("SELECT vitals.create_tenant('one')");
within($notice_limit, 'a new tenant is noticed', sub { tenants() eq '1' });
add_polled_server($node, 'app', 'one', 'here', connector => "'local'", metrics => q('{*}'));
within($sample_limit, 'and collected', sub { snapshots_of($node, 'app', 'one', 'here') > 0 });
is(sql("SELECT s.status, s.last_seen_at IS NOT NULL, s.last_error IS NULL, c.last_collected_at = s.last_seen_at
        FROM tenant_one.servers AS s JOIN tenant_one.collection_config AS c ON c.server_id = s.id"),
    'online|t|t|t', 'its tables show how it is');
cmp_ok(sql('SELECT count(DISTINCT metric_type_id) FROM tenant_one.metrics'), '>', 5, 'and what was read, as values');
sql("SELECT vitals.suspend_tenant('one')");
within($notice_limit, 'a suspended tenant is left alone', sub { tenants() eq '0' });
my $before = snapshots_of($node, 'app', 'one', 'here');
sql("SELECT vitals.resume_tenant('one')");
within($sample_limit, 'a resumed one is collected', sub { tenants() eq '1' && snapshots_of($node, 'app', 'one', 'here') > $before });

# ---- direct changes by the owner
sql('SET SESSION AUTHORIZATION tenant_one; UPDATE tenant_one.collection_config SET enabled = false');
within($notice_limit, 'an update of its tables is followed', sub { sql('SELECT targets FROM vitals.worker_status') eq '0' });
sql('SET SESSION AUTHORIZATION tenant_one; UPDATE tenant_one.collection_config SET enabled = true');
within($notice_limit, 'each time', sub { sql('SELECT targets FROM vitals.worker_status') eq '1' });
sql('SET SESSION AUTHORIZATION tenant_one; DELETE FROM tenant_one.servers');
within($notice_limit, 'and a delete, too', sub { sql('SELECT targets FROM vitals.worker_status') eq '0' });

# ---- damaged: its own status says so
sql("SELECT vitals.create_tenant('two')");
within($notice_limit, 'another tenant is noticed', sub { tenants() eq '2' });
sql('SET SESSION AUTHORIZATION tenant_one; ALTER TABLE tenant_one.servers RENAME TO gone');
within($notice_limit, 'a tenant sees what its owner broke',
    sub { sql("SET SESSION AUTHORIZATION tenant_one; SELECT problem FROM vitals.tenants") =~ /tenant_one.servers.* does not exist/ });
is(problem_of('two'), '', 'the other has no problem');
sql('SET SESSION AUTHORIZATION tenant_one; ALTER TABLE tenant_one.gone RENAME TO servers');
# After a failure it is tried again in five seconds.
within(10, 'a tenant that is mended has none, either', sub { problem_of('one') eq '' });

# ---- dropped while it is collected
add_polled_server($node, 'app', 'two', 'here', connector => "'local'");
within($sample_limit, 'the other is collected', sub { snapshots_of($node, 'app', 'two', 'here') > 0 });
my $dropping = background_session($node, 'app');
$dropping->query("BEGIN; SELECT vitals.drop_tenant('two', drop_data => true)");
# The tables are gone once the collector gets them.
sql("SELECT vitals.notify_collector()");
within($sample_limit, 'the collector waits for a tenant that is being dropped',
    sub { sql("SELECT wait_event_type FROM pg_stat_activity WHERE backend_type = 'pg_vitals collector'") eq 'Lock' });
$dropping->query('COMMIT');
$dropping->quit;
within($notice_limit, 'a dropped tenant is forgotten', sub { tenants() eq '1' });
unlike(slurp_file($node->logfile), qr/tenant "two" has a problem/, 'and has no problem');
is(sql("SELECT count(*) FROM pg_roles WHERE rolname = 'tenant_two'"), '0', 'its role is gone');
is(sql('SELECT last_error FROM vitals.worker_status') =~ /two/ ? 'two' : '', '', 'and it is nobody\'s problem');
is(collector_pid($node, 'app'), $collector, 'by the same collector');

# ---- partitions: what is missing is made, what is past retention dropped
sql("SELECT vitals.add_server('sql01', host => 'a')");
sql("INSERT INTO tenant_one.metrics (server_id, metric_type_id, value, collected_at)
     SELECT s.id, t.id, 1, now() - interval '100 days' FROM tenant_one.servers AS s, tenant_one.metric_types AS t WHERE t.name = 'load1'");
my $partitions = "SELECT count(*) FROM vitals.partitions_of('tenant_one')";
my $expired = "$partitions WHERE upper_bound < now() - interval '30 days'";
is(sql($expired), '1', 'a partition holds what is past retention');
my $ahead = "SELECT partition FROM vitals.partitions_of('tenant_one') WHERE lower_bound > now() ORDER BY lower_bound DESC LIMIT 1";
sql('DROP TABLE ' . sql($ahead));
# As if it had been stored then, with more sets than are removed at a time.
my $sets = sql('SELECT count(*) FROM tenant_one.series_sets') - 1;
sql("UPDATE tenant_one.series_sets SET used_on = current_date - 100 WHERE set_key = (SELECT max(set_key) FROM tenant_one.series_sets)");
sql("INSERT INTO tenant_one.series_sets (series_keys, hash, used_on) SELECT ARRAY[n], md5('made up ' || n)::uuid, current_date - 100 FROM generate_series(1, 1500) AS n");

# A user who reads it keeps it, and the collector waits for nobody.
my $reader = background_session($node, 'app');
$reader->query_safe('BEGIN; SELECT count(*) FROM tenant_one.server_snapshots');
new_collector();
within($sample_limit, 'a partition that is read cannot be dropped, and the tenant sees it',
    sub { problem_of('one') =~ /partitions.*lock timeout/ });
sql("SELECT vitals.create_tenant('three')");
add_polled_server($node, 'app', 'three', 'here', connector => "'local'");
within($sample_limit, 'collecting goes on', sub { snapshots_of($node, 'app', 'three', 'here') > 0 });
is(sql($expired), '1', 'it is still there');
$reader->query_safe('COMMIT');
$reader->quit;
new_collector();
within($sample_limit, 'then it is dropped', sub { sql($expired) eq '0' });
within($sample_limit, 'and the one ahead is made', sub { sql("$partitions WHERE lower_bound > now()") eq '2' });
within($sample_limit, 'with the sets that only it had', sub { sql('SELECT count(*) FROM tenant_one.series_sets') eq $sets });
is(sql("SELECT count(*) FROM tenant_one.server_snapshots AS n
        WHERE n.set_key IS NOT NULL AND NOT EXISTS (SELECT FROM tenant_one.set_members AS m WHERE m.set_key = n.set_key)"),
    '0', 'and with no others');
within($sample_limit, 'so that there is no problem left', sub { problem_of('one') eq '' });

# ---- another width, from the next partition on
sql("SELECT vitals.alter_tenant('one', partition_width => 'day')");
new_collector();
within($sample_limit, 'partitions ahead are a day wide',
    sub { sql("SELECT count(*) FROM vitals.partitions_of('tenant_one') WHERE lower_bound > now() AND upper_bound - lower_bound = '1 day'") eq '2' });

$node->stop;
done_testing();

# Maintenance is hourly, and is made soon after the start.
sub new_collector
{
    my $pid = collector_pid($node, 'app');
    sql("SELECT pg_terminate_backend($pid)");
    within(10, 'another collector runs', sub { (collector_serves($node, 'app') // $pid) != $pid });
    return;
}
